// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSSystem

@Suite("MonotonicTime")
struct MonotonicTimeTests {
    @Test("a sum that is too large is the far end of time")
    func overflow() {
        let far = MonotonicTime(nanoseconds: .max)
        #expect(MonotonicTime(nanoseconds: 5).adding(7).nanoseconds == 12)
        #expect(MonotonicTime(nanoseconds: .max - 1).adding(1) == far)
        #expect(MonotonicTime(nanoseconds: .max - 1).adding(2) == far)
        #expect(far.adding(.max) == far)
        #expect(MonotonicTime.now.adding(.max) == far)
    }

    @Test("the time since a later moment is 0")
    func since() {
        let early = MonotonicTime(nanoseconds: 10)
        let late = MonotonicTime(nanoseconds: 25)
        #expect(late.since(early) == 15)
        #expect(early.since(late) == 0)
        #expect(late.since(late) == 0)
        #expect(MonotonicTime(nanoseconds: .max).since(MonotonicTime(nanoseconds: 0)) == .max)
    }

    @Test("moments are ordered by their nanoseconds, and now never goes back")
    func order() {
        #expect(MonotonicTime(nanoseconds: 1) < MonotonicTime(nanoseconds: 2))
        #expect([3, 1, 2].map { MonotonicTime(nanoseconds: $0) }.min()?.nanoseconds == 1)
        var last = MonotonicTime.now
        for _ in 0..<10_000 {
            let now = MonotonicTime.now
            if now < last { Issue.record("\(now.nanoseconds) after \(last.nanoseconds)") }
            last = now
        }
    }

    @Test("the wall clock counts milliseconds since 1970")
    func wallClock() {
        // 2024 to 2100.
        #expect((1_704_067_200_000...4_102_444_800_000).contains(wallClockMilliseconds()))
    }
}
