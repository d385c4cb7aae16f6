// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

extension RealProcesses {
    @Suite("Signals, timeouts and cancels (section 5)")
    struct Signals {
        /// Starts a program, waits for its `up`, sends a signal and gives its end.
        private func end(_ vm: HostVM, _ code: String, _ signal: String?) throws -> HostEvent {
            let process = try vm.spawnNode(code)
            _ = try process.waitForOutput("up")
            try process.kill(signal)
            return try process.finish(limit: 15 * second).last
        }

        @Test("what signals do to node (case 17)")
        func node() throws {
            try withVM { vm throws in
                let table: KeyValuePairs<String?, Int64> = [
                    nil: 143, "TERM": 143, "INT": 130, "HUP": 129, "KILL": 1, "USR1": 1, "PIPE": 1,
                ]
                for (signal, code) in table {
                    let last = try end(vm, idle, signal)
                    #expect(last.status == AOS_OK && last.value == code, "\(signal ?? "NULL"): \(last.value)")
                }
                let process = try vm.spawnNode(idle)
                _ = try process.waitForOutput("up")
                for signal in ["WINCH", "CHLD", "CONT", "0"] { try process.kill(signal) }
                #expect(failure { try process.kill("SIGNOPE") }?.status == AOS_E_INVALID)
                #expect(try vm.sidecar.take(process.op, limit: 500 * millisecond) == nil)
                try process.kill("TERM")
                #expect(try process.finish().last.value == 143)
            }
        }

        @Test("what signals do to a command of a pack (case 17)")
        func wasm() throws {
            try withVM { vm throws in
                for (signal, code) in [("TERM", Int64(143)), ("KILL", 137), ("USR1", 138)] {
                    let process = try vm.spawn(["sleep", "100"])
                    #expect(try eventually { try vm.runningCount() == 1 })
                    poll(nil, 0, 300)
                    try process.kill(signal)
                    #expect(try process.finish(limit: 15 * second).last.value == code, "\(signal)")
                }
            }
        }

        @Test("a handler for SIGTERM goes on, SIGKILL ends it (case 18)")
        func handler() throws {
            try withVM { vm throws in
                let process = try vm.spawnNode("process.on('SIGTERM', () => console.log('caught')); " + idle)
                _ = try process.waitForOutput("up")
                try process.kill("TERM")
                _ = try process.waitForOutput("caught")
                try process.kill("KILL")
                let (_, error, last) = try process.finish(limit: 15 * second)
                #expect(last.value == 1)
                #expect(String(decoding: error, as: UTF8.self) == "Error: Execution terminated\n")
            }
        }

        @Test("a busy loop takes no notice of SIGTERM, and SIGKILL ends it")
        func busyLoop() throws {
            try withVM { vm throws in
                let process = try vm.spawnNode("console.log('up'); setTimeout(() => { for (;;); }, 20)")
                _ = try process.waitForOutput("up")
                poll(nil, 0, 300)
                try process.kill("TERM")
                try process.kill("INT")
                #expect(try vm.sidecar.take(process.op, limit: second) == nil)
                try process.kill("KILL")
                #expect(try process.finish(limit: 15 * second).last.value == 1)
            }
        }

        @Test("STOP shows in the table, CONT takes it back, and neither ends it")
        func stopped() throws {
            try withVM { vm throws in
                let process = try vm.spawnNode(idle)
                _ = try process.waitForOutput("up")
                func status() throws -> String? { try vm.snapshot().first?["status"]?.stringValue }
                try process.kill("STOP")
                #expect(try eventually { try status() == "stopped" })
                try process.kill("CONT")
                #expect(try eventually { try status() == "running" })
                try process.kill("TERM")
                #expect(try process.finish(limit: 15 * second).last.value == 143)
            }
        }

        @Test("a shell and what it has started end together by SIGTERM")
        func shellWithChild() throws {
            try withVM { vm throws in
                let process = try vm.spawn(["sh", "-c", "sleep 100; true"])
                #expect(try eventually { try vm.runningCount() == 2 })
                poll(nil, 0, 300)
                try process.kill("TERM")
                #expect(try process.finish(limit: 15 * second).last.value == 143)
                #expect(try eventually { try vm.runningCount() == 0 })
            }
        }

