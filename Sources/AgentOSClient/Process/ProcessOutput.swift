// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem

/// Who consumes a process's output as it comes. Called by whoever reads, or by whoever gives credit back;
/// never two at a time, in order. It must not wait or call out.
package protocol OutputConsumer: AnyObject, Sendable {
    func consume(_ channel: OutputChannel, _ block: ByteBlock)
    /// That many bytes were dropped here, as the policy `ring` says.
    func lost(_ bytes: Int)
    /// Once, after the last output.
    func ended(_ end: ProcessEnd)
}

/// The output of one process on its way to its consumer, with a window of bytes that may be outstanding.
///
/// The pipe is always read: what a slow consumer does not take is kept here as its policy says, so that it
/// holds up nobody else (architecture decision 15).
package final class ProcessOutput: OutputSink, ByteCredit {
    /// Bytes that may be with the consumer before it gives some back.
    package static let window: Int = 1 << 20

    private enum Delivery: Sendable {
        case chunk(OutputChunk)
        case lost(Int)
        case end(ProcessEnd)
    }

    private struct State: Sendable {
        var waiting = Fifo<OutputChunk>()
        var waitingBytes = 0
        var outstanding = 0
        var droppedBytes = 0
        var end: ProcessEnd?
        /// The bound of `keep` was passed: nothing more is kept, and this many bytes are missing.
        var missingBytes = 0
        var hasOverflowed = false
        var isDelivering = false
        var isOver = false
    }

    private let policy: ProcessOptions.OverflowPolicy
    private let channels: OutputChannels
    private let consumer: Lock<(any OutputConsumer)?>
    private let state: Lock<State> = Lock(State())

    package init(
        policy: ProcessOptions.OverflowPolicy,
        channels: OutputChannels = OutputChannels(),
        consumer: any OutputConsumer
    ) {
        self.policy = policy
        self.channels = channels
        self.consumer = Lock(consumer)
    }

    package func output(_ channel: OutputChannel, _ block: ByteBlock) {
        keep(channel, block)
        deliver()
    }

    /// What came before this consumer did, and is not there any more.
    func hasLost(_ channel: OutputChannel, _ bytes: Int) {
        guard channels.contains(channel) else { return }
        state.withLock { $0.droppedBytes += bytes }
    }

    /// Takes a chunk in without giving any out.
    func keep(_ channel: OutputChannel, _ block: ByteBlock) {
        guard channels.contains(channel) else { return }
        state.withLock { state in
            guard !state.hasOverflowed else {
                state.missingBytes += block.count
                return
            }
            let isStuck = state.outstanding >= Self.window
            if case .keep(let bound) = policy, isStuck, state.waitingBytes + block.count > bound {
                state.hasOverflowed = true
                state.missingBytes = block.count
                return
            }
            state.waiting.append(OutputChunk(channel: channel, block: block))
            state.waitingBytes += block.count
            guard case .ring(let bound) = policy, isStuck else { return }
            while state.waitingBytes > bound,
                let dropped = state.waiting.dropFront(state.waitingBytes - bound)
            {
                state.waitingBytes -= dropped
                state.droppedBytes += dropped
            }
        }
    }

    package func ended(_ end: ProcessEnd) {
        state.withLock { $0.end = $0.end ?? end }
        deliver()
    }

    /// The consumer is done with so many bytes.
    package func giveBack(_ bytes: Int) {
        state.withLock { $0.outstanding -= bytes }
        deliver()
    }

    /// The consumer wants no more output, only the end.
    package func discard() {
        state.withLock { state in
            (state.waiting, state.waitingBytes) = (Fifo(), 0)
            state.outstanding = Int.min / 2
        }
        deliver()
    }

    func deliver() {
        while let delivery = state.withLock({ Self.next(&$0) }) {
            let consumer = consumer.withLock { $0 }
            switch delivery {
            case .chunk(let chunk): consumer?.consume(chunk.channel, chunk.block)
            case .lost(let bytes): consumer?.lost(bytes)
            case .end(let end):
                self.consumer.withLock { $0 = nil }
                consumer?.ended(end)
            }
            state.withLock { $0.isDelivering = false }
        }
    }

    /// What goes out next; nil when nothing may, or somebody is at it: that one looks again when it is done.
    private static func next(_ state: inout State) -> Delivery? {
        guard !state.isDelivering, !state.isOver else { return nil }
        let delivery: Delivery
        // Being told of a loss takes no room: it does not wait where nothing but the end is left.
        let isAtEnd = state.end != nil && state.waiting.isEmpty
        if state.droppedBytes > 0, state.outstanding < window || isAtEnd {
            delivery = .lost(state.droppedBytes)
            state.droppedBytes = 0
        } else if !state.waiting.isEmpty {
            guard state.outstanding < window, let chunk = state.waiting.popFirst() else { return nil }
            state.waitingBytes -= chunk.block.count
            state.outstanding += chunk.block.count
            delivery = .chunk(chunk)
        } else if let end = state.end {
            state.isOver = true
            delivery = .end(state.hasOverflowed ? .failed(overflow(state.missingBytes)) : end)
        } else {
            return nil
        }
        state.isDelivering = true
        return delivery
    }

    private static func overflow(_ missing: Int) -> ClientError {
        ClientError(
            .tooLarge,
            "the output of the process was not taken in time: its last \(missing) bytes are missing"
        ) { $0.size = missing }
    }
}
