// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// How fast answers come in, and whether to let some more of them come before the next read.
///
/// The sidecar answers one request after the other. With many of them on their way each answer would be a wake-up of
/// its own, which costs more than all else that an answer does. Who has that many waits for a long queue anyway: so
/// the reader lets a part of it gather, as a network card does with its interrupts, and the sidecar goes on with the
/// larger part, which is still before it. A value: no clock, no call out.
struct InboundPace: Sendable {
    /// Below so many requests without an answer every frame is read as soon as it comes.
    private static let fewestUnanswered = 8
    /// The part of the queue that may gather, and the longest time for it.
    private static let part: UInt64 = 4
    private static let longestPause: UInt64 = 8_000_000
    /// Where a part of the queue takes less than that, the host may be what the sidecar waits for, and is not to lose
    /// time.
    private static let shortestPause: UInt64 = 1_000_000
    /// What gathers must fit into the socket, or the sidecar stands still over it.
    private static let mostBytes: UInt64 = 128 * 1024
    /// What the kernel needs for each write beside its bytes.
    private static let overhead: UInt64 = 768
    /// Slower, or silent, is all the same: no second answer would come in a pause. What is remembered of it must soon
    /// be forgotten when answers come fast again.
    private static let longestInterval: UInt64 = 2 * longestPause
    /// So long before somebody's time is over reading goes on: an answer that has come is not to be missed.
    private static let margin: UInt64 = 1_000_000

    /// When bytes came last.
    private(set) var lastRead: MonotonicTime
    private var lastAnswer: MonotonicTime
    private var recent = Recent()

    /// Sums over the reads, in which an older one counts for less and less: one gap in a quick succession, while the
    /// host thinks, must not look like a slow sidecar.
    private struct Recent: Sendable {
        private static let memory: UInt64 = 16
        private static let unit: UInt64 = 1024
        private var nanoseconds: UInt64 = memory * longestInterval
        private var answers: UInt64 = memory * unit
        private var bytes: UInt64 = 0

        var interval: UInt64 { nanoseconds * Self.unit / max(answers, 1) }
        var size: UInt64 { bytes * Self.unit / max(answers, 1) }

        mutating func add(_ elapsed: UInt64, answers count: UInt64) {
            nanoseconds += elapsed
            answers += count * Self.unit
            nanoseconds -= nanoseconds / Self.memory
            answers -= answers / Self.memory
            bytes -= bytes / Self.memory
        }

        mutating func add(bytes count: Int) { bytes += UInt64(max(count, 0)) }
    }

    init(now: MonotonicTime) { (lastRead, lastAnswer) = (now, now) }

    /// A read brought so many bytes, and with them the ends of so many answers and of so many other frames.
    mutating func read(bytes: Int, answers: Int, others: Int = 0, at now: MonotonicTime) {
        lastRead = now
        // An event may be awaited, and the sidecar may wait for what we say to a callback: nothing gathers beside them.
        if others > 0 { recent = Recent() }
        recent.add(bytes: bytes)
        guard let count = UInt64(exactly: answers), count > 0 else { return }
        recent.add(min(now.since(lastAnswer), Self.longestInterval), answers: count)
        lastAnswer = now
    }

    /// Until when to read nothing, while so many requests have no answer yet and somebody's time is over at `deadline`.
    /// Nil: read as soon as something is there.
    /// Only where there is a pause is the deadline asked for.
    func pauseEnd(unanswered: Int, deadline: @autoclosure () -> MonotonicTime? = nil) -> MonotonicTime? {
        guard unanswered >= Self.fewestUnanswered else { return nil }
        let interval = recent.interval
        let ofQueue = interval * UInt64(unanswered) / Self.part
        let ofSocket = interval * Self.mostBytes / (recent.size + Self.overhead)
        let pause = min(ofQueue, ofSocket, Self.longestPause)
        // Where no second answer is to be expected the pause would gain nothing.
        guard pause >= Self.shortestPause, pause >= 2 * interval else { return nil }
        let end = lastAnswer.adding(pause)
        guard let deadline = deadline() else { return end }
        return min(
            end,
            MonotonicTime(nanoseconds: deadline.nanoseconds - min(deadline.nanoseconds, Self.margin))
        )
    }
}
