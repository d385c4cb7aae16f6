// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("RequestEncoder: what the sidecar would refuse for its size is refused here (transport.md 4.2)")
struct RequestEncoderTests {
    private static let limit = Dialect.defaultMaximumFrameSize
    private static let owner = OwnershipScope.vm(
        VmOwnership(connectionId: "conn-1", sessionId: "session-1", vmId: "vm-1")
    )

    private func file(_ bytes: Int) -> RequestPayload {
        var call = GuestFilesystemCallRequest(operation: .writeFile, path: "/x", recursive: false)
        call.content = String(repeating: "x", count: bytes)
        return .guestFilesystemCall(call)
    }

    private func input(_ bytes: Int, of byte: UInt8) -> RequestPayload {
        .writeStdin(WriteStdinRequest(processId: "p", chunk: [UInt8](repeating: byte, count: bytes)))
    }

    /// What the frame has behind its prefix.
    private func size(_ payload: RequestPayload) throws -> Int {
        try FrameCodec.encode(request: payload, FrameOwner(Self.owner), limit: 1 << 30).count
            - FrameCodec.prefixSize
    }

    private func error(_ payload: RequestPayload, limit: Int = limit) throws -> ClientError {
        var found: ClientError?
        let owner = FrameOwner(Self.owner)
        do throws(ClientError) { _ = try RequestEncoder.encode(payload, owner, limit: limit) } catch {
            found = error
        }
        return try #require(found)
    }

    @Test("a file call of 1,100,000 bytes, in the codec's words (case 8)")
    func largeFile() throws {
        let payload = file(1_100_000)
        let size = try size(payload)
        #expect(size > 1_100_000 && size < 1_101_000)
        let error = try error(payload)
        #expect(error.kind == .tooLarge && error.detail.code == nil)
        #expect(error.message == "protocol frame is \(size) bytes, limit is 1048576")
        #expect(error.detail.size == size && error.detail.limit == 1_048_576)
    }

    @Test("300,000 bytes of 255 to a program, which fit as BARE, in the sidecar's words (case 9)")
    func largeInput() throws {
        let payload = input(300_000, of: 0xFF)
        #expect(try size(payload) < Self.limit)
        let error = try error(payload)
        #expect(error.kind == .tooLarge && error.detail.code == "frame_too_large")
        // "255," each, but the last, and what stands around them.
        let size = try #require(error.detail.size)
        #expect(size > 1_200_000 && size < 1_201_000)
        #expect(error.message == "request frame is \(size) bytes, limit is 1048576")
        #expect(error.detail.limit == 1_048_576)
    }

    @Test("the same of one digit each fit in both forms, and are as the codec makes them")
    func smallDigits() throws {
        let payload = input(300_000, of: 7)
        let bytes = try RequestEncoder.encode(payload, FrameOwner(Self.owner), limit: Self.limit)
        #expect(try bytes == FrameCodec.encode(request: payload, FrameOwner(Self.owner), limit: Self.limit))
    }

    @Test("at the limit a frame is measured as JSON, one byte below it is refused as BARE")
    func border() throws {
        let payload = file(5_000)
        let size = try size(payload)
        let refused = try error(payload, limit: size - 1)
        #expect(refused.message == "protocol frame is \(size) bytes, limit is \(size - 1)")
        let measured = try error(payload, limit: size)
        let json = try #require(measured.detail.size)
        #expect(json > size && measured.message == "request frame is \(json) bytes, limit is \(size)")
        let short = try error(payload, limit: json - 1)
        #expect(short.message == "request frame is \(json) bytes, limit is \(json - 1)")
        #expect(try RequestEncoder.encode(payload, FrameOwner(Self.owner), limit: json).count == size + 4)
    }

    @Test("the JSON form counts with the longest number that a request can have")
    func longestNumber() throws {
        let payload = file(5_000)
        let json = try #require(try error(payload, limit: try size(payload)).detail.size)
        let frame = RequestFrame(
            schema: Dialect.schema,
            requestId: .max,
            ownership: Self.owner,
            payload: payload
        )
        #expect(json == RequestSize.jsonSize(of: frame))
    }

    @Test("what a VM cannot ask for is told as the codec tells it, and is no matter of size")
    func invalid() throws {
        let hello = AuthenticateRequest(clientName: "c", authToken: "t", bridgeVersion: 1)
        let error = try error(.authenticate(hello))
        #expect(error.kind == .transport && error.detail.request == "authenticate", "\(error.message)")
        #expect(error.detail.size == nil && error.detail.code == nil)
    }
}
