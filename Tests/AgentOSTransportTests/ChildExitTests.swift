// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("ChildExit and SignalName (transport.md 10.2)")
struct ChildExitTests {
    @Test(
        "an end is told in the reference client's words",
        arguments: [
            (ChildExit.code(0), "code 0"), (.code(3), "code 3"), (.code(255), "code 255"),
            (.signal(9), "signal SIGKILL"), (.signal(15), "signal SIGTERM"), (.signal(34), "signal 34"),
            (.unknown, "disconnect"),
        ]
    )
    func text(exit: ChildExit, text: String) { #expect(exit.text == text) }

    @Test(
        "a signal of Linux has its name",
        arguments: [
            (SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGABRT, "SIGABRT"), (SIGBUS, "SIGBUS"),
            (SIGKILL, "SIGKILL"),
            (SIGUSR1, "SIGUSR1"), (SIGSEGV, "SIGSEGV"), (SIGUSR2, "SIGUSR2"), (SIGPIPE, "SIGPIPE"),
            (SIGTERM, "SIGTERM"), (SIGCHLD, "SIGCHLD"), (SIGCONT, "SIGCONT"), (SIGSTOP, "SIGSTOP"),
            (SIGURG, "SIGURG"), (SIGWINCH, "SIGWINCH"), (SIGIO, "SIGIO"), (SIGPWR, "SIGPWR"),
            (SIGSYS, "SIGSYS"),
        ]
    )
    func name(number: Int32, name: String) { #expect(SignalName.text(number) == name) }

    @Test("a number without a name stays a number", arguments: [-1, 0, 32, 64, .max] as [Int32])
    func unnamed(number: Int32) { #expect(SignalName.text(number) == String(number)) }

    @Test("there are 31 names, all different")
    func count() {
        #expect(SignalName.names.count == 32)
        #expect(Set(SignalName.names).count == 32)
        #expect(SignalName.names[0].isEmpty)
    }
}
