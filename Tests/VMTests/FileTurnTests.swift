// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import CAgentOS
import Testing

@Suite("Calls on files at the same time: what is sent (FileTurns)", .timeLimit(.minutes(10)))
struct FileTurnTests {
    /// The first call holds its turn until its rename is answered.
    private static func peer() -> ScriptedPeer {
        FileRules.tree(
            [:],
            more: [FileRules.on("rename", "{\"delay\":500},{\"default\":true}", path: "/d/a")]
        )
    }

    /// Runs the bodies on threads of their own once a removal has its turn, and waits for all.
    private func whileRemoving(_ peer: ScriptedPeer, _ vm: HostVM, _ bodies: [@Sendable () -> Void]) {
        onThreads(1 + bodies.count) { index in
            if index == 0 {
                #expect(throws: Never.self) { try vm.unlink("/d/a") }
                return
            }
            #expect(peer.wait { $0.fileCalls.contains("rename /d/a") })
            bodies[index - 1]()
        }
    }

    @Test("nothing of another change is sent between the requests of a removal, nor a question of it")
    func between() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        whileRemoving(
            peer,
            vm,
            [
                { #expect(throws: Never.self) { try vm.write("/e/b", "x") } },
                { #expect(throws: Never.self) { _ = try vm.exists("/e/c") } },
            ]
        )
        let calls = peer.fileCalls
        let rename = try #require(calls.firstIndex(of: "rename /d/a"))
        #expect(calls[rename + 1].hasPrefix("remove_file /d/.aos-unlink-"), "\(calls)")
        #expect(
            calls.contains("write_file /e/b") && calls.dropFirst(rename).contains { $0.hasSuffix("/e/c") }
        )
    }

    @Test("one whose time is over while it waits sends nothing and says what it was about")
    func outOfTime() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let late: @Sendable () -> Void = {
            let error = failure { try vm.write("/e/b", Array("x".utf8), limit: 50 * millisecond) }
            #expect(error?.status == AOS_E_DEADLINE)
            #expect(error?.detail["operation"]?.stringValue == "writeFile")
            #expect(error?.detail["path"]?.stringValue == "/e/b")
        }
        whileRemoving(peer, vm, [late])
        #expect(!peer.fileCalls.contains { $0.hasSuffix("/e/b") })
        try vm.write("/e/b", "x")
        #expect(peer.fileCalls.contains("write_file /e/b"))
    }
}
