// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("The timeout of a command (process.md 4.4)", .timeLimit(.minutes(10)))
struct ExecTimeoutTests {
    private typealias S = ProcessScript

    @Test("a timeout kills and is a flag beside what the command gave (case 15)")
    func timeout() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer, S.output("so far")),
            S.on("kill_process", S.answer, S.exit(137))
        )
        let vm = try peer.sidecar().createVM()
        let result = try vm.run("x", .members(["timeoutMs": .integer(100)]))
        #expect(result.code == 137 && result.flags == AOS_EXEC_TIMED_OUT && result.outputText == "so far")
        #expect(peer.signals == ["SIGKILL"])
        let started = try #require(peer.times(of: "execute").first)
        let killed = try #require(peer.times(of: "kill_process").first)
        #expect((90..<2000).contains(killed - started))
        let events = try vm.sidecar.events(of: try vm.submitExec("x", .members(["timeoutMs": .integer(50)])))
        #expect(events.last?.value == 137 && events.last?.text == "{\"timedOut\":true}")
    }

    @Test("a timeout of 0 kills at once, and one before the start right behind it")
    func earlyTimeout() throws {
        let peer = S.barePeer(
            S.on("execute", S.delay(300), S.answer),
            S.on("kill_process", S.answer, S.exit(137))
        )
        let vm = try peer.sidecar().createVM()
        for milliseconds in [0, 50] {
            let result = try vm.run("x", .members(["timeoutMs": .integer(Int64(milliseconds))]))
            #expect(result.code == 137 && result.flags == AOS_EXEC_TIMED_OUT)
        }
        #expect(
            peer.requestTypes.filter { $0 != "close_stdin" }.suffix(4) == [
                "execute", "kill_process", "execute", "kill_process",
            ]
        )
    }

    @Test("a command that no kill ends is a timeout after the grace, and never a result (case 15)")
    func killGrace() throws {
        let peer = S.barePeer(S.on("execute", S.answer, S.output("x")))
        let vm = try peer.sidecar().createVM()
        let start = ContinuousClock.now
        let error = failure {
            _ = try vm.run("x", .members(["timeoutMs": .integer(50), "killGraceMs": .integer(300)]))
        }
        #expect(error?.status == AOS_E_DEADLINE && error?.kind == "timeout")
        #expect(error?.message.contains("300 ms after SIGKILL") == true)
        #expect(ContinuousClock.now - start > .milliseconds(340) && ContinuousClock.now - start < .seconds(3))
    }

    @Test("a command that is not even started is a timeout after the grace, and killed when it is (X1)")
    func neverStarted() throws {
        let peer = S.barePeer(
            S.on("execute", S.delay(1500), S.answer),
            S.on("kill_process", S.answer, S.exit(137))
        )
        let vm = try peer.sidecar().createVM()
        let start = ContinuousClock.now
        let limits: KeyValuePairs<String, JSONValue?> = [
            "timeoutMs": .integer(50), "killGraceMs": .integer(200),
        ]
        let error = failure { _ = try vm.run("x", .members(limits)) }
        #expect(ContinuousClock.now - start < .milliseconds(1400))
        #expect(error?.status == AOS_E_DEADLINE && error?.kind == "timeout")
        #expect(error?.message.contains("did not start within 200 ms") == true)
        #expect(peer.signals == [])
        #expect(peer.wait { $0.signals == ["SIGKILL"] })
        let last = try vm.spawn(["x"], .members(limits)).finish().last
        #expect(last.status == AOS_E_DEADLINE)
        #expect(peer.wait { $0.signals == ["SIGKILL", "SIGKILL"] })
    }
}
