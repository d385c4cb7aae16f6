// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

extension RealProcesses {
    @Suite("Exit codes and refusals (sections 2 and 3)")
    struct Exits {
        @Test("a program's exit code comes as it is (cases 1, 3)")
        func codes() throws {
            try withVM { vm throws in
                let codes: KeyValuePairs<String, Int32> = [
                    "process.exit(3)": 3, "process.exit(256)": 256, "process.exit(-1)": -1,
                    "process.exitCode = 7": 7,
                    "0": 0, "process.kill(process.pid, 'SIGTERM')": 1, "process.abort()": 1,
                    "Promise.reject(new Error('x'))": 1,
                    "syntax error here": 1,
                ]
                for (code, expected) in codes { #expect(try vm.node(code).code == expected, "\(code)") }
                try vm.write("/tmp/m.mjs", "process.exitCode = 7")
                #expect(try vm.run("node /tmp/m.mjs").code == 0)
                try vm.write("/tmp/c.js", "process.exitCode = 7")
                #expect(try vm.run("node /tmp/c.js").code == 7)
            }
        }

        @Test("commands of the packs give theirs, and `sh -c` the last one's")
        func commands() throws {
            try withVM { vm throws in
                #expect(try vm.run("true").code == 0 && vm.run("false").code == 1)
                #expect(try vm.run("echo hello").outputText == "hello\n")
                let shell = try vm.run("echo 'hi'")
                #expect(shell.outputText == "hi\n" && shell.code == 0)
                #expect(try vm.run("exit 3").code == 3)
                #expect(try vm.run("FOO=1; echo $FOO").outputText == "1\n")
                #expect(try vm.run("pwd", .members(["cwd": .string("/tmp")])).outputText == "/tmp\n")
            }
        }

        @Test("a pipeline of two commands, and a command that the shell does not find (case 2)")
        func pipeline() throws {
            try withVM { vm throws in
                let missing = try vm.run("sh -c nosuchcmd")
                #expect(
                    missing.code == 126 && missing.errorText.contains("failed to execute command 'nosuchcmd'")
                )
                let piped = try vm.run("echo hi | wc -c", .members(["timeoutMs": .integer(20_000)]))
                #expect(piped.outputText == "3\n" && piped.code == 0 && !piped.error.isEmpty)
            }
        }

        @Test("an uncaught error is told on stderr (case 4)")
        func uncaught() throws {
            try withVM { vm throws in
                let result = try vm.node("throw new Error('boom')")
                #expect(result.code == 1 && result.errorText.hasPrefix("Error: boom\n"))
            }
        }

        @Test("what cannot be started is the sidecar's refusal, and no exit code (case 6, R18)")
        func refusals() throws {
            try withVM { vm throws in
                let nope = failure { _ = try vm.run("nope") }
                #expect(nope?.status == AOS_E_REMOTE && nope?.code == "invalid_state")
                #expect(nope?.message == "command not found on native sidecar path: nope")
                let directory = failure { _ = try vm.run(argv: ["/tmp"]) }
                #expect(directory?.status == AOS_E_REMOTE && directory?.errno == "EACCES")
                let script = failure { _ = try vm.run("node /nope.js") }
                #expect(script?.status == AOS_E_REMOTE && script?.errno == "ENOENT")
                #expect(script?.message == "ENOENT: no such file: /nope.js")
                let events = try vm.sidecar.events(of: try vm.spawn(["nope"]).op)
                #expect(events.count == 1 && events.first?.status == AOS_E_REMOTE)
                #expect(events.first?.error?.message == nope?.message)
            }
        }

        @Test("a VM without a shell refuses a line that needs one, and runs the same words as an argv (R17)")
        func withoutShell() throws {
            try withVM(packs: []) { vm throws in
                for line in ["node -e \"1\"", "node -e 1 | cat", "node -e $X"] {
                    let error = failure { _ = try vm.run(line) }
                    #expect(error?.status == AOS_E_REMOTE && error?.code == "invalid_state", "\(line)")
                    #expect(
                        error?.message.hasPrefix("command not found on native sidecar path: sh") == true,
                        "\(error?.message ?? "")"
                    )
                }
                let error = failure { _ = try vm.run("node -e \"1\"") }
                #expect(error?.message.contains("exec_argv") == true, "it says what to do instead")
                #expect(try vm.run(argv: ["node", "-e", "1"]).code == 0)
                #expect(try vm.run("node -e 1").code == 0)
            }
        }

        @Test("a denied program is EACCES (R9)")
        func denied() throws {
            let permissions = JSONValue.members([
                "fs": .string("allow"), "process": .string("allow"), "env": .string("allow"),
                "childProcess": .string("deny"),
            ])
            let vm = try RealSidecar.sidecar().createVM(.members(["permissions": permissions]))
            let error = failure { _ = try vm.node("0") }
            #expect(
                error?.status == AOS_E_REMOTE && error?.errno == "EACCES" && error?.code == "kernel_error"
            )
            #expect(
                error?.message
                    == "EACCES: permission denied, spawn 'node': blocked by child_process.spawn policy"
            )
            #expect(vm.isAlive)
        }

        @Test("a script by its name, with directory and environment (case 7)")
        func script() throws {
            try withVM { vm throws in
                try vm.write(
                    "/tmp/a.mjs",
                    "console.log(process.argv[1], process.cwd(), process.env.X, process.argv[2])"
                )
                let options = JSONValue.members([
                    "cwd": .string("/tmp"), "env": .members(["X": .string("v")]),
                ])
                #expect(try vm.run("a.mjs arg", options).outputText == "/tmp/a.mjs /tmp v arg\n")
                let (output, _, last) = try vm.spawn(["./a.mjs", "a b"], options).finish()
                #expect(
                    String(decoding: output, as: UTF8.self) == "/tmp/a.mjs /tmp v a b\n" && last.value == 0
                )
            }
        }

        @Test("twenty empty programs, and nothing on stderr that they did not write (X3, case 5, R19)")
        func noNoise() throws {
            try withVM { vm throws in
                for _ in 0..<20 {
                    let result = try vm.node("0")
                    #expect(result.error == [] && result.output == [] && result.code == 0)
                }
            }
        }

        @Test("a tier binds a command (case 43)")
        func tiers() throws {
            try withVM { vm throws in
                let readOnly = try vm.run(
                    "touch /tmp/t",
                    .members(["wasmPermissionTier": .string("read-only")])
                )
                #expect(readOnly.code == 1 && readOnly.errorText.contains("Permission denied"))
                try vm.write("/tmp/f", "x")
                let isolated = try vm.run("cat /tmp/f", .members(["wasmPermissionTier": .string("isolated")]))
                #expect(isolated.code == 1 && isolated.output == [])
                #expect(try vm.run("cat /tmp/f").outputText == "x")
            }
        }
    }
}