        @Test("a busy loop that is killed right at its start ends within 7 s (X7, case 19)")
        func killedAtStart() throws {
            try withVM { vm throws in
                let process = try vm.spawnNode("for (;;);")
                try process.kill("KILL")
                let start = ContinuousClock.now
                let last = try process.finish(limit: 15 * second).last
                #expect(last.status == AOS_OK && last.value == 1)
                #expect(ContinuousClock.now - start < .seconds(7))
            }
        }

        @Test("a timeout is a flag beside the output, for a busy loop too (R20)")
        func timeout() throws {
            try withVM { vm throws in
                let sleeping = try vm.node(
                    "console.log('begun'); " + idle,
                    .members(["timeoutMs": .integer(1500)])
                )
                #expect(sleeping.flags == AOS_EXEC_TIMED_OUT && sleeping.code == 1)
                #expect(sleeping.outputText.hasPrefix("begun\n"))
                let busy = try vm.node(
                    "for (;;);",
                    .members(["timeoutMs": .integer(500), "killGraceMs": .integer(8000)])
                )
                #expect(busy.flags == AOS_EXEC_TIMED_OUT && busy.code == 1)
                let command = try vm.run("sleep 100", .members(["timeoutMs": .integer(1500)]))
                #expect(command.flags == AOS_EXEC_TIMED_OUT && command.code == 137)
            }
        }

        @Test("cancel and deadline leave no program behind, and complete once")
        func cancel() throws {
            try withVM { vm throws in
                let process = try vm.spawnNode(idle)
                _ = try process.waitForOutput("up")
                #expect(process.cancel() == AOS_OK)
                #expect(try process.finish(limit: 15 * second).last.status == AOS_E_CANCELED)
                #expect(process.isStale)
                let spawned = try vm.spawn(["node", "-e", idle], completion: waiting(deadline: second))
                #expect(try spawned.finish(limit: 15 * second).last.status == AOS_E_DEADLINE)
                let executed = try vm.submitExec("sleep 100", completion: waiting(deadline: second))
                #expect(try ProcessTests.end(of: executed, vm.sidecar)?.status == AOS_E_DEADLINE)
                #expect(failure { _ = try vm.node(idle, limit: second) }?.status == AOS_E_DEADLINE)
                #expect(try eventually { try vm.runningCount() == 0 })
            }
        }

        @Test("after the end: writing says so, closing and signals succeed (case 16)")
        func afterEnd() throws {
            try withVM { vm throws in
                let process = try vm.spawn(["true"])
                #expect(try process.finish().last.value == 0)
                #expect(failure { try process.write([1]) }?.message == "process already exited")
                try process.closeInput()
                try process.kill("KILL")
                try process.kill(nil)
            }
        }

        @Test("the process table: children, and what has just ended (case 24, R23)")
        func table() throws {
            try withVM { vm throws in
                let process = try vm.spawn(["sh", "-c", "sleep 3; true"])
                #expect(try eventually { try vm.snapshot().count == 2 })
                let entries = try vm.snapshot()
                let parent = entries.first { $0["process_id"]?.stringValue?.contains("/") == false }
                let child = entries.first { $0["process_id"]?.stringValue?.contains("/") == true }
                #expect(child?["ppid"] != nil && child?["ppid"] == parent?["pid"])
                // Of what this client has started everything is known (R23).
                let row = try vm.allProcesses().first { $0["id"] == .number(process.id) }
                #expect(row?["pid"] == .integer(1_000_000) && row?["command"] == .string("sh"))
                #expect(row?["args"] == .array([.string("-c"), .string("sleep 3; true")]))
                #expect(row?["driver"]?.stringValue?.isEmpty == false)
                #expect(try process.finish().last.value == 0)
                #expect(try vm.snapshot().contains { $0["status"]?.stringValue == "exited" })
                #expect(try eventually(limit: .seconds(4)) { try vm.snapshot().isEmpty })
            }
        }
    }
}
