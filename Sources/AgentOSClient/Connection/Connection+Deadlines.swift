// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport

/// Requests that are not answered in time, and processes that say nothing any more (transport.md 5).
extension Connection {
    /// Sees to it that a timer is due no later than `nanoseconds` from now.
    func watchDeadline(from now: MonotonicTime, within nanoseconds: UInt64) {
        // Most requests come while a timer for an earlier one is set: one comparison.
        let due = now.adding(nanoseconds)
        let mustSet = timer.withLock { timer in
            guard due < timer.due else { return false }
            timer.due = due
            return true
        }
        guard mustSet else { return }
        // Strong, and taken back when the connection fails: an object that somebody refers to weakly pays for that at
        // every retain.
        let id = Reactor.current.schedule(due) { [self] in deadlineFired(due) }
        let replaced = timer.withLock { timer in
            guard timer.due == due else { return id }
            defer { timer.id = id }
            return timer.id
        }
        Reactor.current.cancel(timer: replaced)
    }

    private func deadlineFired(_ due: MonotonicTime) {
        timer.withLock { timer in
            if timer.due == due { timer = (nil, MonotonicTime(nanoseconds: .max)) }
        }
        let now = MonotonicTime.now
        while let oldest = pending.withLock({ $0.oldest }), let deadline = oldest.deadline, deadline <= now {
            giveUp(
                oldest.id,
                ClientError(.timeout, "timed out waiting for sidecar response to \(oldest.request.type)") {
                    $0.request = oldest.request.type
                }
            )
        }
        let silence = giveUpIfUnresponsive(now)
        let next = pending.withLock { $0.oldest?.deadline }
        let soonest = [next, silence].compactMap { $0 }.min()
        if let soonest { watchDeadline(from: .now, within: max(soonest.since(now), 1_000_000)) }
    }

    /// Gives the process up when it owes an answer, has had its time for it, and is silent (architecture
    /// decision 6). Returns when to look again.
    private func giveUpIfUnresponsive(_ now: MonotonicTime) -> MonotonicTime? {
        let patience = options.unresponsiveNanoseconds
        guard patience > 0, let transport, let owed = pending.withLock({ $0.owed }), !router.hasOpenCallbacks
        else { return nil }
        let silentSince = max(transport.channel.lastInboundTime, owed.since)
        let due = max(silentSince.adding(patience), owed.since.adding(owed.limit))
        guard due <= now else { return due }
        transport.abandon(.unresponsive(milliseconds: patience / 1_000_000))
        return nil
    }
}
