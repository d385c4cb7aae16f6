// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Cancel, deadline and loss of programs that run", .timeLimit(.minutes(10)))
struct ProcessEndTests {
    private typealias S = ProcessScript
    private static let silent = S.on("execute", S.answer, S.output("so far"))
    private static let dies = S.on("kill_process", S.answer, S.exit(137))

    @Test("cancel kills a spawned program, and it completes once, without an exit code")
    func cancelSpawn() throws {
        let peer = S.barePeer(Self.silent, Self.dies)
        let process = try peer.sidecar().createVM().spawn(["x"])
        _ = try process.waitForOutput("so far")
        #expect(process.cancel() == AOS_OK)
        let (_, _, last) = try process.finish()
        #expect(last.status == AOS_E_CANCELED && last.error?.kind == "cancelled" && last.value == 0)
        #expect(peer.signals == ["SIGKILL"])
        #expect(process.isStale && process.cancel() == AOS_E_STALE)
    }

    @Test("cancel before the start: killed as soon as it has started, and never left running")
    func cancelEarly() throws {
        let peer = S.barePeer(S.on("execute", S.delay(200), S.answer), Self.dies)
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        #expect(process.cancel() == AOS_OK)
        #expect(try process.finish().last.status == AOS_E_CANCELED)
        #expect(peer.typesAfterCreation == ["execute", "kill_process"])
        let op = try vm.submitExec("x")
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try end(of: op, vm.sidecar)?.status == AOS_E_CANCELED)
        #expect(peer.signals == ["SIGKILL", "SIGKILL"])
    }

    @Test("a cancelled program that no signal ends completes after the grace, once")
    func cancelInVain() throws {
        let peer = S.barePeer(Self.silent)
        let vm = try peer.sidecar().createVM()
        let options = JSONValue.members(["killGraceMs": .integer(200)])
        let process = try vm.spawn(["x"], options)
        let op = try vm.submitExec("x", options)
        _ = try process.waitForOutput("so far")
        #expect(process.cancel() == AOS_OK && aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try process.finish().last.status == AOS_E_CANCELED)
        let last = try end(of: op, vm.sidecar)
        #expect(last?.status == AOS_E_CANCELED, "\(last?.error?.description ?? "")")
        #expect(process.isStale)
    }

    @Test("a consumer that holds all it got can still cancel, and then sees the end")
    func cancelWhileHeld() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer, S.times(64, S.output(bytes: 65_536, fill: "x"))),
            Self.dies
        )
        let process = try peer.sidecar().createVM().spawn(["x"])
        var held = HeldEvents(process)
        held.take()
        #expect(held.output.count >= 1 << 20 && !held.hasEnded)
        #expect(process.cancel() == AOS_OK)
        #expect(peer.wait { $0.signals == ["SIGKILL"] })
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * second) else { break }
        }
        #expect(held.lastStatus == AOS_E_CANCELED && held.isInSequence)
        held.releaseAll()
    }

    @Test("a deadline does the same, with its own status, for spawn and exec")
    func deadline() throws {
        let peer = S.barePeer(Self.silent, Self.dies)
        let vm = try peer.sidecar().createVM()
        let start = ContinuousClock.now
        let process = try vm.spawn(["x"], completion: waiting(deadline: 100 * millisecond))
        let op = try vm.submitExec("x", completion: waiting(deadline: 100 * millisecond))
        #expect(try process.finish().last.status == AOS_E_DEADLINE)
        let last = try end(of: op, vm.sidecar)
        #expect(last?.status == AOS_E_DEADLINE && last?.error?.kind == "timeout" && last?.data == [])
        #expect(ContinuousClock.now - start > .milliseconds(95) && ContinuousClock.now - start < .seconds(5))
        #expect(peer.signals == ["SIGKILL", "SIGKILL"])
    }

    @Test("a blocking call out of time kills its program and gives AOS_E_DEADLINE")
    func blockingTimeout() throws {
        let peer = S.barePeer(Self.silent, Self.dies)
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.run("x", limit: 100 * millisecond) }
        #expect(error?.status == AOS_E_DEADLINE)
        #expect(peer.wait { $0.signals == ["SIGKILL"] })
        let silent = S.barePeer(S.on("execute", "{\"nothing\":true}"))
        let start = ContinuousClock.now
        let unanswered = failure { _ = try silent.sidecar().createVM().run("x", limit: 100 * millisecond) }
        #expect(unanswered?.status == AOS_E_DEADLINE)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test("the timeout of a spawned program kills it; its exit is then its own (process.md 5)")
    func spawnTimeout() throws {
        let peer = S.barePeer(Self.silent, Self.dies)
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"], .members(["timeoutMs": .integer(100)]))
        let (output, _, last) = try process.finish()
        #expect(output == Array("so far".utf8) && last.status == AOS_OK && last.value == 137)
        #expect(peer.signals == ["SIGKILL"])
        // An exit code alone would look like the program's own.
        #expect(last.text == #"{"timedOut":true}"#)
        #expect(try process.describe()["killedBy"] == .string("SIGKILL"))
        let stubborn = S.barePeer(Self.silent)
        let other = try stubborn.sidecar().createVM()
        let lost = try other.spawn(
            ["x"],
            .members(["timeoutMs": .integer(50), "killGraceMs": .integer(200)])
        )
        let end = try lost.finish().last
        #expect(end.status == AOS_E_DEADLINE && end.error?.message.contains("200 ms after SIGKILL") == true)
    }

    @Test("cancel races the exit: always one end, and it is one of the two", .timeLimit(.minutes(10)))
    func race() throws {
        let peer = S.barePeer(S.on("execute", S.answer, S.output("x"), S.exit(0)), Self.dies)
        let vm = try peer.sidecar().createVM()
        var seen: Set<aos_status> = []
        for round in 0..<400 {
            let process = try vm.spawn(["x"])
            if round % 4 > 0 { usleep(UInt32(round % 4) * 150) }
            _ = process.cancel()
            let last = try process.finish().last
            seen.insert(last.status)
            #expect(last.status == AOS_OK || last.status == AOS_E_CANCELED)
            #expect(process.isStale)
        }
        #expect(seen.isSubset(of: [aos_status(AOS_OK), aos_status(AOS_E_CANCELED)]))
    }

    @Test(
        "a host function sees one end and one drop, however the program ends",
        arguments: ["exit", "cancel", "deadline", "loss"]
    )
    func oneDrop(end: String) throws {
        let peer = S.barePeer(
            Self.silent,
            Self.dies,
            S.on("close_stdin", S.answer, S.exit(0)),
            S.on("write_stdin", "{\"signal\":9}")
        )
        let vm = try peer.sidecar().createVM()
        let collector = Collector()
        let deadline = end == "deadline" ? 50 * millisecond : 0
        let process = try vm.spawn(
            ["x"],
            completion: collector.completion(AOS_DELIVER_THREAD, deadline: deadline)
        )
        switch end {
        case "exit": try process.closeInput()
        case "cancel": #expect(process.cancel() == AOS_OK)
        case "loss": _ = failure { try process.write([1]) }
        default: break
        }
        #expect(eventually { collector.isDropped })
        let result = collector.result
        #expect(result.ends == 1 && result.drops == 1 && result.overlaps == 0 && result.isInSequence)
        let statuses = [
            "exit": AOS_OK, "cancel": AOS_E_CANCELED, "deadline": AOS_E_DEADLINE, "loss": AOS_E_SIDECAR,
        ]
        #expect(result.status == statuses[end].map { aos_status($0) })
    }

    @Test(
        "the peer dies: a command fails at once, with the cause, and the handle is usable again (case 17, R3)"
    )
    func lossOfExec() throws {
        let peer = S.peer(
            S.on(
                "execute",
                command: "fatal",
                S.answer,
                S.output("x"),
                S.delay(50),
                "{\"stderr\":\"agent: broken\\n\"}",
                "{\"exit\":1}"
            ),
            S.on("execute", S.answer, S.exit(0))
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let start = ContinuousClock.now
        let error = failure { _ = try vm.run("fatal") }
        #expect(ContinuousClock.now - start < .seconds(1))
        #expect(error?.status == AOS_E_SIDECAR && error?.kind == "sidecar")
        #expect(error?.detail["exitCode"]?.integerValue == 1)
        #expect(error?.detail["stderr"]?.stringValue?.contains("agent: broken") == true)
        #expect(error?.message.contains("agent: broken") == true)
        #expect(failure { _ = try vm.run("x") }?.status == AOS_E_SIDECAR)
        #expect(try sidecar.createVM().run("x").code == 0)
    }

    @Test(
        "SIGKILL of the peer amid the output of three programs ends everything once, and names signal 9 (case 55, R3)"
    )
    func lossOfAll() throws {
        let peer = S.peer(
            S.on("execute", S.answer, S.times(1_000_000, S.output(bytes: 1000, fill: "x"), S.delay(1))),
            S.on("write_stdin", "{\"nothing\":true}"),
            S.on("close_stdin", "{\"nothing\":true}")
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let processes = try (0..<3).map { _ in try vm.spawn(["x"]) }
        let exec = try vm.submitExec("x")
        for process in processes { _ = try process.waitForOutput("xxx") }
        let waits = try processes.map { try $0.submitWait() }
        let subscribers = try processes.map { try $0.subscribe() }
        let calls = [try processes[0].submitWrite("a"), try processes[1].submitClose()]
        #expect(peer.wait { $0.requests("close_stdin").count >= 1 })
        let pid = try #require(sidecar.processID)
        kill(pid, SIGKILL)
        for process in processes + subscribers {
            let last = try process.finish(limit: 5 * second).last
            #expect(last.status == AOS_E_SIDECAR && last.value == 0)
            #expect(last.error?.detail["exitSignal"]?.integerValue == 9)
            #expect(
                last.error?.message.contains("SIGKILL") == true
                    || last.error?.message.contains("signal 9") == true
            )
            #expect(process.isStale)
        }
        for op in calls + waits + [exec] {
            let last = try end(of: op, sidecar)
            #expect(last?.status == AOS_E_SIDECAR && last?.error?.detail["exitSignal"]?.integerValue == 9)
            #expect(HostProcess(sidecar: sidecar, id: 0, op: op).isStale)
        }
        #expect(
            failure { try processes[0].write([1]) }?.status == AOS_E_NOT_FOUND
                || failure { try processes[0].write([1]) }?.status == AOS_E_SIDECAR
        )
        #expect(try S.peer().sidecar().createVM().id != vm.id)
    }

    /// AGENTOS_TEST_PROGRAMS=100000 for a soak.
    private static let soakCount: Int =
        getenv("AGENTOS_TEST_PROGRAMS").flatMap { Int(String(cString: $0)) } ?? 8_000

    /// Alone: descriptors and memory are counted, and those of other tests would count with them.
    @Test(
        "many short programs leave nothing behind, and memory stays flat (case 32)",
        .timeLimit(.minutes(10))
    )
    func soak() throws {
        try FreshProcess.run("ProcessEndTests/soak", limit: .seconds(300)) {
            let peer = S.peer(S.on("execute", S.answer, S.output("x"), S.exit(0)))
            let vm = try peer.sidecar().createVM()
            let first = try vm.spawn(["x"])
            _ = try first.finish()
            // The registry is full then: from here on each end makes room for one.
            for _ in 0..<2000 { _ = try vm.spawn(["x"]).finish() }
            let (descriptors, memory) = (try openDescriptors(), residentBytes())
            for _ in 0..<Self.soakCount { _ = try vm.spawn(["x"]).finish() }
            let grown = residentBytes() - memory
            #expect(memory > 1 << 20 && grown < 4 << 20, "\(grown >> 10) KiB for \(Self.soakCount) programs")
            #expect(try openDescriptors() == descriptors)
            try first.kill("TERM")
            #expect(failure { try first.write([1]) }?.status == AOS_E_NOT_FOUND)
            #expect(peer.signals.isEmpty)
        }
    }
}
