// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import Testing

@testable import AgentOSTransport

@Suite("InboundPace: when frames are left to gather")
struct InboundPaceTests {
    private static let microsecond: UInt64 = 1000
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    /// Behind so many reads, each of `frames` frames of `size` bytes, `interval` microseconds apart. Gives the pause
    /// from the last one on, in microseconds.
    private func pause(
        unanswered: Int,
        every interval: UInt64,
        reads: Int = 400,
        frames: Int = 1,
        size: Int = 70
    ) -> UInt64? {
        var pace = InboundPace(now: Self.start)
        var now = Self.start
        for _ in 0..<reads {
            now = now.adding(interval * Self.microsecond)
            pace.read(bytes: frames * size, answers: frames, at: now)
        }
        return pace.pauseEnd(unanswered: unanswered).map { $0.since(now) / Self.microsecond }
    }

    @Test("a quarter of the queue gathers, and never for more than 8 ms")
    func ofQueue() throws {
        let quarter = try #require(pause(unanswered: 32, every: 300))
        #expect((2390...2410).contains(quarter))
        #expect(pause(unanswered: 32, every: 1500) == 8000)
        #expect(pause(unanswered: 10_000, every: 900) == 8000)
        // Several frames a read: what counts is the time from frame to frame.
        let batched = try #require(pause(unanswered: 32, every: 1200, frames: 4))
        #expect((2390...2410).contains(batched))
    }

    @Test("with few requests on their way nothing waits")
    func few() {
        for count in 0..<8 { #expect(pause(unanswered: count, every: 600) == nil) }
        #expect(pause(unanswered: 8, every: 600) != nil)
    }

    @Test("where no second frame would come, or frames come as fast as a host can take them, nothing waits")
    func useless() {
        #expect(pause(unanswered: 32, every: 4100) == nil)
        #expect(pause(unanswered: 32, every: 120) == nil)
        // Before anything is known of the peer, too.
        #expect(pause(unanswered: 32, every: 300, reads: 0) == nil)
    }

    @Test("what gathers fits into the socket")
    func large() throws {
        // 128 KiB are two frames of 60 KiB, and less than two of 90 KiB.
        let two = try #require(pause(unanswered: 32, every: 900, size: 60 * 1024))
        #expect((1800...2000).contains(two))
        #expect(pause(unanswered: 32, every: 900, size: 90 * 1024) == nil)
    }

    @Test("a silence is soon forgotten")
    func silence() {
        var pace = InboundPace(now: Self.start)
        var now = Self.start.adding(60_000_000_000)
        pace.read(bytes: 70, answers: 1, at: now)
        #expect(pace.pauseEnd(unanswered: 32) == nil)
        var reads = 0
        while pace.pauseEnd(unanswered: 32) == nil, reads < 100 {
            now = now.adding(300 * Self.microsecond)
            pace.read(bytes: 70, answers: 1, at: now)
            reads += 1
        }
        #expect((1...40).contains(reads))
    }

    @Test("gaps between quick answers, in which the host thinks, are no reason to wait")
    func gaps() {
        var pace = InboundPace(now: Self.start)
        var now = Self.start
        for round in 0..<200 {
            now = now.adding(400 * Self.microsecond)
            pace.read(bytes: 70, answers: 1, at: now)
            if round >= 50 { #expect(pace.pauseEnd(unanswered: 32) == nil, "round \(round)") }
            for _ in 0..<8 {
                now = now.adding(30 * Self.microsecond)
                pace.read(bytes: 140, answers: 2, at: now)
            }
        }
    }

    @Test("small answers of a quick peer are counted with what the kernel needs for each")
    func overhead() throws {
        // 10 us each: 128 KiB of bare bytes would be some 1,800 of them.
        let most = try #require(pause(unanswered: 4000, every: 10))
        #expect(most / 10 < 200)
    }

    @Test("beside events and callbacks nothing gathers, until there have been answers alone for a while")
    func others() {
        var pace = InboundPace(now: Self.start)
        var now = Self.start
        func answers(_ count: Int) {
            for _ in 0..<count {
                now = now.adding(300 * Self.microsecond)
                pace.read(bytes: 70, answers: 1, at: now)
            }
        }
        answers(100)
        #expect(pace.pauseEnd(unanswered: 32) != nil)
        pace.read(bytes: 140, answers: 1, others: 1, at: now)
        #expect(pace.pauseEnd(unanswered: 32) == nil)
        answers(10)
        #expect(pace.pauseEnd(unanswered: 32) == nil)
        answers(90)
        #expect(pace.pauseEnd(unanswered: 32) != nil)
    }

    @Test("reading goes on before somebody's time is over")
    func deadline() throws {
        var pace = InboundPace(now: Self.start)
        var now = Self.start
        for _ in 0..<100 {
            now = now.adding(300 * Self.microsecond)
            pace.read(bytes: 70, answers: 1, at: now)
        }
        let end = try #require(pace.pauseEnd(unanswered: 32))
        #expect(pace.pauseEnd(unanswered: 32, deadline: end.adding(1_000_000)) == end)
        let early = pace.pauseEnd(unanswered: 32, deadline: end)
        #expect(early.map { end.since($0) } == 1_000_000)
        #expect(
            pace.pauseEnd(unanswered: 32, deadline: MonotonicTime(nanoseconds: 5)).map(\.nanoseconds) == 0
        )
    }

    @Test("a part of a frame counts as a sign of life, and as no frame")
    func part() {
        var pace = InboundPace(now: Self.start)
        for step in 1...100 {
            pace.read(bytes: 70, answers: 1, at: Self.start.adding(UInt64(step) * 300 * Self.microsecond))
        }
        let end = pace.pauseEnd(unanswered: 32)
        let later = Self.start.adding(100 * 300 * Self.microsecond + 50)
        pace.read(bytes: 10, answers: 0, at: later)
        #expect(pace.lastRead == later)
        #expect(pace.pauseEnd(unanswered: 32) == end)
    }
}
