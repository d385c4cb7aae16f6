// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "The limit of frames that a process names is what we take from it (sidecar-lifecycle.md 7.4)",
    .serialized
)
struct FrameLimitTests {
    private static let fatal = "sidecar transport disconnected: sidecar protocol error: "

    /// A VM of a process that names this limit and acts so on a path.
    private func vm(limit: Int, _ rules: [(path: String, actions: String)]) throws -> HostVM {
        let answer =
            #"{"answer":{"type":"authenticated","sidecar_id":"s","connection_id":"conn-1","max_frame_bytes":\#(limit)}}"#
        let all =
            [ScriptedPeer.on("authenticate", answer)] + rules.map { ScriptedPeer.onPath($0.path, $0.actions) }
        return try ScriptedPeer("[\(all.joined(separator: ","))]").plainSidecar().createVM()
    }

    /// Output of a process that nobody knows, in a frame of so many bytes behind its prefix.
    private func event(_ size: Int) throws -> String {
        func frame(_ chunk: Int) throws -> Int {
            let owner = VmOwnership(connectionId: "conn-1", sessionId: "session-1", vmId: "vm-1")
            let output = ProcessOutputEvent(
                processId: "nobody",
                channel: .stdout,
                chunk: [UInt8](repeating: 0x78, count: chunk)
            )
            let event = EventFrame(
                schema: Dialect.schema,
                ownership: .vm(owner),
                payload: .processOutput(output)
            )
            return try FrameCodec.encode(.event(event), limit: 1 << 30).count - FrameCodec.prefixSize
        }
        let chunk = try #require(try (0..<size).reversed().first { try frame($0) <= size })
        #expect(try frame(chunk) == size)
        return
            #"{"event":{"type":"process_output","process_id":"nobody","channel":"stdout","chunk":{"bytes":\#(chunk),"fill":"x"}}}"#
    }

    @Test("a frame of exactly the limit is taken, one byte more is fatal")
    func small() throws {
        let vm = try vm(
            limit: 4096,
            [
                ("/fits", try event(4096) + #",{"default":true}"#),
                ("/large", try event(4097) + #",{"default":true}"#),
            ]
        )
        #expect(try vm.exists("/fits"))
        #expect(vm.sidecar.diagnostic("unknownEvents") == 1)
        let error = try #require(failure { _ = try vm.exists("/large") })
        #expect(error.message == Self.fatal + "protocol frame is 4097 bytes, limit is 4096", "\(error)")
        #expect(eventually { vm.sidecar.processID == nil })
    }

    @Test("a larger limit than the usual one lets larger frames in")
    func large() throws {
        let answer =
            #"{"answer":{"type":"guest_filesystem_result","operation":"read_file","path":"$path","content":{"bytes":3000000,"fill":"x"},"encoding":"utf8"}}"#
        let vm = try vm(limit: 8 << 20, [("/x", answer)])
        #expect(try vm.read("/x") == [UInt8](repeating: 0x78, count: 3_000_000))
        let usual = try ScriptedPeer("[\(ScriptedPeer.onPath("/x", answer))]").plainSidecar().createVM()
        let error = try #require(failure { _ = try usual.read("/x") })
        #expect(error.message.hasPrefix(Self.fatal + "protocol frame is 3000"), "\(error)")
        #expect(error.message.hasSuffix(" bytes, limit is 1048576"), "\(error)")
    }

    @Test("of a limit above 64 MiB we take 64 MiB, and not a byte more")
    func largest() throws {
        let rules = [("/most", #"{"hex":"04000000"},{"exit":0}"#), ("/more", #"{"hex":"04000001"}"#)]
        let texts = [
            "/most":
                "sidecar transport disconnected: sidecar process exited with code 0 (truncated frame: 0 of 67108864 bytes)",
            "/more": Self.fatal + "protocol frame is 67108865 bytes, limit is 67108864",
        ]
        for (path, text) in texts {
            let vm = try vm(limit: 200 << 20, rules)
            // What we may send is what it said.
            #expect(vm.sidecar.diagnostic("maxFrameBytes") == 200 << 20)
            #expect(failure { _ = try vm.exists(path) }?.message == text)
        }
    }
}
