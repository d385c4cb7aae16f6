// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Who is told when a consumer is done with bytes that it was given.
package protocol ByteCredit: AnyObject, Sendable {
    func giveBack(_ bytes: Int)
}

/// Bounds the bytes that are with a consumer: long work waits at it before it makes more.
package final class ByteWindow: ByteCredit {
    private struct State: Sendable {
        var outstanding = 0
        var room: Latch<Void>?
    }

    private let limit: Int
    private let state: Lock<State> = Lock(State())

    package init(limit: Int) { self.limit = limit }

    package func take(_ bytes: Int) { state.withLock { $0.outstanding += bytes } }

    package func giveBack(_ bytes: Int) {
        let room = state.withLock { state -> Latch<Void>? in
            state.outstanding -= bytes
            guard state.outstanding < limit else { return nil }
            defer { state.room = nil }
            return state.room
        }
        room?.set(())
    }

    /// Waits until fewer bytes than the limit are outstanding.
    package var wait: Steps<Void> {
        Steps.begin { [self] in
            let room = state.withLock { state -> Latch<Void>? in
                guard state.outstanding >= limit else { return nil }
                let room = state.room ?? Latch()
                state.room = room
                return room
            }
            return room.map { Steps.wait(for: $0) } ?? .done(())
        }
    }
}
