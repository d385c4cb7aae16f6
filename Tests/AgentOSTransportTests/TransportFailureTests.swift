// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import Testing

@testable import AgentOSTransport

@Suite("TransportFailure (transport.md 10.2)")
struct TransportFailureTests {
    static let texts: [(TransportCause, String)] = [
        (.exited(.code(3)), "sidecar process exited with code 3"),
        (.exited(.signal(9)), "sidecar process exited with signal SIGKILL"),
        (.exited(.unknown), "sidecar process exited with disconnect"),
        (.disconnected, "sidecar process exited with disconnect"),
        (.pipeFailed(SystemError(32)), "sidecar pipe failed: Broken pipe"),
        (.protocolError("odd"), "sidecar protocol error: odd"),
        (
            .unresponsive(milliseconds: 60_000),
            "sidecar unresponsive: not a byte for 60000 ms while a request was waiting"
        ),
        (.disposed, "native sidecar disposed"),
    ]

    @Test("a cause has its text, and a torn frame is added to it", arguments: texts)
    func text(cause: TransportCause, text: String) {
        var failure = TransportFailure(cause)
        #expect(failure.text == text)
        failure.torn = (12, 40)
        #expect(failure.text == "\(text) (truncated frame: 12 of 40 bytes)")
    }
}
