// SPDX-License-Identifier: Apache-2.0

/// How a child process ended.
package enum ChildExit: Equatable, Sendable {
    case code(Int32)
    case signal(Int32)
    /// The host reaped it before us, or ignores SIGCHLD: nobody can say.
    case unknown

    /// `code 3`, `signal SIGKILL`, `disconnect`: the reference client's words (transport.md 10.2).
    package var text: String {
        switch self {
        case .code(let code): "code \(code)"
        case .signal(let number): "signal \(SignalName.text(number))"
        case .unknown: "disconnect"
        }
    }
}

/// Names of the signals of Linux, as the guest kernel has them too (process.md 9.1).
package enum SignalName {
    package static let names: [String] = [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
        "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM",
        "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]

    /// `SIGKILL` for 9; the number itself where there is no name.
    package static func text(_ number: Int32) -> String {
        let index = Int(number)
        guard index > 0, index < names.count else { return String(number) }
        return "SIG" + names[index]
    }
}
