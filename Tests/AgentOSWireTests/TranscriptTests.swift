// SPDX-License-Identifier: Apache-2.0
import AgentOSFuzzing
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("Transcripts of the real sidecar (Tests/Corpus/transcripts)")
struct TranscriptTests {
    static let files: [String] =
        (try? Repository.files(under: "Tests/Corpus/transcripts", suffix: ".jsonl")) ?? []

    /// Transcripts in which the host sent one broken frame on purpose, and what is wrong with it.
    static let broken: [Substring: String] = [
        "x_eof_in_payload.jsonl": "LengthPrefixMismatch", "x_id_zero.jsonl": "InvalidRequestId",
        "x_limit_plus1.jsonl": "FrameTooLarge", "x_schema_name.jsonl": "UnsupportedSchema",
        "x_scope.jsonl": "InvalidOwnershipScope", "x_trailing.jsonl": "DeserializeFailure",
    ]

    @Test(
        "all transcripts are there: 86 files with 2621 frames in bytes (55 of them shortened) and 593 without"
    )
    func count() throws {
        #expect(Self.files.count == 86)
        let lines = try Self.files.flatMap(JSONLines.read)
        #expect(lines.count { $0["hex"] != nil } == 2621)
        #expect(lines.count { Self.isShortened($0) } == 55)
        #expect(lines.count { $0["value"] != nil && $0["hex"] == nil } == 593)
    }

    @Test("every frame of a transcript decodes completely and is encoded to the same bytes", arguments: files)
    func frames(file: String) throws {
        var refused = 0
        var shortened = 0
        for (index, line) in try JSONLines.read(file).enumerated() {
            guard let hex = line["hex"]?.stringValue else { continue }
            guard let bytes = Hex.bytes(hex) else {
                shortened += 1
                try checkShortened(hex)
                continue
            }
            // Some were sent larger than the limit, to see what happens.
            if let kind = Self.broken[file.split(separator: "/").last ?? ""], line["dir"] == .string("out") {
                do throws(FrameError) { _ = try FrameCodec.decode(bytes) } catch {
                    #expect(error.kind == kind)
                    refused += 1
                    continue
                }
            }
            let frame = try FrameCodec.decode(bytes, limit: 64 << 20)
            #expect(try FrameCodec.encode(frame, limit: 64 << 20) == bytes, "line \(index + 1)")
            let problem = bytes.dropFirst(FrameCodec.prefixSize).withUnsafeBytes { FuzzTargets.check($0) }
            #expect(problem == nil, "line \(index + 1)")
            // One transcript has a host that sends an event, to see what happens.
            let isInbound = line["dir"] == .string("in") || frame.typeName == "event"
            if case .unexpected = try InboundFrame.decode(
                payload: Array(bytes.dropFirst(FrameCodec.prefixSize))
            ) {
                #expect(!isInbound, "line \(index + 1)")
            } else {
                #expect(isInbound, "line \(index + 1)")
            }
        }
        let expected = try JSONLines.read(file).count { Self.isShortened($0) }
        #expect(shortened == expected)
        #expect(refused == (Self.broken[file.split(separator: "/").last ?? ""] == nil ? 0 : 1))
    }

    private static func isShortened(_ line: JSONValue) -> Bool {
        line["hex"]?.stringValue?.contains("...(") ?? false
    }

    /// `000049...(300061 bytes)`: of long frames the first bytes are kept, and the size of the whole.
    private func checkShortened(_ hex: String) throws {
        let parts = hex.split(separator: "...(")
        let start = try #require(parts.first.flatMap { Hex.bytes($0) })
        let size = try #require(parts.last.flatMap { Int($0.prefix { $0.isNumber }) })
        let declared = start.prefix(FrameCodec.prefixSize).reduce(0) { $0 << 8 | Int($1) }
        #expect(declared == size - FrameCodec.prefixSize)
        try start.dropFirst(FrameCodec.prefixSize).withUnsafeBytes { try Dialect.check($0) }
    }

    @Test("every frame that a transcript has no bytes of survives both forms", arguments: files)
    func values(file: String) throws {
        for (index, line) in try JSONLines.read(file).enumerated()
        where line["hex"] == nil && line["value"] != nil {
            var converter = try VectorValue()
            let json = try converter.jsonForm(line["value"])
            let frame = try ProtocolFrame(json: json)
            let again = try FrameCodec.decode(try FrameCodec.encode(frame, limit: 64 << 20), limit: 64 << 20)
            #expect(again.json == json, "line \(index + 1)")
        }
    }
}
