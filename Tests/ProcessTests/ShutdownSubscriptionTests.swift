// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("What is open on a VM when it is shut down (vm.md 17, 41)", .timeLimit(.minutes(10)))
struct ShutdownSubscriptionTests {
    private typealias S = ProcessScript

    private struct Open {
        let name: String
        let op: aos_id
        /// What comes before the end.
        let items: [String]
    }

    /// Programs that say something at their start and in their end, which a signal brings.
    private static func peer() -> ScriptedPeer {
        S.barePeer(
            S.on("execute", S.answer, S.output("first")),
            S.on("kill_process", S.answer, S.output("last"), S.exit(143))
        )
    }

    @Test("subscriptions and waits of every kind get one end, after their last item and in the shutdown")
    func everyKind() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let sidecar = vm.sidecar
        let process = try vm.spawn(["x"])
        let shell = try vm.openShell()
        let both = ["first", "last"]
        let open = [
            Open(name: "spawn", op: process.op, items: both),
            Open(name: "aos_process_subscribe", op: try process.subscribe().op, items: both),
            Open(name: "aos_process_wait_async", op: try process.submitWait(), items: []),
            Open(name: "aos_shell_open", op: shell.op, items: both),
            Open(name: "aos_shell_subscribe", op: try shell.subscribe(), items: both),
            Open(
                name: "aos_shell_wait_async",
                op: try sidecar.submit { aos_shell_wait_async(sidecar.handle, shell.id, nil, $0, $1) },
                items: []
            ),
        ]
        #expect(peer.wait { $0.requests("execute").count == 2 })
        try vm.shutdown()
        for entry in open {
            let events = try sidecar.events(of: entry.op, limit: 0)
            #expect(events.dropLast().map(\.text) == entry.items, "\(entry.name)")
            #expect(events.map(\.sequence).elementsEqual(1...UInt64(events.count)), "\(entry.name)")
            let last = try #require(events.last)
            #expect(last.kind == AOS_EV_COMPLETE, "\(entry.name)")
            #expect(last.status == AOS_OK && last.value == 143, "\(entry.name): \(last)")
            let error = failure { _ = try sidecar.take(entry.op, limit: 0) }
            #expect(error?.status == AOS_E_STALE, "\(entry.name)")
        }
    }

    @Test("a wait for a listener has its one end in the shutdown too, alone and as long as a process runs")
    func listeners() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", S.answer, S.exit(143)),
            S.on("find_listener", #"{"answer":{"type":"listener_snapshot","listener":null}}"#)
        )
        // What is late is so by chance, depending on where between two looks the shutdown ends.
        for round in 0..<5 {
            let vm = try peer.sidecar().createVM()
            let process = try vm.spawn(["x"])
            let query: JSONValue = .members(["port": .integer(80)])
            let ops = [
                try vm.submitWaitForListener(query),
                try vm.submitWaitForListener(query, process: process.id),
            ]
            #expect(peer.wait { $0.requests("execute").count == round + 1 })
            #expect(peer.wait { $0.requests("find_listener").count >= 4 * round + 4 })
            try vm.shutdown()
            for (op, statuses) in zip(ops, [[AOS_E_DISPOSED], [AOS_E_DISPOSED, AOS_E_NOT_FOUND]]) {
                let last = try vm.sidecar.take(op, limit: 0)
                #expect(last?.kind == AOS_EV_COMPLETE, "round \(round): no end")
                #expect(statuses.contains(last?.status ?? 0), "\(String(describing: last))")
                let late = failure { _ = try vm.sidecar.take(op, limit: second) }
                #expect(late?.status == AOS_E_STALE, "round \(round): a second event")
            }
        }
    }
}
