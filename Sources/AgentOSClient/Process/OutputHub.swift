// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// The output of one process on its way to everybody who wants it, and the last of it for those who come later
/// (process.md 7.1).
final class OutputHub: OutputSink {
    /// Bytes of each channel that are kept for later subscribers, unless told otherwise.
    static let replayDefault: Int = 1 << 20

    private struct Counts: Sendable {
        var kept = 0
        /// What the replay has lost from its front.
        var dropped = 0
    }

    private struct State: Sendable {
        var replay = Fifo<OutputChunk>()
        var output = Counts()
        var error = Counts()
        var subscribers: [ProcessOutput] = []
        var end: ProcessEnd?

        subscript(channel: OutputChannel) -> Counts {
            get { channel == .standardOutput ? output : error }
            set {
                switch channel {
                case .standardOutput: output = newValue
                case .standardError: error = newValue
                }
            }
        }
    }

    private let replayBytes: Int
    private let state: Lock<State> = Lock(State())

    init(replayBytes: Int) { self.replayBytes = replayBytes }

    /// Adds one who gets what is kept, then all that comes, without a gap and nothing twice.
    func subscribe(_ subscriber: ProcessOutput, replay: Bool) {
        let end = state.withLock { state -> ProcessEnd? in
            if replay {
                for channel in OutputChannel.allCases where state[channel].dropped > 0 {
                    subscriber.hasLost(channel, state[channel].dropped)
                }
                for chunk in state.replay.all { subscriber.keep(chunk.channel, chunk.block) }
            }
            if state.end == nil { state.subscribers.append(subscriber) }
            return state.end
        }
        if let end { subscriber.ended(end) } else { subscriber.deliver() }
    }

    func unsubscribe(_ subscriber: ProcessOutput) {
        state.withLock { state in state.subscribers.removeAll { $0 === subscriber } }
    }

    func output(_ channel: OutputChannel, _ block: ByteBlock) {
        let subscribers = state.withLock { state in
            Self.keep(&state, OutputChunk(channel: channel, block: block), replayBytes)
            return state.subscribers
        }
        for subscriber in subscribers { subscriber.output(channel, block) }
    }

    private static func keep(_ state: inout State, _ chunk: OutputChunk, _ bound: Int) {
        let channel = chunk.channel
        state.replay.append(chunk)
        state[channel].kept += chunk.block.count
        while state[channel].kept > bound,
            let dropped = state.replay.dropFront(state[channel].kept - bound, of: channel)
        {
            state[channel].kept -= dropped
            state[channel].dropped += dropped
        }
    }

    func ended(_ end: ProcessEnd) {
        let subscribers = state.withLock { state -> [ProcessOutput] in
            guard state.end == nil else { return [] }
            state.end = end
            defer { state.subscribers = [] }
            return state.subscribers
        }
        for subscriber in subscribers { subscriber.ended(end) }
    }

    /// What is kept for later.
    var keptBytes: Int { state.withLock { $0.output.kept + $0.error.kept } }

    /// Forgets what is kept; later subscribers are told how much is missing.
    func forgetReplay() {
        // The blocks die outside the lock.
        _ = state.withLock { state in
            for channel in OutputChannel.allCases {
                state[channel].dropped += state[channel].kept
                state[channel].kept = 0
            }
            return state.replay.removeAll()
        }
    }
}
