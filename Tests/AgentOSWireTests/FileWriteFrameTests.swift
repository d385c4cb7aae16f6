// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("FileWriteFrame and EncodedContent (filesystem.md 3.1 and 3.2)")
struct FileWriteFrameTests {
    private func encoded(_ bytes: [UInt8]) -> EncodedContent { bytes.withUnsafeBytes { EncodedContent($0) } }

    /// The request that the parts stand for.
    private func request(_ path: String, _ content: EncodedContent, _ owner: OwnershipScope) -> ProtocolFrame
    {
        let call = GuestFilesystemCallRequest(
            operation: .writeFile,
            path: path,
            content: String(decoding: content.text, as: UTF8.self),
            encoding: content.isBase64 ? .base64 : nil,
            recursive: false
        )
        return .request(
            RequestFrame(
                schema: Dialect.schema,
                requestId: 0x0102_0304,
                ownership: owner,
                payload: .guestFilesystemCall(call)
            )
        )
    }

    static let contents: [[UInt8]] = [
        [], Array("text\n".utf8), Array("\u{FEFF}e\u{301}\0".utf8), [0xFF, 0, 0x80],
        [UInt8](repeating: 0x0A, count: 100),
        Array(UInt8.min...UInt8.max), [UInt8](repeating: UInt8(ascii: "x"), count: 20_000),
    ]

    @Test(
        "the parts with the content between them are what FrameCodec writes, but for the id",
        arguments: contents
    )
    func parts(bytes: [UInt8]) throws {
        for (path, owner) in [("/f", OwnershipScope.testVM), (String(repeating: "ü", count: 300), .testVM)] {
            let content = encoded(bytes)
            let frame = FileWriteFrame(path: path, content: content)
            let (head, tail) = try frame.parts(FrameOwner(owner), limit: Dialect.defaultMaximumFrameSize)
            var whole = head + content.text + tail
            let place = FrameCodec.requestIDOffset..<FrameCodec.requestIDOffset + 8
            #expect(whole[place].allSatisfy { $0 == 0 })
            whole.replaceSubrange(place, with: [4, 3, 2, 1, 0, 0, 0, 0])
            #expect(try FrameCodec.encode(request(path, content, owner)) == whole)
        }
    }

    @Test("the limit is that of the whole frame, inclusive")
    func limit() throws {
        let content = encoded(Array("some text".utf8))
        let frame = FileWriteFrame(path: "/f", content: content)
        let size = try FrameCodec.encode(request("/f", content, .testVM)).count - FrameCodec.prefixSize
        _ = try frame.parts(FrameOwner(.testVM), limit: size)
        #expect(throws: FrameError.tooLarge(size: size, limit: size - 1)) {
            try frame.parts(FrameOwner(.testVM), limit: size - 1)
        }
    }

    @Test("content comes back byte for byte, in either form", arguments: contents)
    func lossless(bytes: [UInt8]) {
        let content = encoded(bytes)
        #expect(content.byteCount == bytes.count)
        #expect((content.isBase64 ? Base64Reference.decode(content.text) : content.text) == bytes)
    }

    @Test("what is not UTF-8 goes as base64, and base64 is not lengthened by JSON")
    func binary() {
        let content = encoded([0xFF, 0xFE])
        #expect(content.isBase64)
        #expect(content.text == Array("//4=".utf8))
        #expect(content.accountedSize == 4)
    }

    @Test("UTF-8 goes as text while its size in JSON is not above that of base64, the border included")
    func textOrBase64() {
        // 3 bytes, base64 4: one escape more is as large, two are larger.
        #expect(!encoded(Array("abc".utf8)).isBase64)
        #expect(!encoded(Array("a\nb".utf8)).isBase64)
        #expect(encoded(Array("a\n\n".utf8)).isBase64)
        #expect(encoded([0x01]).isBase64)
        #expect(encoded([]).isBase64 == false)
    }

    @Test("the accounted size is the size inside a JSON string", arguments: contents)
    func accountedSize(bytes: [UInt8]) {
        let content = encoded(bytes)
        let json = JSONWriter.bytes(.string(String(decoding: content.text, as: UTF8.self)))
        #expect(content.accountedSize == json.count - 2)
    }

    @Test("random text takes the smaller form")
    func smaller() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                ([0x0A, 0x22, 0x61, 0x62, 0x01] as [UInt8]).randomElement(using: &generator) ?? 0
            }
            let asText = JSONWriter.bytes(.string(String(decoding: bytes, as: UTF8.self))).count - 2
            let asBase64 = (bytes.count + 2) / 3 * 4
            #expect(encoded(bytes).isBase64 == (asText > asBase64))
            #expect(encoded(bytes).accountedSize == min(asText, asBase64))
        }
    }
}
