// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("The end of a process that nobody wanted (transport.md 10)", .serialized)
struct DisconnectTests {
    private static let die = #"{"stderr":"boom\n"},{"exit":3}"#
    private static let death = "sidecar process exited with code 3\nstderr:\nboom"

    @Test(
        "all that wait are told how it ended, and what it said (case 14); what follows is refused at once (case 15, R2)"
    )
    func pending() throws {
        let rules = [
            ScriptedPeer.onPath("/wait", #"{"nothing":true}"#), ScriptedPeer.onPath("/die", Self.die),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let ops = try (0..<4).map { _ in try vm.existsAsync("/wait") } + [try vm.existsAsync("/die")]
        for op in ops {
            let events = try sidecar.events(of: op)
            #expect(events.count == 1)
            let error = try #require(events[0].error)
            #expect(error.status == AOS_E_SIDECAR && error.kind == "sidecar")
            #expect(error.message == "sidecar transport disconnected: \(Self.death)", "\(error)")
            #expect(error.exitCode == 3 && error.stderr == "boom")
        }
        for _ in 0..<2 {
            let time = duration {
                let error = failure { _ = try vm.exists("/after") }
                #expect(error?.status == AOS_E_SIDECAR)
                #expect(error?.message.contains(Self.death) == true, "\(String(describing: error))")
                #expect(error?.exitCode == 3)
            }
            #expect(time < .milliseconds(500))
        }
        #expect(eventually { sidecar.processID == nil })
        try vm.shutdown()
        #expect(sidecar.vmCount == 0)
    }

    @Test("those that wait are told within 100 ms of the death (case 14)")
    func atOnce() throws {
        let rules = [
            ScriptedPeer.onPath("/wait", #"{"nothing":true}"#), ScriptedPeer.onPath("/die", Self.die),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        // Of several rounds the best one: others use the machine too.
        var best = Duration.seconds(60)
        for _ in 0..<10 {
            let vm = try sidecar.createVM()
            let waiting = try (0..<4).map { _ in try vm.existsAsync("/wait") }
            let time = try duration {
                for op in waiting + [try vm.existsAsync("/die")] {
                    #expect(try sidecar.end(of: op).status == AOS_E_SIDECAR)
                }
            }
            best = min(best, time)
            try vm.shutdown()
        }
        #expect(best < .milliseconds(100), "\(best)")
    }

    @Test("what was not written yet says so, and what was says that (10.3)")
    func queued() throws {
        let sidecar = try HostSidecar(options: withoutLog(ScriptedPeer().plainOptions()))
        let vm = try sidecar.createVM()
        let process = try #require(sidecar.processID)
        #expect(kill(process, SIGSTOP) == 0)
        // 4 MiB: more than the sockets hold.
        let piece = [UInt8](repeating: 1, count: 256 << 10)
        let ops =
            [try vm.existsAsync("/written")] + (try (0..<16).map { try vm.writeAsync("/w\($0)", piece) })
            + [try vm.existsAsync("/queued")]
        #expect((sidecar.diagnostic("queuedBytes") ?? 0) > 0)
        #expect(kill(process, SIGKILL) == 0)
        let cause = "sidecar process exited with signal SIGKILL"
        let texts = try ops.map { try sidecar.end(of: $0).error?.message ?? "none" }
        #expect(texts.first == "sidecar transport disconnected: \(cause)")
        #expect(texts.last == "sidecar transport closed: \(cause)")
        // In the order in which they were asked for.
        let border = texts.firstIndex(of: texts.last ?? "") ?? 0
        #expect(texts[..<border].allSatisfy { $0 == texts.first }, "\(texts)")
        #expect(texts[border...].allSatisfy { $0 == texts.last }, "\(texts)")
        try vm.shutdown()
    }

    @Test("a request between the death and its report is told the cause too (case 15, 10.3)")
    func draining() throws {
        let cause = "sidecar process exited with signal SIGKILL"
        var texts: [String] = []
        // Somebody else holds the output: for what may still come in it there are 250 ms, which a busy machine may
        // let pass.
        for _ in 0..<10 where texts.isEmpty {
            let script = "sleep 1 & exec \(ScriptedPeer.program)"
            let command: [JSONValue] = ["/bin/sh", "-c", script].map { .string($0) }
            let options: JSONValue = .members([
                "command": .array(command), "fileGuards": .string("off"),
            ])
            let sidecar = try HostSidecar(options: options)
            let vm = try sidecar.createVM()
            let process = try #require(sidecar.processID)
            #expect(kill(process, SIGKILL) == 0)
            #expect(eventually { isReaped(process) })
            let error = try #require(failure { _ = try vm.exists("/x") })
            #expect(error.status == AOS_E_SIDECAR)
            if !error.message.hasPrefix("VM vm-1 is lost: ") { texts.append(error.message) }
            try vm.shutdown()
        }
        #expect(texts == ["sidecar transport closed: \(cause)"])
    }

    @Test("a request that races with the death ends once, whatever it meets (case 15)")
    func race() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/die", #"{"exit":3}"#))]")
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        let faults = Collected<String>()
        let rounds = 100
        // Each round has 100 requests around the moment of death: 10,000 in all.
        for _ in 0..<rounds {
            let vm = try sidecar.createVM()
            onThreads(4) { thread in
                do {
                    if thread == 0 { _ = try vm.existsAsync("/die") }
                    for _ in 0..<25 {
                        let events = try sidecar.events(of: try vm.existsAsync("/x"), limit: 5 * second)
                        if events.count != 1 || ![AOS_OK, AOS_E_SIDECAR].contains(events[0].status) {
                            faults.append("\(events)")
                        }
                    }
                } catch let error as HostError where error.status == AOS_E_SIDECAR {
                    // Refused at submission.
                } catch { faults.append("\(error)") }
            }
            // Its own error, if any, is the matter of LeaseTests.
            try? vm.shutdown()
        }
        #expect(faults.all.isEmpty, "\(faults.all.count): \(faults.all.prefix(2))")
        #expect(sidecar.vmCount == 0)
    }

    @Test("an answer that is written right before the exit is not lost (case 16)")
    func lastWords() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/last", #"{"default":true},{"exit":0}"#))]")
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        for round in 0..<1_000 {
            let vm = try sidecar.createVM()
            let error = failure { #expect((try? vm.exists("/last")) == true) }
            #expect(error == nil, "round \(round)")
            try vm.shutdown()
        }
    }

    @Test("a signal is told by its name and number (case 17)")
    func signal() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/die", #"{"signal":9}"#))]")
        let vm = try peer.plainSidecar().createVM()
        let error = try #require(failure { _ = try vm.exists("/die") })
        #expect(
            error.message == "sidecar transport disconnected: sidecar process exited with signal SIGKILL",
            "\(error)"
        )
        #expect(error.detail["exitSignal"]?.integerValue == 9)
        #expect(error.detail["exitCode"] == nil)
    }

    @Test("a process that closes its output and lives is ended (case 17)")
    func closedOutput() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/close", #"{"closeStdout":true}"#))]",
            more: "\"ignoreEOF\":true"
        )
        let vm = try peer.plainSidecar().createVM()
        let error = try #require(failure { _ = try vm.exists("/close") })
        #expect(
            error.message == "sidecar transport disconnected: sidecar process exited with disconnect",
            "\(error)"
        )
        #expect(eventually { peer.isReaped })
        #expect(peer.exits.isEmpty)
        try vm.shutdown()
    }

    @Test("a process that closes its input and reads nothing more: a pipe error, and no signal (case 18)")
    func closedInput() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/close", #"{"closeStdin":true}"#))]",
            more: "\"ignoreEOF\":true"
        )
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let waiting = try vm.existsAsync("/close")
        #expect(peer.wait { $0.paths.contains("/close") })
        let refused = eventually {
            failure { _ = try vm.exists("/x", limit: 500 * millisecond) }?.status == AOS_E_SIDECAR
        }
        #expect(refused)
        let end = try sidecar.end(of: waiting, limit: 2 * second)
        #expect(end.status == AOS_E_SIDECAR)
        #expect(
            end.error?.message.contains("sidecar pipe failed: Broken pipe") == true,
            "\(String(describing: end.error))"
        )
        #expect(eventually { peer.hasEnded })
    }

    @Test("a running exec, a stream and a wait for a process end once each, with the cause (case 19, R3)")
    func everythingEnds() throws {
        let rules = [
            ScriptedPeer.on(
                "execute",
                #"{"default":true},{"event":{"type":"process_output","process_id":"$processId","channel":"stdout","chunk":{"text":"hi\n"}}}"#
            ),
            ScriptedPeer.onPath("/die", Self.die),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let lost = try sidecar.subscribe()
        let exec = try vm.execAsync(#"["node","-v"]"#)
        let process = try vm.spawn(["cat"])
        _ = try process.waitForOutput("hi")
        let wait = try process.submitWait()
        let creation = try sidecar.createVMAsync()
        _ = try sidecar.end(of: creation)
        _ = try vm.existsAsync("/die")
        for op in [exec, process.op, wait] {
            let events = try sidecar.events(of: op)
            let last = try #require(events.last)
            #expect(events.count { $0.isLast } == 1)
            #expect(last.status == AOS_E_SIDECAR && last.kind == AOS_EV_COMPLETE)
            let message = try #require(last.error).message
            #expect(message.hasSuffix(": \(Self.death)"), "\(message)")
            #expect(last.error?.exitCode == 3 && last.error?.stderr == "boom")
        }
        let told = try #require(try sidecar.take(lost))
        #expect(told.kind == AOS_EV_PROCESS_LOST && told.status == AOS_E_SIDECAR)
        #expect(told.error?.exitCode == 3 && told.error?.stderr == "boom")
        #expect(try sidecar.take(lost, limit: 100 * millisecond) == nil)
        #expect(sidecar.vmCount == 2)
        try sidecar.dispose()
        #expect(try sidecar.end(of: lost).kind == AOS_EV_CLOSED)
    }

    @Test("a death during a creation is told as what it is (vm.md 3)")
    func duringCreation() throws {
        for type in ["open_session", "create_vm", "configure_vm"] {
            let peer = ScriptedPeer("[\(ScriptedPeer.on(type, Self.die))]")
            let sidecar = try peer.sidecar()
            let error = try #require(failure { _ = try sidecar.createVM() })
            #expect(error.status == AOS_E_SIDECAR && error.message.contains(Self.death), "\(error)")
            #expect(sidecar.vmCount == 0 && sidecar.state == "ready")
            #expect(eventually { peer.hasEnded })
        }
    }

    @Test("the real sidecar that is killed under its VM is replaced (R5)", .enabled(if: RealSidecar.isThere))
    func real() throws {
        let sidecar = try RealSidecar.sidecar()
        let vm = try sidecar.createVM(RealSidecar.config())
        let process = try vm.spawn(["sleep", "60"])
        let pid = try #require(sidecar.processID)
        kill(pid, SIGKILL)
        let last = try process.finish().last
        #expect(last.status == AOS_E_SIDECAR)
        #expect(
            last.error?.message.contains("sidecar process exited with signal SIGKILL") == true,
            "\(String(describing: last.error))"
        )
        #expect(try sidecar.createVM().isAlive)
        try vm.shutdown()
        #expect(sidecar.vmCount == 1)
        #expect(isReaped(pid))
    }
}
