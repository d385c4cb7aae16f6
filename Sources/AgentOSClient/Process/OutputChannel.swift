// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem

/// Where a process wrote to.
package enum OutputChannel: Sendable, CaseIterable { case standardOutput, standardError }

/// Which channels somebody wants.
package struct OutputChannels: Sendable {
    package var output: Bool = true
    package var error: Bool = true

    package init() {}

    func contains(_ channel: OutputChannel) -> Bool {
        switch channel {
        case .standardOutput: output
        case .standardError: error
        }
    }
}

/// Who gets what a process writes, in the order of the wire. Called by whoever reads: it must not wait or
/// call out.
package protocol OutputSink: AnyObject, Sendable {
    func output(_ channel: OutputChannel, _ block: ByteBlock)
    /// Once, after the last output.
    func ended(_ end: ProcessEnd)
}

/// How a process ended for its owner.
package enum ProcessEnd: Sendable {
    case exited(code: Int32)
    /// The VM was disposed and no exit was announced: 143, as after SIGTERM.
    case endedWithVM
    /// It was never started, or nobody knows what became of it: no exit code is invented.
    case failed(ClientError)

    package static let codeOfDisposal: Int32 = 143

    /// Nil where none is known.
    package var exitCode: Int32? {
        switch self {
        case .exited(let code): code
        case .endedWithVM: Self.codeOfDisposal
        case .failed: nil
        }
    }
}
