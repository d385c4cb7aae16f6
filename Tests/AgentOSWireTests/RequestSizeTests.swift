// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@Suite("RequestSize: what the sidecar counts (wire-protocol.md 15.1)")
struct RequestSizeTests {
    @Test("the size of every golden request is that of its JSON form", arguments: Vector.requests)
    func golden(vector: Vector) throws {
        let decoded = try FrameCodec.decode(vector.frame)
        guard case .request(let frame) = decoded else { throw VectorError("no request") }
        #expect(try JSONFrameCodec.encode(decoded).count == RequestSize.jsonSize(of: frame))
    }

    private func stdin(_ chunk: [UInt8]) -> RequestFrame {
        RequestFrame(
            schema: Dialect.schema,
            requestId: 1,
            ownership: .testVM,
            payload: .writeStdin(WriteStdinRequest(processId: "p\n", chunk: chunk))
        )
    }

    @Test("standard input is counted as the numbers it becomes", arguments: [0, 1, 2, 10, 255, 1000])
    func writeStdin(count: Int) throws {
        let frame = stdin((0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) })
        #expect(try JSONFrameCodec.encode(.request(frame)).count == RequestSize.jsonSize(of: frame))
    }

    @Test("262 000 bytes of ff fit the limit, 262 144 do not")
    func limit() {
        #expect(
            RequestSize.jsonSize(of: stdin([UInt8](repeating: 0xFF, count: 262_000)))
                <= Dialect.defaultMaximumFrameSize
        )
        #expect(
            RequestSize.jsonSize(of: stdin([UInt8](repeating: 0xFF, count: 262_144)))
                > Dialect.defaultMaximumFrameSize
        )
    }
}
