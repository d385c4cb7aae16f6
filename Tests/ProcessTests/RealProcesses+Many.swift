// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS
import Glibc
import Testing

extension RealProcesses {
    @Suite("More programs than processors, and the end of a VM (X1, X8)")
    struct Many {
        private var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

        @Test("P + 2 sleeping programs all end with 0, and those that wait are running (X1, case 23)")
        func slots() throws {
            try withVM { vm throws in
                let count = processors + 2
                let processes = try (0..<count).map {
                    try vm.spawnNode("setTimeout(() => console.log('done \($0)'), 1000)")
                }
                #expect(try eventually { try vm.runningCount() == count })
                for (index, process) in processes.enumerated() {
                    let (output, _, last) = try process.finish(limit: 60 * second)
                    #expect(last.status == AOS_OK && last.value == 0)
                    #expect(String(decoding: output, as: UTF8.self) == "done \(index)\n")
                }
            }
        }

        /// What a VM is shut down under: node programs that say `up` before, and shells with a line for each.
        struct Load: Sendable, CustomTestStringConvertible {
            let name: String
            let programs: [String]
            var shells: [String] = []
            var testDescription: String { name }
        }

        static let loads: [Load] = [
            Load(name: "one idle program", programs: [idle]),
            Load(name: "two idle programs", programs: [idle, idle]),
            Load(name: "a busy loop", programs: ["console.log('up'); setTimeout(() => { for (;;); }, 50)"]),
            Load(name: "a handler for SIGTERM", programs: ["process.on('SIGTERM', () => {}); " + idle]),
            Load(name: "a shell that waits", programs: [], shells: [""]),
            Load(name: "a shell at work", programs: [], shells: ["sleep 100\n"]),
            Load(name: "a shell beside a program", programs: [idle], shells: [""]),
        ]

        @Test(
            "a VM with live programs ends in time, without an error, and so does its sidecar (X8, cases 20, 21)",
            arguments: loads
        )
        func shutdown(load: Load) throws {
            let sidecar = try RealSidecar.sidecar()
            let vm = try sidecar.createVM(RealSidecar.config())
            let processes = try load.programs.map { try vm.spawnNode($0) }
            for process in processes { _ = try process.waitForOutput("up") }
            let shells = try load.shells.map { line in
                let shell = try vm.openShell()
                try shell.write("echo up\n")
                #expect(try sidecar.take(shell.op)?.text == "up\n")
                if !line.isEmpty { try shell.write(line) }
                return shell
            }
            let waits = try shells.map { try $0.submitWait() }
            let pid = try #require(sidecar.processID)
            let start = ContinuousClock.now
            try vm.shutdown()
            #expect(ContinuousClock.now - start < .seconds(7))
            for op in waits { #expect(try end(of: op, sidecar)?.value == 143) }
            for shell in shells {
                let last = try sidecar.events(of: shell.op, limit: 0).last
                #expect(last?.status == AOS_OK && last?.value == 143, "\(String(describing: last))")
            }
            for process in processes {
                let last = try process.finish(limit: 0).last
                #expect(last.status == AOS_OK && [143, 1].contains(last.value))
                #expect(process.isStale)
            }
            #expect(eventually { !isRunning(pid) })
        }

        @Test("a program that waits for a slot does not hold the shutdown up either (X1, X8)")
        func waiting() throws {
            let sidecar = try RealSidecar.sidecar()
            let vm = try sidecar.createVM(RealSidecar.config())
            let count = processors + 1
            let processes = try (0..<count).map { _ in try vm.spawnNode(idle) }
            #expect(try eventually { try vm.runningCount() == count })
            let pid = try #require(sidecar.processID)
            let start = ContinuousClock.now
            try vm.shutdown()
            #expect(ContinuousClock.now - start < .seconds(10))
            for process in processes { #expect(try process.finish(limit: 0).last.kind == AOS_EV_COMPLETE) }
            #expect(eventually { !isRunning(pid) })
        }

        @Test("another VM of the sidecar works on while one ends under its programs")
        func neighbour() throws {
            let sidecar = try RealSidecar.sidecar()
            let vm = try sidecar.createVM(RealSidecar.config())
            let other = try sidecar.createVM(RealSidecar.config())
            try other.write("/tmp/x", "mine")
            let process = try vm.spawnNode("process.on('SIGTERM', () => {}); " + idle)
            _ = try process.waitForOutput("up")
            try vm.shutdown()
            #expect(try process.finish(limit: 0).last.kind == AOS_EV_COMPLETE)
            #expect(try other.readText("/tmp/x") == "mine")
            #expect(try other.run("echo x").outputText == "x\n")
            #expect(other.isAlive)
        }

        @Test("with nothing running the end takes a moment (case 22)")
        func idleVM() throws {
            let sidecar = try RealSidecar.sidecar()
            try sidecar.connect()
            let vm = try sidecar.createVM(RealSidecar.config())
            _ = try vm.node("0")
            let start = ContinuousClock.now
            try vm.shutdown()
            #expect(ContinuousClock.now - start < .seconds(1))
        }
    }
}
