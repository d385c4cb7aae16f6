// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

/// The examples as a user runs them: the programs of build/, on the real sidecar.
@Suite("The examples", .serialized, .enabled(if: Environment.hasSidecar))
struct ExamplesTests {
    private static let library = "AGENTOS_LIBRARY=\(Environment.build)/libagentos.so"
    private static let license = "\(Repository.root)/LICENSE"

    private func run(_ program: String, _ arguments: [String]) throws -> ChildRun {
        try ChildRun.run(program, arguments, limit: .seconds(120))
    }

    private func expectFirstJob(_ run: ChildRun) throws {
        let hash = try ChildRun.run("/usr/bin/sha256sum", [Self.license]).outputText.prefix(64)
        let size = try Repository.bytes("LICENSE").count
        #expect(run.end == .exited(0), "\(run.errorText)")
        #expect(run.outputText.contains("\(hash)  /tmp/input.txt\n\(size) /tmp/input.txt\n(exit code 0)"))
        #expect(
            run.outputText.contains(
                "line 1: \(size) bytes\nline 2: \(size) bytes\nline 3: \(size) bytes\n(exit code 0)"
            )
        )
        #expect(run.outputText.contains("read back \(size) bytes: identical\n"))
        #expect(run.outputText.contains(#""state":"ready","activeVmCount":1}"#))
        #expect(run.outputText.contains(#""state":"disposed","activeVmCount":0}"#))
    }

    @Test("the first job in C")
    func firstJobInC() throws {
        try expectFirstJob(try run("\(Environment.build)/examples/first_job", [Self.license]))
    }

    @Test("the first job in Python")
    func firstJobInPython() throws {
        try expectFirstJob(
            try run(
                "/usr/bin/env",
                [Self.library, "python3", "\(Repository.root)/examples/python/first_job.py", Self.license]
            )
        )
    }

    @Test("the first job with asyncio")
    func firstJobWithAsyncio() throws {
        let program = "\(Repository.root)/examples/python/first_job_async.py"
        let run = try run("/usr/bin/env", [Self.library, "python3", program, Self.license])
        #expect(run.end == .exited(0), "\(run.errorText)")
        let hash = try ChildRun.run("/usr/bin/sha256sum", [Self.license]).outputText.prefix(64)
        #expect(run.outputText.contains("\(hash)  /tmp/c\n(exit code 0)\nread back 3 files: identical\n"))
        #expect(run.outputText.contains(#""state":"disposed""#))
    }

    @Test("a poll loop in C passes what is typed to cat")
    func eventLoop() throws {
        let run = try run(
            "/bin/sh",
            ["-c", "printf 'one\\ntwo\\n' | '\(Environment.build)/examples/event_loop'"]
        )
        #expect(run.end == .exited(0), "\(run.errorText)")
        #expect(run.outputText == "cat says: one\ntwo\ncat ended with 0\n")
    }

    @Test("existing functions are called back through shapes")
    func callbacks() throws {
        let run = try run("\(Environment.build)/examples/callbacks", [])
        #expect(run.end == .exited(0), "\(run.errorText)")
        #expect(run.outputText.contains("exists: status 0, value 1\nexists: dropped\n"))
        #expect(run.outputText.contains("node: 100 lines, exit code 0\nnode: dropped\n"))
    }

    @Test("a prompt in a VM does what it is told, line by line, and ends with the shell's code")
    func shell() throws {
        let lines = #"echo one\ncd /tmp\npwd\nX=5\necho x$X\nls /etc/none\necho end\nexit 7\n"#
        let run = try run("/bin/sh", ["-c", "printf '\(lines)' | '\(Environment.build)/examples/shell'"])
        #expect(run.end == .exited(7), "\(run.errorText)")
        #expect(run.outputText == "one\n/tmp\nx5\nend\n")
    }

    @Test("the tool for people runs a command, and passes on what it writes, reads and returns")
    func toolRuns() throws {
        let tool = "\(Environment.build)/examples/agentos"
        let code =
            "console.log(process.env.A, process.cwd(), require('fs').readdirSync('/mnt/repo').length > 3)"
        let node = try run(
            tool,
            [
                "run", "--env", "A=b", "--cwd", "/tmp", "--mount", "\(Repository.root):/mnt/repo", "--",
                "node",
                "-e", "\(code); process.exit(3)",
            ]
        )
        #expect(node.end == .exited(3), "\(node.errorText)")
        #expect(node.outputText == "b /tmp true\n")
        let cat = try run("/bin/sh", ["-c", "printf 'a\\nb' | '\(tool)' run --stdin -- cat"])
        #expect(cat.end == .exited(0) && cat.outputText == "a\nb", "\(cat.errorText)")
        let unknown = try run(tool, ["run", "--", "nosuchcommand"])
        #expect(unknown.end == .exited(125) && unknown.errorText.contains("command not found"))
        #expect(try run(tool, ["run", "--bad"]).end == .exited(2))
    }

    @Test(
        "the tool passes a signal on to its command, and ends as that does",
        arguments: ["TERM", "INT", "HUP"]
    )
    func toolPassesSignals(_ signal: String) throws {
        try withTestFolder { folder in
            let program = """
                process.on("SIG\(signal)", () => { console.log("caught"); process.exit(9) }); \
                console.log("up"); setInterval(() => 0, 1000)
                """
            let script = """
                '\(Environment.build)/examples/agentos' run -- node -e '\(program)' > '\(folder)/out' & p=$!
                until grep -q up '\(folder)/out'; do kill -0 $p || exit 90; sleep 0.02; done
                kill -\(signal) $p; wait $p; echo "code $?"; cat '\(folder)/out'
                """
            let run = try self.run("/bin/sh", ["-c", script])
            #expect(run.end == .exited(0), "\(run.errorText)")
            #expect(run.outputText == "code 9\nup\ncaught\n", "\(run.errorText)")
        }
    }

    @Test("the tool mounts a directory to be read, and with `:rw` to be written")
    func toolMounts() throws {
        try withTestFolder { folder in
            try writeFile("\(folder)/given", Array("given".utf8))
            let code = """
                const fs = require('fs'); console.log(fs.readFileSync('/mnt/h/given', 'utf8')); \
                fs.writeFileSync('/mnt/h/made', 'made')
                """
            func tool(_ mount: String) throws -> ChildRun {
                try run(
                    "\(Environment.build)/examples/agentos",
                    ["run", "--mount", mount, "--", "node", "-e", code]
                )
            }
            let reads = try tool("\(folder):/mnt/h")
            #expect(reads.end == .exited(1) && reads.outputText == "given\n", "\(reads.errorText)")
            #expect(reads.errorText.contains("EROFS"), "\(reads.errorText)")
            #expect(try AgentOSTestSupport.folder(folder) == ["given"])
            let writes = try tool("\(folder):/mnt/h:rw")
            #expect(writes.end == .exited(0) && writes.outputText == "given\n", "\(writes.errorText)")
            #expect(try readFile("\(folder)/made") == Array("made".utf8))
        }
    }

    @Test("the doctor says what it found, and what to do where there is nothing")
    func doctor() throws {
        let tool = "\(Environment.build)/examples/agentos"
        let well = try run(tool, ["doctor"])
        #expect(well.end == .exited(0), "\(well.errorText)")
        for text in ["agent-os-sidecar@1", "AGENT_OS_SIDECAR_BIN", "VM: created and usable", "all is well"] {
            #expect(well.outputText.contains(text), "\(well.outputText)")
        }
        let ill = try run(
            "/usr/bin/env",
            [
                "-u", "AGENT_OS_SIDECAR_BIN", "-u", "AGENT_OS_SIDECAR_BINARY", "-u", "AGENTOS_SIDECAR_BIN",
                "PATH=/nowhere", tool, "doctor",
            ]
        )
        #expect(ill.end == .exited(125) && ill.outputText.contains("NOT USABLE"))
        #expect(ill.errorText.contains("looked for 'agent-os-sidecar' in PATH (/nowhere)"))
        #expect(ill.errorText.contains("npm package"))
    }

    @Test("a tree of some hundred files and 20 MiB goes into a VM and back, byte for byte")
    func syncTree() throws {
        try withTestFolder { folder in
            let make = """
                mkdir -p a/b 'c d/é' empty && i=0; while [ $i -lt 300 ]; do
                  case $((i % 3)) in 0) d=a;; 1) d=a/b;; *) d='c d/é';; esac
                  head -c $((i * 470)) /dev/urandom > "$d/f$i"; i=$((i + 1)); done
                head -c 2000000 /dev/urandom > big; chmod 755 a/f3; ln -s a/f3 link
                """
            let made = try self.run("/bin/sh", ["-ec", "cd '\(folder)' && \(make)"])
            #expect(made.end == .exited(0), "\(made.errorText)")
            let program = "\(Repository.root)/examples/python/sync_tree.py"
            let copied = try self.run("/usr/bin/env", [Self.library, "python3", program, folder])
            #expect(copied.end == .exited(0), "\(copied.errorText)")
            #expect(copied.outputText.contains("compared 301 files byte for byte: identical\n"))
            #expect(
                copied.outputText.contains("upload: 301 files, ") && copied.outputText.contains(" MB/s\n")
            )
        }
    }

    @Test("an example without its sidecar says what was tried")
    func missingSidecar() throws {
        let run = try run(
            "/usr/bin/env",
            ["AGENT_OS_SIDECAR_BIN=/no/such/file", "\(Environment.build)/examples/callbacks"]
        )
        #expect(run.end == .exited(1))
        #expect(
            run.errorText.contains(
                "failed to spawn sidecar '/no/such/file': No such file or directory (os error 2) (from AGENT_OS_SIDECAR_BIN)"
            )
        )
    }
}
