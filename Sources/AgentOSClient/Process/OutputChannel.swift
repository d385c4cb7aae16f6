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

/// Two texts that the sidecar itself puts on the stderr of a JavaScript program that ends while something is
/// sent to it (hazard X3): the program never wrote them.
enum LateEventNoise {
    private static let stream =
        "[ERR_LATE_STREAM_EVENT] dropping StreamEvent after execution completed (event_type="
    private static let termination =
        "[ERR_LATE_TERMINATE_EXECUTION] dropping TerminateExecution after execution completed"

    static func isNoise(_ block: ByteBlock) -> Bool {
        let bytes = block.bytes
        guard bytes.count < 200, bytes.first == UInt8(ascii: "["), bytes.last != 0x0A else { return false }
        let text = String(decoding: bytes, as: UTF8.self)
        if text == termination { return true }
        guard text.hasPrefix(stream), text.hasSuffix(")") else { return false }
        let rest = text.dropFirst(stream.count).dropLast()
        let parts = rest.split(separator: ",", maxSplits: 1)
        guard parts.count == 2, parts[0].utf8.allSatisfy({ $0 == 0x5F || (0x61...0x7A).contains($0) }) else {
            return false
        }
        let count = parts[1].drop { $0 == " " }
        guard count.hasPrefix("payload_len=") else { return false }
        return Int(count.dropFirst("payload_len=".count)) != nil
    }

    /// Whether a command is run by the JavaScript runtime.
    static func concerns(_ command: String) -> Bool {
        let name = command.split(separator: "/").last.map(String.init) ?? command
        return ["node", "npm", "npx"].contains(name)
            || [".js", ".mjs", ".cjs"].contains { name.hasSuffix($0) }
    }
}
