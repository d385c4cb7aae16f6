// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Signals to programs (process.md 9, X7)", .timeLimit(.minutes(10)))
struct SignalTests {
    private typealias S = ProcessScript

    @Test("signals go out by their full name (case 28)")
    func signals() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("close_stdin", S.answer, S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let given: KeyValuePairs = [
            "sigusr1": "SIGUSR1", "TERM": "SIGTERM", " hup ": "SIGHUP", "2": "SIGINT", "0": "0",
            "31": "SIGSYS",
            "IOT": "SIGABRT", "SIGIOT": "SIGABRT", "poll": "SIGIO", "Io": "SIGIO", "SIGWINCH": "SIGWINCH",
            "16": "SIGSTKFLT",
            "29": "SIGIO", "6": "SIGABRT", "pwr": "SIGPWR",
        ]
        for (signal, _) in given { try process.kill(signal) }
        try process.kill(nil)
        #expect(peer.signals == given.map(\.value) + ["SIGTERM"])
        // A question, and nothing that could have ended it.
        try process.kill("0")
        #expect(try process.describe()["killedBy"]?.stringValue == "SIGTERM")
        try process.closeInput()
        #expect(try process.finish().last.value == 0)
    }

    @Test("every name of the table has its number")
    func signalNumbers() throws {
        let names = """
            HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU \
            URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS
            """.split(separator: " ").map(String.init)
        let peer = S.barePeer(S.on("execute", S.answer), S.on("close_stdin", S.answer, S.exit(0)))
        let process = try peer.sidecar().createVM().spawn(["x"])
        for (index, name) in names.enumerated() where name != "KILL" {
            try process.kill(name.lowercased())
            try process.kill(String(index + 1))
        }
        let expected = names.filter { $0 != "KILL" }.flatMap { ["SIG\($0)", "SIG\($0)"] }
        #expect(peer.signals == expected)
        try process.closeInput()
        _ = try process.finish()
    }

    @Test("a signal that the sidecar does not take is refused here, in its words (case 28)")
    func badSignals() throws {
        let peer = S.peer()
        let process = try peer.sidecar().createVM().spawn(["x"])
        for signal in ["FOO", "32", "-1", "SIGNOPE", "SIG", "9x", "+9", "1.0", "TERM KILL", "ÄÖ"] {
            let error = failure { try process.kill(signal) }
            #expect(error?.status == AOS_E_INVALID, "\(signal)")
            #expect(error?.message == "unsupported kill_process signal \(signal)", "\(signal)")
            #expect(failure { _ = try process.submitKill(signal) }?.status == AOS_E_INVALID)
        }
        for signal in ["", "  "] {
            #expect(
                failure { try process.kill(signal) }?.message == "kill_process requires a non-empty signal"
            )
        }
        #expect(peer.signals == [])
        try process.kill("TERM")
        _ = try process.finish()
    }

    @Test("a process that the sidecar no longer has: signals and close succeed, a write says so (case 29)")
    func gone() throws {
        let gone = S.reject("invalid_state", "VM vm-1 has no active process $processId")
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", gone),
            S.on("write_stdin", gone),
            S.on("close_stdin", gone, S.exit(0))
        )
        let process = try peer.sidecar().createVM().spawn(["x"])
        try process.kill("TERM")
        let error = failure { try process.write([1]) }
        #expect(error?.status == AOS_E_NOT_FOUND && error?.message == "process already exited")
        try process.closeInput()
        #expect(try process.finish().last.value == 0)
        #expect(peer.typesAfterCreation == ["execute", "kill_process", "write_stdin", "close_stdin"])
    }

    @Test("a VM that the sidecar does not know means that it is gone (process.md 9.2)")
    func unknownVM() throws {
        let gone = S.reject("invalid_state", "unknown sidecar VM vm-1")
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 1, gone),
            S.on("write_stdin", gone),
            S.on("kill_process", S.answer, S.exit(143))
        )
        let process = try peer.sidecar().createVM().spawn(["x"])
        #expect(failure { try process.write([1]) }?.status == AOS_E_DISPOSED)
        #expect(failure { try process.kill("TERM") }?.status == AOS_E_DISPOSED)
    }

    @Test("a lost SIGKILL is sent again each second until the end (X7)")
    func repeatedKill() throws {
        let second = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 2, S.answer, S.exit(1))
        )
        let process = try second.sidecar().createVM().spawn(["x"])
        let start = ContinuousClock.now
        try process.kill("KILL")
        #expect(ContinuousClock.now - start < .milliseconds(900), "the call does not wait for the end")
        #expect(try process.finish().last.value == 1)
        #expect(ContinuousClock.now - start > .milliseconds(950))
        #expect(second.signals == ["SIGKILL", "SIGKILL"])

        let never = S.barePeer(S.on("execute", S.answer), S.on("close_stdin", S.answer, S.exit(1)))
        let stubborn = try never.sidecar().createVM().spawn(["x"])
        try stubborn.kill("9")
        // A program that waits for its turn may do so for long.
        #expect(never.wait { $0.signals.count == 7 })
        try stubborn.closeInput()
        _ = try stubborn.finish()
        let count = never.signals.count
        poll(nil, 0, 1500)
        #expect(never.signals.count == count, "and not beyond it")
    }

    @Test("the SIGKILL of a timeout and of a cancel is sent again after a second too (X7)")
    func repeatedKillOfTimeout() throws {
        let lostOnce = [S.on("execute", S.answer), S.on("kill_process", nth: 2, S.answer, S.exit(1))]
        let peer = ScriptedPeer("[\(lostOnce.joined(separator: ","))]")
        let result = try peer.sidecar().createVM().run("x", .members(["timeoutMs": .integer(50)]))
        #expect(result.code == 1 && result.flags == AOS_EXEC_TIMED_OUT)
        let other = ScriptedPeer("[\(lostOnce.joined(separator: ","))]")
        let process = try other.sidecar().createVM().spawn(["x"])
        #expect(process.cancel() == AOS_OK)
        #expect(try process.finish().last.status == AOS_E_CANCELED)
        for peer in [peer, other] {
            #expect(peer.signals == ["SIGKILL", "SIGKILL"])
            let times = peer.times(of: "kill_process")
            #expect((950..<2500).contains(times[1] - times[0]))
        }
    }

    @Test("other signals are sent once")
    func oneTerminate() throws {
        let peer = S.barePeer(S.on("execute", S.answer), S.on("close_stdin", S.answer, S.exit(0)))
        let process = try peer.sidecar().createVM().spawn(["x"])
        try process.kill("TERM")
        poll(nil, 0, 1300)
        #expect(peer.signals == ["SIGTERM"])
        try process.closeInput()
        _ = try process.finish()
    }
}
