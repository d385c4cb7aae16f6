// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

extension RealProcesses {
    @Suite("Where a shell's line runs (process.md 4)")
    struct Directories {
        @Test("all of a line runs in the directory, not only its first command")
        func wholeLine() throws {
            try withVM { vm throws in
                #expect(try vm.run("echo \"a\" & wait; pwd").outputText.hasSuffix("/home/user\n"))
                let inTemporary = JSONValue.members(["cwd": .string("/tmp")])
                #expect(try vm.run("true || echo x; pwd", inTemporary).outputText == "/tmp\n")
                let nested = try vm.run(
                    argv: ["sh", "-c", "echo $0 \"$@\"; pwd", "zero", "one"],
                    inTemporary
                )
                #expect(nested.outputText == "zero one\n/tmp\n")
                #expect(try vm.run("exit 7", inTemporary).code == 7)
            }
        }

        @Test("nothing of a line runs where there is no such directory")
        func noDirectory() throws {
            try withVM { vm throws in
                try vm.write("/keep.txt", "kept")
                for line in [
                    "false || pwd", "test -f x && echo y; rm -f keep.txt", "(rm -f keep.txt) & wait",
                ] {
                    let run = try vm.run(line, .members(["cwd": .string("/home/user/nowhere")]))
                    #expect(run.code != 0 && run.outputText == "", "\(line): \(run)")
                }
                #expect(try vm.readText("/keep.txt") == "kept")
            }
        }

        @Test("a program that was given up within its grace is killed all the same (X7)")
        func pursued() throws {
            try withVM { vm throws in
                let limits = JSONValue.members(["timeoutMs": .integer(0), "killGraceMs": .integer(0)])
                let error = failure { _ = try vm.run(argv: ["node", "-e", "for(;;);"], limits) }
                #expect(error?.status == AOS_E_DEADLINE, "\(String(describing: error))")
                #expect(try eventually { try vm.runningCount() == 0 })
            }
        }
    }
}
