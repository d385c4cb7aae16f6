// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

extension RealProcesses {
    @Suite("The library's tables of processes on the real sidecar (process.md 10)")
    struct Table {
        private func row(_ rows: [JSONValue], _ process: HostProcess) -> JSONValue? {
            rows.first { $0["id"] == .number(process.id) }
        }

        private func children(_ node: JSONValue?) -> [JSONValue] {
            guard case .array(let children)? = node?["children"] else { return [] }
            return children
        }

        @Test("a shell and its child, before their start to after their end (20, 23, 24, 35, 36, 40)")
        func family() throws {
            try withVM { vm throws in
                // Case 35.
                #expect(try vm.allProcesses() == [] && vm.processTree() == [] && vm.spawnedProcesses() == [])
                let line = "echo begun; sleep 3; true"
                let process = try vm.spawn(["sh", "-c", line])
                _ = try process.waitForOutput("begun")
                #expect(try eventually { try vm.allProcesses().count == 2 })
                let rows = try vm.allProcesses()
                // Cases 20 and 36: our number stands for the kernel's, also as a parent.
                let own = try #require(row(rows, process))
                #expect(own["pid"] == .integer(1_000_000) && own["command"] == .string("sh"))
                #expect(own["args"] == .array([.string("-c"), .string(line)]))
                #expect(own["status"] == .string("running") && own["exitCode"] == .null)
                let child = try #require(rows.first { $0["ppid"] == .integer(1_000_000) })
                #expect(child["id"] == nil && child["status"] == .string("running"))
                #expect((child["pid"]?.integerValue ?? 1_000_000) < 1_000_000)
                // Case 24 of the sidecar's document: the same as a tree.
                let roots = try vm.processTree()
                #expect(roots.count == 1 && row(roots, process) != nil)
                #expect(children(row(roots, process)).map { $0["pid"] } == [child["pid"]])
                // Case 40.
                let again = try vm.allProcesses()
                #expect(row(again, process)?["startTime"] == own["startTime"])
                let secondSight = again.first { $0["pid"] == child["pid"] }
                #expect(secondSight?["startTime"] == child["startTime"] && child["startTime"] != nil)
                #expect(own["exitTime"] == .null && child["exitTime"] == .null)
                let described = try process.describe()
                #expect(described["pid"] == own["pid"] && described["running"] == .bool(true))
                #expect(described["startTime"] == own["startTime"])
                #expect(try vm.spawnedProcesses() == [described])
                // Case 23: who comes late gets what was printed before.
                let late = try process.subscribe()
                #expect(try late.waitForOutput("begun") == "begun\n")
                #expect(try process.finish().last.value == 0)
                #expect(try late.finish().last.value == 0 && late.isStale)
                // Case 24: who comes after the end.
                let last = try process.subscribe().finish()
                #expect(last.output == Array("begun\n".utf8) && last.last.value == 0)
                let over = try #require(row(try vm.allProcesses(), process))
                #expect(over["status"] == .string("exited") && over["exitCode"] == .integer(0))
                #expect(over["startTime"] == own["startTime"])
                let end = over["exitTime"]?.integerValue ?? 0
                #expect(end >= (own["startTime"]?.integerValue ?? .max) + 2000, "\(over)")
                #expect(try process.describe()["exitTime"] == .integer(end))
            }
        }

        @Test("what the sidecar has forgotten is still in the list, and forgotten when it is released (38)")
        func forgotten() throws {
            try withVM { vm throws in
                let first = try vm.spawnNode("process.exit(3)", .members(["cwd": .string("/tmp")]))
                #expect(try first.wait() == 3)
                let second = try vm.spawnNode(idle)
                _ = try second.waitForOutput("up")
                // Ended ones stay in its own table for two seconds.
                #expect(try eventually { try vm.snapshot().count == 1 })
                let rows = try vm.allProcesses()
                #expect(rows.map { $0["pid"] } == [.integer(1_000_000), .integer(1_000_001)])
                let over = try #require(row(rows, first))
                #expect(over["ppid"] == .integer(0) && over["driver"] == .string(""))
                #expect(over["pgid"] == .integer(1_000_000) && over["sid"] == .integer(1_000_000))
                #expect(over["cwd"] == .string("/tmp"))
                #expect(over["status"] == .string("exited") && over["exitCode"] == .integer(3))
                #expect(row(rows, second)?["status"] == .string("running"))
                #expect(row(rows, second)?["driver"] != .string(""))
                try first.release()
                #expect(try vm.allProcesses().map { $0["pid"] } == [.integer(1_000_001)])
                try second.kill("TERM")
                #expect(try second.finish().last.value == 143)
            }
        }
    }
}
