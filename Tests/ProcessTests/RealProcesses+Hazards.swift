// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

extension RealProcesses {
    @Suite("Hazards of programs (section 8)")
    struct Hazards {
        /// The guard is off, for with it the client never sends what freezes the sidecar.
        @Test("a frozen sidecar is given up and told of; others and its own handle work (cases 15, 42, X5)")
        func freeze() throws {
            let other = try RealSidecar.sidecar().createVM()
            let sidecar = try RealSidecar.sidecar([
                "deadlines": .members(["write_stdin": .integer(2000)]), "unresponsiveMs": .integer(2000),
            ])
            let vm = try sidecar.createVM(RealSidecar.config(["stdinGuard": .bool(false)]))
            let lost = try sidecar.submit {
                aos_sidecar_subscribe(sidecar.handle, 1 << AOS_EV_PROCESS_LOST, nil, $0, $1)
            }
            let pid = try #require(sidecar.processID)
            let process = try vm.spawn(["cat"])
            try process.write([UInt8](repeating: 0x61, count: 65_536))
            #expect(vm.isAlive, "what was written so far does not freeze it")
            let start = ContinuousClock.now
            let error = failure { try process.write([0x62]) }
            #expect([AOS_E_DEADLINE, AOS_E_SIDECAR].contains(error?.status), "\(String(describing: error))")
            let event = try sidecar.take(lost)
            #expect(ContinuousClock.now - start < .seconds(15))
            #expect(event?.kind == AOS_EV_PROCESS_LOST)
            let message = event?.error?.message ?? ""
            #expect(message.contains("sidecar unresponsive"), "\(message)")
            #expect(eventually { !isRunning(pid) })
            let end = try process.finish().last
            #expect(end.status == AOS_E_SIDECAR && process.isStale)
            #expect(other.isAlive)
            #expect(try sidecar.createVM().isAlive)
            #expect(try other.node("console.log('other')").outputText == "other\n")
        }

        @Test("`cat < file` hangs and is ended by its timeout, and the sidecar lives (X6)")
        func redirection() throws {
            try withVM { vm throws in
                try vm.write("/tmp/f", "x")
                let run = try vm.run("cat < /tmp/f", .members(["timeoutMs": .integer(4000)]))
                #expect(run.flags == AOS_EXEC_TIMED_OUT, "\(run)")
                #expect(vm.isAlive)
                #expect(try vm.run("cat /tmp/f").outputText == "x")
            }
        }

        @Test("a program that is killed while it waits for a slot ends once there is one (X7)")
        func waitingForSlot() throws {
            try withVM { vm throws in
                let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
                let running = try (0..<processors).map { _ in try vm.spawnNode(idle) }
                for process in running { _ = try process.waitForOutput("up") }
                let waiting = try vm.spawnNode("console.log('ran'); " + idle)
                #expect(try eventually { try vm.runningCount() == processors + 1 })
                try waiting.kill("KILL")
                // It has no slot, so that the signal was lost.
                #expect(try vm.sidecar.take(waiting.op, limit: 300 * millisecond) == nil)
                try running[0].kill("TERM")
                #expect(try running[0].finish(limit: 15 * second).last.value == 143)
                let last = try waiting.finish(limit: 15 * second).last
                #expect(last.status == AOS_OK && last.value == 1, "\(last)")
                #expect(vm.isAlive)
                for process in running.dropFirst() {
                    try process.kill("TERM")
                    #expect(try process.finish(limit: 15 * second).last.value == 143)
                }
                #expect(try vm.runningCount() == 0)
            }
        }

        @Test("what `rm` has left for the client goes by the file call, for guests too (X9)")
        func removedByCommand() throws {
            try withVM { vm throws in
                try vm.write("/tmp/f", "x")
                try vm.write("/tmp/g", "x")
                #expect(try vm.run("rm /tmp/f").code == 0)
                try vm.remove("/tmp/f")
                #expect(try vm.exists("/tmp/f") == false)
                let seen = "const f=require('fs');console.log(f.existsSync('/tmp/f'), f.existsSync('/tmp/g'))"
                #expect(try vm.node(seen).outputText == "false true\n")
                #expect(try vm.exists("/tmp/f") == false)
                #expect(try vm.list("/tmp") == ["g"])
            }
        }

        @Test("a call beside the first shell waits for it and is in time with the usual limits (X13)")
        func firstShell() throws {
            try withVM { vm throws in
                let op = try vm.submitExec("echo first")
                #expect(try vm.exists("/tmp"))
                let events = try vm.sidecar.events(of: op)
                #expect(events.last?.status == AOS_OK && events.last?.value == 0)
                #expect(events.filter { $0.kind == AOS_EV_STDOUT }.map(\.text).joined() == "first\n")
            }
        }
    }
}
