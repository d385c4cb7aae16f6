// SPDX-License-Identifier: Apache-2.0

/// A command line as `execute` wants it: taken apart where that is certain to mean the same, else left to `sh
/// -c`.
///
/// A direct start keeps the program's own exit code and works without `sh` in the VM (process.md 4.1).
package struct CommandLine: Equatable, Sendable {
    package let command: String
    package let arguments: [String]

    private static let shellCharacters = Set("|&;<>()$`*?[]{}~'\"\\\n!".utf8)
    /// `pwd` is among them because a `pwd` that is started directly does not see the working directory.
    private static let shellWords: Set<String> = [
        ".", ":", "break", "cd", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set",
        "shift",
        "times", "trap", "umask", "unset", "if", "then", "elif", "else", "fi", "for", "while", "until", "do",
        "done",
        "case", "esac", "in", "function", "select", "time", "coproc", "alias", "bg", "command", "fg",
        "getopts", "hash",
        "jobs", "local", "read", "source", "type", "ulimit", "unalias", "wait", "pwd",
    ]

    package init(command: String, arguments: [String]) {
        self.command = command
        self.arguments = arguments
    }

    package init(parsing line: String) throws(ClientError) {
        if line.utf8.contains(0) { throw .invalid("exec: command contains a NUL byte") }
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let tokens = line.utf8.split(whereSeparator: isSpace).map { String(Substring($0)) }
        guard let first = tokens.first else { throw .invalid("exec: command must not be empty") }
        let needsShell =
            line.utf8.contains { Self.shellCharacters.contains($0) }
            || tokens.contains { $0.utf8.first == UInt8(ascii: "#") }
            || Self.shellWords.contains(first) || Self.isAssignment(first)
        if needsShell {
            self.init(command: "sh", arguments: ["-c", line])
        } else {
            self.init(command: first, arguments: Array(tokens.dropFirst()))
        }
    }

    /// The arguments that are sent. The sidecar puts `cd DIRECTORY && ` in front of the text of a shell, which would bind
    /// to its first command alone: the others would run in `/`, and all of them where there is no such directory.
    var sentArguments: [String] {
        guard command == "sh" || command == "bash", arguments.count > 1,
            arguments[0] == "-c" || arguments[0] == "-lc"
        else { return arguments }
        var sent = arguments
        sent[1] = ": || exit\n" + sent[1]
        return sent
    }

    /// The error of a start, with what to do where it is our own need for a shell that failed.
    func explaining(_ error: ClientError) -> ClientError {
        guard command == "sh", arguments.first == "-c", error.message.hasPrefix("command not found") else {
            return error
        }
        let advice =
            "the line needs a shell: give the VM a pack that has sh, or run its words by aos_process_exec_argv"
        return ClientError(error.kind, "\(error.message); \(advice)") { $0 = error.detail }
    }

    private static func isAssignment(_ token: String) -> Bool {
        let name = token.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard name.count < token.utf8.count, let first = name.first else { return false }
        let isLetter: (UInt8) -> Bool = {
            $0 == 0x5F || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        }
        return isLetter(first) && name.dropFirst().allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    }
}
