// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem

/// Why a transport is of no more use (transport.md 10.2).
package enum TransportCause: Sendable {
    case exited(ChildExit)
    /// The output ended, and the child lives or nobody knows.
    case disconnected
    case pipeFailed(SystemError)
    case protocolError(String)
    /// It has not said a byte for too long while it owed an answer.
    case unresponsive(milliseconds: UInt64)
    /// We closed it ourselves.
    case disposed

    package var text: String {
        switch self {
        case .exited(.unknown), .disconnected: "sidecar process exited with disconnect"
        case .exited(let exit): "sidecar process exited with \(exit.text)"
        case .pipeFailed(let error): "sidecar pipe failed: \(error.text)"
        case .protocolError(let text): "sidecar protocol error: \(text)"
        case .unresponsive(let milliseconds):
            "sidecar unresponsive: not a byte for \(milliseconds) ms while a request was waiting"
        case .disposed: "native sidecar disposed"
        }
    }
}

/// What everybody who used the transport is told.
package struct TransportFailure: Sendable {
    package let cause: TransportCause
    /// Part of a frame that lay in the pipe at its end.
    package var torn: (got: Int, wanted: Int)?
    package var exit: ChildExit?
    package var standardError: String = ""

    package init(_ cause: TransportCause) { self.cause = cause }

    package var text: String {
        guard let torn else { return cause.text }
        return "\(cause.text) (truncated frame: \(torn.got) of \(torn.wanted) bytes)"
    }
}

/// How the child ended in the end: known when it is reaped and its private directory is gone.
package struct TransportEnd: Sendable {
    /// Nil: it could not be killed, and is left to a later reaping.
    package let exit: ChildExit?
    /// We had to kill it.
    package let wasKilled: Bool
    package let standardError: String
    /// What was found wrong before that, if something was: its end can be told before the report of it is.
    package let failure: TransportFailure?
}
