// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("The limits of stdin, which freeze or end a sidecar (process.md 6, X5)")
struct InputLimitTests {
    private typealias S = ProcessScript

    private static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: count) }

    private static func peer() -> ScriptedPeer {
        S.peer(S.on("execute", command: "ends", S.answer, S.exit(0)), S.on("execute", S.answer))
    }

    @Test("stdin of a command is one write, or is refused before anything is sent (case 33)")
    func exec() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.run("ends", stdin: Self.bytes(300_000)) }
        #expect(error?.status == AOS_E_TOO_LARGE && error?.kind == "too_large")
        #expect(
            error?.detail["size"]?.integerValue == 300_000 && error?.detail["limit"]?.integerValue == 245_760
        )
        #expect(failure { _ = try vm.run("ends", stdin: Self.bytes(245_761)) }?.status == AOS_E_TOO_LARGE)
        #expect(peer.typesAfterCreation == [])
        _ = try vm.run("ends", stdin: Self.bytes(200_000))
        _ = try vm.run("ends", stdin: Self.bytes(245_760))
        #expect(peer.wait { $0.chunkSizes == [200_000, 245_760] })
        let op = try vm.submitExec("ends", stdin: Self.bytes(300_000))
        #expect(try end(of: op, vm.sidecar)?.status == AOS_E_TOO_LARGE)
    }

    /// Writes that are sent, then one that is refused.
    struct Case: Sendable, CustomTestStringConvertible {
        let sent: [Int]
        let refused: Int
        var testDescription: String { "\(sent), then \(refused)" }
    }

    @Test(
        "a write that would freeze the sidecar is refused and not sent (case 34)",
        arguments: [
            Case(sent: [65_536], refused: 1), Case(sent: [65_535, 4097], refused: 1),
            Case(sent: [65_000], refused: 1000),
            Case(sent: [200_000], refused: 1), Case(sent: [245_760], refused: 245_760),
            Case(sent: [60_000, 60_000], refused: 60_000), Case(sent: [65_535, 1], refused: 1),
            Case(sent: [61_440, 4096], refused: 1), Case(sent: [61_441], refused: 4096),
            Case(sent: [], refused: 245_761),
            Case(sent: [Int](repeating: 4096, count: 16), refused: 4096),
            Case(sent: [Int](repeating: 1000, count: 65), refused: 1000), Case(sent: [10], refused: 245_761),
        ]
    )
    func freeze(given: Case) throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        for count in given.sent { try process.write(Self.bytes(count)) }
        let error = failure { try process.write(Self.bytes(given.refused)) }
        #expect(error?.status == AOS_E_TOO_LARGE && error?.kind == "too_large")
        let written = given.sent.reduce(0, +)
        let limit = "stdin limit of this sidecar reached"
        #expect(
            error?.message == "\(limit): \(written) bytes written, \(given.refused) more would block it"
        )
        #expect(peer.chunkSizes == given.sent)
        // What was refused is not counted, and nothing else is spoiled.
        try process.closeInput()
        try process.kill("TERM")
        #expect(try process.finish().last.value == 143)
    }

    @Test("what fits beside a refused write is still sent")
    func refusedIsNotCounted() throws {
        let peer = Self.peer()
        let process = try peer.sidecar().createVM().spawn(["x"])
        try process.write(Self.bytes(65_000))
        #expect(failure { try process.write(Self.bytes(1000)) }?.status == AOS_E_TOO_LARGE)
        try process.write(Self.bytes(536))
        #expect(peer.chunkSizes == [65_000, 536])
        try process.kill("TERM")
        _ = try process.finish()
    }

    @Test("each process has a count of its own")
    func separate() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let processes = try (0..<3).map { _ in try vm.spawn(["x"]) }
        for process in processes { try process.write(Self.bytes(65_536)) }
        #expect(peer.chunkSizes == [65_536, 65_536, 65_536])
        for process in processes {
            try process.kill("TERM")
            _ = try process.finish()
        }
    }

    @Test("without the guard all is sent, in pieces that fit and cut no character (case 34)")
    func unguarded() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM(.members(["stdinGuard": .bool(false)]))
        let process = try vm.spawn(["x"])
        for count in [65_536, 1, 4096, 300_000] { try process.write(Self.bytes(count)) }
        #expect(peer.chunkSizes == [65_536, 1, 4096, 245_760, 54_240])
        // A character of three bytes: 245,760 is a multiple of three, one byte in front shifts the cut into
        // it.
        try process.write([0x61] + Array(String(repeating: "€", count: 100_000).utf8))
        #expect(peer.chunkSizes.suffix(2) == [245_758, 54_243])
        // Bytes that are no text may be cut anywhere.
        try process.write([UInt8](repeating: 0xBF, count: 245_761))
        #expect(peer.chunkSizes.suffix(2) == [245_760, 1])
        try process.kill("TERM")
        _ = try process.finish()
    }

    @Test("a bad length or pointer is refused")
    func arguments() throws {
        let peer = Self.peer()
        let process = try peer.sidecar().createVM().spawn(["x"])
        let handle = process.sidecar.handle
        #expect(
            failure { try check { aos_process_write_stdin(handle, process.id, nil, 1, second, $0) } }?.status
                == AOS_E_INVALID
        )
        #expect(
            failure { try check { aos_process_write_stdin(handle, process.id, [1], -1, second, $0) } }?.status
                == AOS_E_INVALID
        )
        #expect(
            failure { try check { aos_process_write_stdin(nil, process.id, [1], 1, second, $0) } }?.status
                == AOS_E_INVALID
        )
        try check { aos_process_write_stdin(handle, process.id, nil, 0, second, $0) }
        try process.kill("TERM")
        _ = try process.finish()
        #expect(peer.chunkSizes.allSatisfy { $0 == 0 })
    }
}
