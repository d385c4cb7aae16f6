// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem

/// All that a process writes, up to a bound for each channel: for `exec`.
package final class CapturedOutput: OutputSink {
    private struct Channel: Sendable {
        var blocks: [ByteBlock] = []
        var count = 0
        var isTruncated = false

        mutating func append(_ block: ByteBlock, bound: Int) {
            guard count + block.count > bound else {
                blocks.append(block)
                count += block.count
                return
            }
            isTruncated = true
            if let part = ByteBlock.copy(UnsafeRawBufferPointer(rebasing: block.bytes[..<(bound - count)])),
                part.count > 0
            {
                blocks.append(part)
                count = bound
            }
        }

        /// One block; the only one as it is, several joined. Nil when there is no memory for that.
        func joined() -> ByteBlock? {
            if blocks.count == 1 { return blocks[0] }
            return ByteBlock.filled(capacity: count) { target in
                var offset = 0
                for block in blocks where block.count > 0 {
                    UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: block.bytes)
                    offset += block.count
                }
                return offset
            }
        }
    }

    private struct State: Sendable {
        var output = Channel()
        var error = Channel()
    }

    /// Nil: nothing is kept, and nothing is called truncated.
    private let bound: Int?
    private let state: Lock<State> = Lock(State())

    /// `bound` is in bytes for each channel.
    package init(bound: Int?) { self.bound = bound }

    package func output(_ channel: OutputChannel, _ block: ByteBlock) {
        guard let bound else { return }
        state.withLock { state in
            switch channel {
            case .standardOutput: state.output.append(block, bound: bound)
            case .standardError: state.error.append(block, bound: bound)
            }
        }
    }

    package func ended(_ end: ProcessEnd) {}

    func take() -> (output: ByteBlock?, error: ByteBlock?, outputTruncated: Bool, errorTruncated: Bool) {
        let (output, error) = state.withLock { ($0.output, $0.error) }
        return (output.joined(), error.joined(), output.isTruncated, error.isTruncated)
    }
}
