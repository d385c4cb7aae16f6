// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("A command line as the sidecar gets it (process.md 4.1)")
struct CommandLineTests {
    /// A peer whose programs end at once.
    static func peer() -> ScriptedPeer {
        ProcessScript.peer(ProcessScript.on("execute", ProcessScript.answer, ProcessScript.exit(0)))
    }

    @Test("a plain line is started directly, its words apart (cases 1, 6)")
    func plain() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let lines: KeyValuePairs = [
            "echo hello world": ["echo", "hello", "world"],
            "  cat   /x ": ["cat", "/x"],
            "a\tb\u{0B}c\u{0C}d\re": ["a", "b", "c", "d", "e"],
            "printf %s a=b": ["printf", "%s", "a=b"],
            "x#y": ["x#y"],
            "cat cd if": ["cat", "cd", "if"],
            "1=2": ["1=2"],
            "=x": ["=x"],
            "a.b=c": ["a.b=c"],
            "tr é \u{00A0}": ["tr", "é", "\u{00A0}"],
        ]
        for (line, _) in lines { _ = try vm.run(line) }
        #expect(peer.commands == lines.map(\.value))
    }

    /// The sidecar's own `cd` in front of a line must not bind to its first command alone.
    private static let front = ": || exit\n"

    @Test("what only a shell can take goes to it, byte for byte as it was given (cases 2, 3)")
    func shell() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        var lines = [
            "echo a && echo b", "ls *.txt", "echo 'a b'", "a | b", "echo $X", "a\nb", "  a ; b  ", "a < b",
            "a > b",
            "(a)", "a `b`", "a ?", "a [b]", "a {b}", "~", "a \"b\"", "a \\b", "a & b", "! true", "a !b",
            "a #b", "#",
            "FOO=1 env", "_a1=", "cd /tmp", "exit 3", "pwd", "pwd -P", "command -v sh", ". /x", ": x",
        ]
        let words = """
            break continue eval exec export readonly return set shift times trap umask unset if then elif else fi for \
            while until do done case esac in function select time coproc alias bg fg getopts hash jobs local read \
            source type ulimit unalias wait
            """
        lines += words.split(separator: " ").map { "\($0) x" }
        for line in lines { _ = try vm.run(line) }
        #expect(peer.commands == lines.map { ["sh", "-c", Self.front + $0] })
    }

    @Test("the rule is one of bytes: a combining mark behind `#` hides nothing from it")
    func combiningMark() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        _ = try vm.run("echo #\u{301}a")
        _ = try vm.run("echo a;\u{301}b")
        let lines = ["echo #\u{301}a", "echo a;\u{301}b"]
        #expect(peer.commands == lines.map { ["sh", "-c", Self.front + $0] })
    }

    @Test("texts and lengths that are none are refused")
    func badTexts() throws {
        let vm = try Self.peer().sidecar().createVM()
        let handle = vm.sidecar.handle
        func status(_ command: UnsafePointer<CChar>?, _ length: Int, _ input: Int = 0) -> aos_status? {
            failure {
                try check {
                    aos_process_exec(
                        handle,
                        vm.id,
                        command,
                        length,
                        nil,
                        0,
                        nil,
                        input,
                        second,
                        nil,
                        nil,
                        nil,
                        nil,
                        $0
                    )
                }
            }?.status
        }
        #expect(
            status(nil, 0) == AOS_E_INVALID && status("x", -2) == AOS_E_INVALID
                && status("x", Int.min) == AOS_E_INVALID
        )
        #expect(status("x", 1, -1) == AOS_E_INVALID && status("x", 1, 5) == AOS_E_INVALID)
        #expect(status([CChar(bitPattern: 0xFF), 0], 1) == AOS_E_INVALID)
        // SIZE_MAX: the text ends at its NUL.
        #expect(status("true", -1) == nil)
    }

    @Test("a line without a word, or with a NUL byte, is refused and nothing is sent (case 4)")
    func empty() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        for line in ["", "  \t ", "\n\r"] {
            let error = failure { _ = try vm.run(line) }
            #expect(error?.status == AOS_E_INVALID, "\(line.debugDescription)")
            #expect(error?.message == "exec: command must not be empty", "\(line.debugDescription)")
        }
        let error = failure { _ = try vm.run("echo a\0b") }
        #expect(error?.status == AOS_E_INVALID && error?.kind == "invalid_argument")
        #expect(peer.typesAfterCreation == [])
    }

    @Test("a program with arguments is never parsed (case 5)")
    func arguments() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let argvs = [
            ["printf", "%s", "a b"], ["a | b", "$X", "'", ""], ["cd", "/tmp"], ["FOO=1", "env"],
            ["echo", "*\n#"],
        ]
        for argv in argvs { _ = try vm.run(argv: argv) }
        for argv in argvs { _ = try vm.spawn(argv).finish() }
        #expect(peer.commands == argvs + argvs)
    }

    @Test("an argv that is none is refused by its place, and nothing is sent")
    func badArguments() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let texts: KeyValuePairs = [
            "": "argv", "{}": "argv", "[]": "argv", "\"ls\"": "argv", "[\"ls\",1]": "argv[1]",
            "[\"ls\",null]": "argv[1]",
            "[\"\"]": "argv[0]", "[\"ls\",\"a\\u0000b\"]": "argv[1]", "[\"ls\"": "argv",
        ]
        for (text, place) in texts {
            let exec = failure {
                try check {
                    aos_process_exec_argv(
                        vm.sidecar.handle,
                        vm.id,
                        text,
                        text.utf8.count,
                        nil,
                        0,
                        nil,
                        0,
                        second,
                        nil,
                        nil,
                        nil,
                        nil,
                        $0
                    )
                }
            }
            let spawn = failure {
                try check {
                    aos_process_spawn(
                        vm.sidecar.handle,
                        vm.id,
                        text,
                        text.utf8.count,
                        nil,
                        0,
                        nil,
                        nil,
                        nil,
                        $0
                    )
                }
            }
            for error in [exec, spawn] {
                #expect(error?.status == AOS_E_INVALID, "\(text)")
                #expect(error?.message.hasPrefix(place) == true, "\(text): \(error?.message ?? "")")
            }
        }
        #expect(peer.typesAfterCreation == [])
    }

    @Test("no process id has a slash, and all differ (process.md 1.1)")
    func names() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        for index in 0..<6 {
            _ = index < 3 ? try vm.run("true").code : Int32(try vm.spawn(["true"]).finish().last.value)
        }
        let names = peer.requests("execute").compactMap { $0["process_id"]?.stringValue }
        #expect(names.count == 6 && Set(names).count == 6)
        #expect(names.allSatisfy { !$0.contains("/") })
        for (index, name) in names.enumerated() {
            let number = index < 3 ? index + 1 : 1_000_000 + index - 3
            #expect(name.hasPrefix("proc-\(number)-"))
            #expect(name.split(separator: "-").count == 7)
        }
    }
}
