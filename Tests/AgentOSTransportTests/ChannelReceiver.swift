// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSWire

@testable import AgentOSTransport

/// Who gets what a channel reads: answers by their numbers, and all ends.
final class ChannelReceiver: FrameReceiver {
    struct State: Sendable {
        var waiting: [Int64: WakeWord] = [:]
        var answers: [Int64: String] = [:]
        var ends: [ChannelEnd] = []
        var writeErrors: [SystemError] = []
        var inside = 0
        var overlaps = 0
        /// How often frames came.
        var batches = 0
        /// What the channel is told.
        var unanswered = 0
    }
    let state: Lock<State> = Lock(State())
    let finish: @Sendable (WakeWord) -> Void
    init(_ finish: @escaping @Sendable (WakeWord) -> Void = { $0.wake(.done) }) { self.finish = finish }

    var unanswered: Int { state.withLock { $0.unanswered } }

    func received(_ frames: [InboundFrame]) {
        state.withLock { state in
            state.inside += 1
            state.batches += 1
            if state.inside > 1 { state.overlaps += 1 }
        }
        for frame in frames {
            guard let content = Frames.content(frame) else { continue }
            let word = state.withLock { state in
                state.answers[content.id] = content.text
                return state.waiting.removeValue(forKey: content.id)
            }
            if let word { finish(word) }
        }
        state.withLock { $0.inside -= 1 }
    }
    func channelEnded(_ end: ChannelEnd) { state.withLock { $0.ends.append(end) } }
    func writingFailed(_ error: SystemError) { state.withLock { $0.writeErrors.append(error) } }
}
