// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Deadlines and cancelling (transport.md 5, decision 6)", .serialized)
struct DeadlineTests {
    private func limits(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue { .members(members) }

    @Test("an answer that does not come in time, and comes later (case 10)")
    func late() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/late", #"{"delay":500},{"default":true}"#))]")
        let sidecar = try peer.plainSidecar(["deadlines": limits(["guest_filesystem_call": .integer(200)])])
        let vm = try sidecar.createVM()
        var error: HostError?
        let time = duration { error = failure { _ = try vm.exists("/late") } }
        #expect(error?.status == AOS_E_DEADLINE && error?.kind == "timeout")
        #expect(error?.message == "timed out waiting for sidecar response to guest_filesystem_call")
        #expect(error?.detail["request"]?.stringValue == "guest_filesystem_call")
        #expect(time > .milliseconds(190) && time < .milliseconds(480), "\(time)")
        #expect(eventually { sidecar.diagnostic("lateAnswers") == 1 })
        #expect(try vm.exists("/next"))
        #expect(peer.starts.count == 1)
    }

    @Test("the clock of a request starts when those before it are answered (case 11)")
    func queued() throws {
        let rules = [
            ScriptedPeer.on("get_process_snapshot", #"{"delay":1000},{"default":true}"#),
            ScriptedPeer.on("get_zombie_timer_count", #"{"delay":1200},{"default":true}"#),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar([
            "deadlines": limits([
                "get_process_snapshot": .integer(5_000), "get_zombie_timer_count": .integer(300),
            ])
        ])
        let vm = try sidecar.createVM()
        let ops = [
            try vm.requestAsync("get_process_snapshot"), try vm.requestAsync("get_zombie_timer_count"),
        ]
        for op in ops {
            let end = try sidecar.end(of: op)
            #expect(end.status == AOS_OK, "\(String(describing: end.error))")
        }
    }

    @Test("a caller's own limit counts from the call (5.4)")
    func ownLimit() throws {
        let rules = [
            ScriptedPeer.onPath("/slow", #"{"delay":600},{"default":true}"#),
            ScriptedPeer.onPath("/behind", #"{"nothing":true}"#),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let slow = try vm.existsAsync("/slow")
        let time = try duration {
            let end = try sidecar.end(of: try vm.existsAsync("/behind", deadline: 200 * millisecond))
            #expect(
                end.status == AOS_E_DEADLINE && end.error?.kind == "timeout",
                "\(String(describing: end.error))"
            )
        }
        #expect(time > .milliseconds(190) && time < .milliseconds(580), "\(time)")
        let blocking = duration {
            let error = failure { _ = try vm.exists("/behind", limit: 100 * millisecond) }
            #expect(error?.status == AOS_E_DEADLINE)
        }
        #expect(blocking > .milliseconds(90) && blocking < .milliseconds(400), "\(blocking)")
        #expect(try sidecar.end(of: slow).status == AOS_OK)
    }

    @Test("a request that is cancelled before it is written is never sent (case 12)")
    func withdrawn() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let process = try #require(sidecar.processID)
        #expect(kill(process, SIGSTOP) == 0)
        defer { kill(process, SIGCONT) }
        // More than the two sockets hold.
        let piece = [UInt8](repeating: 1, count: 256 << 10)
        let writes = try (0..<16).map { try vm.writeAsync("/w\($0)", piece) }
        #expect(eventually { (sidecar.diagnostic("queuedBytes") ?? 0) > 0 })
        let cancelled = try vm.existsAsync("/cancelled")
        let expired = try vm.existsAsync("/expired", deadline: 50 * millisecond)
        let kept = try vm.existsAsync("/kept")
        sidecar.cancel(cancelled)
        let end = try sidecar.end(of: cancelled, limit: second)
        #expect(
            end.status == AOS_E_CANCELED && end.error?.message == "request cancelled",
            "\(String(describing: end.error))"
        )
        #expect(try sidecar.end(of: expired, limit: second).status == AOS_E_DEADLINE)
        #expect(kill(process, SIGCONT) == 0)
        for op in writes { #expect(try sidecar.end(of: op).status == AOS_OK) }
        #expect(try sidecar.end(of: kept).status == AOS_OK)
        let paths = peer.paths
        #expect(paths.contains("/kept") && !paths.contains("/cancelled") && !paths.contains("/expired"))
    }

    @Test("a request that is cancelled after it was sent ends at once, and its answer is ignored (case 12)")
    func cancelled() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/slow", #"{"delay":400},{"default":true}"#))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let op = try vm.existsAsync("/slow")
        #expect(peer.wait { $0.paths.contains("/slow") })
        let time = try duration {
            sidecar.cancel(op)
            let events = try sidecar.events(of: op)
            #expect(events.count == 1 && events[0].status == AOS_E_CANCELED)
            #expect(events[0].error?.message == "request cancelled" && events[0].error?.kind == "cancelled")
        }
        #expect(time < .milliseconds(300), "\(time)")
        #expect(eventually { sidecar.diagnostic("lateAnswers") == 1 })
        #expect(try vm.exists("/next"))
    }

    @Test("a process that owes an answer and says nothing is given up (decision 6)")
    func unresponsive() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/never", #"{"nothing":true}"#))]")
        let sidecar = try peer.plainSidecar([
            "deadlines": limits(["guest_filesystem_call": .integer(200)]), "unresponsiveMs": .integer(600),
        ])
        let vm = try sidecar.createVM()
        let lost = try sidecar.subscribe()
        let time = try duration {
            let error = failure { _ = try vm.exists("/never") }
            #expect(error?.status == AOS_E_DEADLINE)
            let event = try #require(try sidecar.take(lost))
            #expect(event.kind == AOS_EV_PROCESS_LOST && event.error?.status == AOS_E_SIDECAR)
            #expect(
                event.error?.message.contains("sidecar unresponsive") == true,
                "\(String(describing: event.error))"
            )
        }
        #expect(time > .milliseconds(580) && time < .milliseconds(2_500), "\(time)")
        #expect(eventually { peer.hasEnded })
        #expect(sidecar.vmCount == 1 && sidecar.state == "ready")
        #expect(failure { _ = try vm.exists("/x") }?.status == AOS_E_SIDECAR)
        let next = try sidecar.createVM()
        #expect(try next.exists("/x"))
        #expect(peer.starts.count == 2)
        try vm.shutdown()
        #expect(sidecar.vmCount == 1)
    }

    @Test("all that waits on a process that is given up is told (decision 6)")
    func unresponsiveForMany() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/never", #"{"nothing":true}"#))]")
        let sidecar = try peer.plainSidecar([
            "deadlines": limits(["guest_filesystem_call": .integer(300)]), "unresponsiveMs": .integer(300),
        ])
        let vm = try sidecar.createVM()
        let ops = try (0..<10).map { _ in try vm.existsAsync("/never") }
        for op in ops {
            let events = try sidecar.events(of: op, limit: 3 * second)
            #expect(events.count == 1 && [AOS_E_DEADLINE, AOS_E_SIDECAR].contains(events[0].status))
        }
        #expect(eventually { peer.hasEnded })
    }

    @Test(
        "a process is not given up while it talks, owes nothing, has time left, or the limit is off (decision 6)",
        arguments: [
            // Output of another matter comes all the time.
            (
                #"{"repeat":12,"do":[{"delay":100},{"event":{"type":"vm_lifecycle","state":"ready"}}]}"#, 200,
                300
            ),
            // Nothing is owed.
            (#"{"default":true}"#, 200, 300),
            // The request's own limit is far away.
            (#"{"nothing":true}"#, 5_000, 300),
            (#"{"nothing":true}"#, 200, 0),
        ]
    )
    func patience(actions: String, limit: Int64, patience: Int64) throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/x", actions))]")
        let sidecar = try peer.plainSidecar([
            "deadlines": limits(["guest_filesystem_call": .integer(limit)]),
            "unresponsiveMs": .integer(patience),
        ])
        let vm = try sidecar.createVM()
        let op = try vm.existsAsync("/x", deadline: 900 * millisecond)
        _ = try sidecar.end(of: op)
        // Long enough for it to have been given up.
        _ = eventually(limit: .milliseconds(300)) { sidecar.processID == nil }
        #expect(sidecar.processID != nil && peer.starts.count == 1)
        #expect(try vm.exists("/y"))
    }
}
