// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("A VM that is shut down under its programs (process.md 11.4)", .timeLimit(.minutes(10)))
struct ProcessShutdownTests {
    private typealias S = ProcessScript

    @Test(
        "programs and a shell that obey SIGTERM: their codes, then one dispose_vm, in a second (52; vm.md 28)"
    )
    func obedient() throws {
        let peer = S.barePeer(S.on("execute", S.answer), S.on("kill_process", S.answer, S.exit(143)))
        // The best of three, for others use the machine too.
        let times = try (0..<3).map { _ in
            let before = (peer.requestTypes.count, peer.signals.count)
            let vm = try peer.sidecar().createVM()
            let processes = try (0..<3).map { _ in try vm.spawn(["x"]) }
            let shell = try vm.openShell()
            let exec = try vm.submitExec("x")
            #expect(peer.wait { $0.requestTypes.dropFirst(before.0).count { $0 == "execute" } == 5 })
            let waits = try processes.map { try $0.submitWait() } + [try shell.submitWait()]
            let start = ContinuousClock.now
            try vm.shutdown()
            let time = ContinuousClock.now - start
            for op in processes.map(\.op) + [shell.op] {
                // Their ends were there before the shutdown completed.
                let last = try vm.sidecar.take(op, limit: 0)
                #expect(last?.kind == AOS_EV_COMPLETE && last?.status == AOS_OK && last?.value == 143)
            }
            let events = try vm.sidecar.events(of: exec, limit: 0)
            #expect(events.last?.value == 143 && events.last?.text == "{}")
            for wait in waits {
                let events = try vm.sidecar.events(of: wait, limit: 0)
                #expect(events.count == 1 && events.last?.status == AOS_OK && events.last?.value == 143)
            }
            #expect(peer.signals.dropFirst(before.1) == [String](repeating: "SIGTERM", count: 5)[...])
            let sent = peer.requestTypes.dropFirst(before.0)
            #expect(sent.count { $0 == "dispose_vm" } == 1 && sent.last == "dispose_vm")
            return time
        }
        #expect(try #require(times.min()) < .seconds(1), "\(times)")
    }

    @Test("what SIGTERM does not end gets SIGKILL after a second (X8)")
    func stubborn() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 1, S.answer),
            S.on("kill_process", S.answer, S.exit(1))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        #expect(peer.wait { $0.requests("execute").count == 1 })
        try vm.shutdown()
        #expect(peer.signals == ["SIGTERM", "SIGKILL"])
        let times = peer.times(of: "kill_process")
        #expect((900..<3000).contains(times[1] - times[0]))
        #expect(try process.finish().last.value == 1)
        #expect(peer.requests("dispose_vm").count == 1)
    }

    @Test(
        "programs that nothing ends: dispose_vm after 5 s; exits behind it count, the rest is 143 (case 53)"
    )
    func deaf() throws {
        // The first one's exit is due while dispose_vm is answered, and follows that answer.
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 1, S.answer, S.delay(5100), S.exit(9)),
            S.on(
                "dispose_vm",
                "{\"sleep\":500}",
                "{\"answer\":{\"type\":\"vm_disposed\",\"vm_id\":\"$vmId\"}}"
            )
        )
        let vm = try peer.sidecar().createVM()
        let processes = try (0..<2).map { _ in try vm.spawn(["x"]) }
        let exec = try vm.submitExec("x")
        #expect(peer.wait { $0.requests("execute").count == 3 })
        let start = ContinuousClock.now
        try vm.shutdown()
        let time = ContinuousClock.now - start
        #expect(time > .milliseconds(4900) && time < .seconds(8), "\(time)")
        let ends = try processes.map { try $0.finish(limit: 0).last }
        #expect(ends.map(\.status) == [aos_status(AOS_OK), aos_status(AOS_OK)])
        #expect(ends.map(\.value) == [9, 143])
        let events = try vm.sidecar.events(of: exec, limit: 0)
        #expect(events.last?.value == 143 && events.last?.text == "{\"endedWithVm\":true}")
        #expect(peer.requests("dispose_vm").count == 1)
        #expect(peer.signals.prefix(3) == ["SIGTERM", "SIGTERM", "SIGTERM"])
        #expect(peer.signals.dropFirst(3).allSatisfy { $0 == "SIGKILL" } && peer.signals.count >= 12)
    }

    @Test("two threads shut down: one dispose_vm, both succeed, and later ones too (case 54)")
    func twice() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", S.delay(100), S.answer, S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let done = Counter()
        onThreads(8) { _ in if failure(of: { try vm.shutdown() }) == nil { done.increment() } }
        #expect(done.value == 8)
        try vm.shutdown()
        #expect(peer.requests("dispose_vm").count == 1 && peer.signals == ["SIGTERM"])
        #expect(try process.finish().last.value == 143)
    }

    @Test("what a shell writes while it is ended still comes, before its code (case 52)")
    func lastWords() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", S.answer, S.output("bye"), S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        #expect(peer.wait { $0.requests("execute").count == 1 })
        try vm.shutdown()
        let events = try vm.sidecar.events(of: shell.op, limit: 0)
        #expect(events.map(\.kind) == [AOS_EV_STDOUT, AOS_EV_COMPLETE])
        #expect(events.map(\.text) == ["bye", ""] && events.last?.value == 143)
    }

    @Test("no program, no signal: dispose_vm alone")
    func idle() throws {
        let peer = S.barePeer(S.on("execute", S.answer, S.exit(0)))
        let vm = try peer.sidecar().createVM()
        _ = try vm.run("x")
        _ = try vm.spawn(["x"]).finish()
        try vm.shutdown()
        #expect(peer.signals == [] && peer.requests("dispose_vm").count == 1)
    }

    @Test("a shutdown amid a start ends the program that starts")
    func starting() throws {
        let peer = S.barePeer(
            S.on("execute", S.delay(300), S.answer),
            S.on("kill_process", S.answer, S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        try vm.shutdown()
        let last = try process.finish(limit: 2 * second).last
        #expect(last.kind == AOS_EV_COMPLETE)
        #expect(peer.requests("dispose_vm").count == 1)
        #expect(failure { try process.write([1]) }?.status == AOS_E_NOT_FOUND)
    }

    @Test("a refused dispose_vm: what still lives is killed, and it is tried again (X4, X8)")
    func refusedOnce() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on(
                "dispose_vm",
                nth: 1,
                S.reject("execution_error", "failed to terminate active guest executions for VM vm-1")
            ),
            S.on(
                "get_process_snapshot",
                """
                {"answer":{"type":"process_snapshot","processes":[{"process_id":"other","pid":4,"ppid":0,"pgid":4,"sid":4,\
                "driver":"d","command":"node","args":[],"cwd":"/","status":"running"}]}}
                """
            ),
            S.on("kill_process", S.answer, S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        try vm.shutdown()
        #expect(try process.finish().last.value == 143)
        #expect(peer.requests("dispose_vm").count == 2)
        #expect(
            peer.requests("kill_process").contains {
                $0["process_id"]?.stringValue == "other" && $0["signal"]?.stringValue == "SIGKILL"
            }
        )
    }

    @Test("a peer that dies amid the shutdown is what was wanted: programs end with 143 or the loss, once")
    func dies() throws {
        let peer = S.barePeer(S.on("execute", S.answer), S.on("kill_process", S.answer, "{\"signal\":9}"))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        #expect(peer.wait { $0.requests("execute").count == 1 })
        let start = ContinuousClock.now
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(3))
        #expect(try process.finish(limit: second).last.kind == AOS_EV_COMPLETE)
        #expect(process.isStale)
    }
}
