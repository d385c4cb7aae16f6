// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// How fast frames come in, and whether to let some more of them come before the next read.
///
/// The sidecar answers one request after the other. With many of them on their way each answer would be a wake-up of
/// its own, which costs more than all else that an answer does. Who has that many waits for a long queue anyway: so
/// the reader lets a part of it gather, as a network card does with its interrupts. The sidecar is never kept
/// waiting by that, because the larger part of its queue is still before it. A value: no clock, no call out.
struct InboundPace: Sendable {
    /// Below so many requests without an answer every frame is read as soon as it comes.
    private static let fewestUnanswered = 8
    /// The part of the queue that may gather, and the longest time for it.
    private static let part: UInt64 = 4
    private static let longestPause: UInt64 = 8_000_000
    /// Where answers come faster than that the host may be what they wait for, and is not to lose time.
    private static let shortestPause: UInt64 = 1_000_000
    /// What gathers must fit into the socket, or the sidecar stands still over it.
    private static let mostBytes: UInt64 = 128 * 1024
    /// Slower, or silent, is all the same: no second frame would come in a pause. What is remembered of it must soon
    /// be forgotten when frames come fast again.
    private static let longestInterval: UInt64 = 2 * longestPause

    /// When bytes came last.
    private(set) var lastRead: MonotonicTime
    private var lastFrame: MonotonicTime
    /// Sums over the reads, in which an older one counts for less and less: one gap in a quick succession, while the
    /// host thinks, must not look like a slow sidecar.
    private var nanoseconds: UInt64 = memory * longestInterval
    private var frames: UInt64 = memory * unit
    private var bytes: UInt64 = 0
    private static let memory: UInt64 = 16
    private static let unit: UInt64 = 1024

    init(now: MonotonicTime) { (lastRead, lastFrame) = (now, now) }

    /// A read brought so many bytes, and with them the ends of so many frames.
    mutating func read(bytes count: Int, frames ended: Int, at now: MonotonicTime) {
        lastRead = now
        bytes += UInt64(max(count, 0))
        guard ended > 0 else { return }
        nanoseconds += min(now.since(lastFrame), Self.longestInterval)
        frames += UInt64(ended) * Self.unit
        nanoseconds -= nanoseconds / Self.memory
        frames -= frames / Self.memory
        bytes -= bytes / Self.memory
        lastFrame = now
    }

    /// Until when to read nothing, while so many requests have no answer yet. Nil: read as soon as something is there.
    func pauseEnd(unanswered: Int) -> MonotonicTime? {
        guard unanswered >= Self.fewestUnanswered else { return nil }
        let interval = nanoseconds * Self.unit / max(frames, 1)
        let size = bytes * Self.unit / max(frames, 1)
        let ofQueue = interval * UInt64(unanswered) / Self.part
        let ofSocket = interval * Self.mostBytes / max(size, 1)
        let pause = min(ofQueue, ofSocket, Self.longestPause)
        // Where no second frame is to be expected the pause would gain nothing.
        guard pause >= Self.shortestPause, pause >= 2 * interval else { return nil }
        return lastFrame.adding(pause)
    }
}
