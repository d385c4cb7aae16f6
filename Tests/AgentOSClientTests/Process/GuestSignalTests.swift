// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("GuestSignal (process.md 9.1)")
struct GuestSignalTests {
    @Test(
        "a name in any form is sent as the sidecar takes it",
        arguments: [
            ("SIGKILL", "SIGKILL"), ("kill", "SIGKILL"), ("sigTerm", "SIGTERM"), ("  INT ", "SIGINT"),
            ("9", "SIGKILL"),
            ("15", "SIGTERM"), ("0", "0"), ("31", "SIGSYS"), ("09", "SIGKILL"), ("IOT", "SIGABRT"),
            ("SIGPOLL", "SIGIO"),
            ("USR1", "SIGUSR1"), ("SIGSTKFLT", "SIGSTKFLT"),
        ]
    )
    func taken(given: String, text: String) throws { #expect(try GuestSignal(given).text == text) }

    @Test(
        "another text is refused in the sidecar's own words",
        arguments: ["32", "-1", "+9", "9x", "SIG", "SIGSIGKILL", "FOO", "KILL\n", "1.5"]
    )
    func refused(given: String) {
        let text = refusal { () throws(ClientError) in try GuestSignal(given).text }
        #expect(text == "unsupported kill_process signal \(given)")
    }

    @Test("no text is refused", arguments: ["", "  "])
    func empty(given: String) {
        let text = refusal { () throws(ClientError) in try GuestSignal(given).text }
        #expect(text == "kill_process requires a non-empty signal")
    }
}
