// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS
import Glibc

/// A function of the host that takes events, slowly if asked to. It must outlive its operation.
final class Collector: Sendable {
    struct Result: Sendable {
        var text: [UInt8] = []
        var value: Int64 = 0
        var status: aos_status = 1
        var ends = 0
        var drops = 0
        /// Calls that began while another one was running, or after the drop.
        var overlaps = 0
        var isInSequence = true
        var sequence: UInt64 = 0
        var isInside = false
    }

    private let state = Guarded(Result())
    private let pause: UInt32

    /// `pause` is in microseconds, for each event.
    init(pause: UInt32 = 0) { self.pause = pause }

    var result: Result { state.withLock { $0 } }
    var isDropped: Bool { state.withLock { $0.drops > 0 } }

    func completion(_ deliver: UInt32, _ queue: OpaquePointer? = nil, deadline: UInt64 = 0) -> aos_completion
    {
        var completion = waiting(deadline: deadline)
        completion.deliver = deliver
        completion.queue = queue
        completion.fn = { collector, event in
            guard let collector, let event else { return }
            Unmanaged<Collector>.fromOpaque(collector).takeUnretainedValue().take(event.pointee)
        }
        completion.drop = { collector in
            guard let collector else { return }
            Unmanaged<Collector>.fromOpaque(collector).takeUnretainedValue().state.withLock { $0.drops += 1 }
        }
        completion.user_data = Unmanaged.passUnretained(self).toOpaque()
        return completion
    }

    private func take(_ event: aos_event) {
        state.withLock { state in
            if state.isInside || state.drops > 0 { state.overlaps += 1 }
            state.isInside = true
            state.sequence += 1
            state.isInSequence = state.isInSequence && event.seq == state.sequence
            if event.kind == AOS_EV_STDOUT {
                state.text += UnsafeRawBufferPointer(start: event.data, count: Int(event.data_len))
            }
            if event.kind == AOS_EV_COMPLETE {
                state.ends += 1
                state.value = event.value
                state.status = event.status
            }
        }
        if pause > 0 { usleep(pause) }
        state.withLock { $0.isInside = false }
    }
}
