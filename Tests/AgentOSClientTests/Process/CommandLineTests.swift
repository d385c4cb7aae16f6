// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("CommandLine (process.md 4.1)")
struct CommandLineTests {
    static let direct: [(line: String, words: [String])] = [
        ("ls", ["ls"]), ("  ls   -l\t/tmp \r", ["ls", "-l", "/tmp"]), ("a\u{B}b\u{C}c", ["a", "b", "c"]),
        ("echo a=b", ["echo", "a=b"]), ("1a=b c", ["1a=b", "c"]), ("a-b=c", ["a-b=c"]), ("=x", ["=x"]),
        ("echo if then", ["echo", "if", "then"]), ("./run.sh x", ["./run.sh", "x"]),
        ("echo a#b", ["echo", "a#b"]),
        ("echo ü\u{A0}x", ["echo", "ü\u{A0}x"]), ("ls ..", ["ls", ".."]), ("cdx", ["cdx"]),
        ("echo 100% a,b @c ^d", ["echo", "100%", "a,b", "@c", "^d"]),
    ]

    @Test("what certainly means the same is started directly", arguments: direct)
    func direct(line: String, words: [String]) throws {
        let parsed = try CommandLine(parsing: line)
        #expect(parsed == CommandLine(command: words[0], arguments: Array(words.dropFirst())))
    }

    static let shell =
        "|&;<>()$`*?[]{}~'\"\\!".map { "echo a\($0)b" }
        + ["echo a\nb", "echo #x", "#x", "A=1 env", "A=", "_a1=b", "Z9_=x", " X=y z"]
        + [
            ".", ":", "break", "cd", "continue", "eval", "exec", "exit", "export", "readonly", "return",
            "set", "shift",
            "times", "trap", "umask", "unset", "if", "then", "elif", "else", "fi", "for", "while", "until",
            "do",
            "done", "case", "esac", "in", "function", "select", "time", "coproc", "alias", "bg", "command",
            "fg",
            "getopts", "hash", "jobs", "local", "read", "source", "type", "ulimit", "unalias", "wait", "pwd",
        ].map { "  \($0) x" }

    @Test("everything else is left to the shell, as it was written", arguments: shell)
    func shell(line: String) throws {
        #expect(try CommandLine(parsing: line) == CommandLine(command: "sh", arguments: ["-c", line]))
    }

    @Test("no command, and one that cannot be passed, are refused")
    func refused() {
        for line in ["", " ", "\t\n"] {
            #expect(
                refusal { () throws(ClientError) in try CommandLine(parsing: line) }
                    == "exec: command must not be empty"
            )
        }
        let text = refusal { () throws(ClientError) in try CommandLine(parsing: "a\0b") }
        #expect(text == "exec: command contains a NUL byte")
    }

    static let argv: [(document: String, text: String)] = [
        ("[]", "argv: expected a program and its arguments, found an empty array"),
        ("{}", "argv: expected an array of a program and its arguments, found an object"),
        ("[1]", "argv[0]: expected a string, found an integer"), (#"[""]"#, "argv[0]: must not be empty"),
        (#"["a","\u0000"]"#, "argv[1]: contains a NUL byte"),
        ("[", "argv: invalid JSON: EOF while parsing a value at line 1 column 1"),
    ]

    @Test("a program and its arguments as JSON are taken as they are, or refused", arguments: argv)
    func argv(document: String, text: String) throws {
        #expect(refusal { () throws(ClientError) in try VM.command(argumentsJSON: document) } == text)
        let command = try VM.command(argumentsJSON: #"["a b","","$x"]"#)
        #expect(command == CommandLine(command: "a b", arguments: ["", "$x"]))
    }
}
