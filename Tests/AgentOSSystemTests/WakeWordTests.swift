// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@testable import AgentOSSystem

@Suite("WakeWord")
struct WakeWordTests {
    private static let rounds = 100_000
    /// Long enough that a wake-up that is lost is seen as such.
    private static var late: MonotonicTime { .now.adding(30_000_000_000) }

    @Test("no wake-up between two threads is lost in 100,000 rounds")
    func pingPong() {
        let words = Lock<[WakeWord?]>([nil, nil])
        let lost = Lock(0)
        Parallel.run(2) { index in
            let own = WakeWord()
            words.withLock { $0[index] = own }
            guard Parallel.waits(for: { words.withLock { $0[1 - index] != nil } }),
                let other = words.withLock({ $0[1 - index] })
            else { return lost.withLock { $0 += 1 } }
            for _ in 0..<Self.rounds {
                if index == 0 { other.wake(.read) }
                guard own.sleep(until: Self.late) == .read else { return lost.withLock { $0 += 1 } }
                if index == 1 { other.wake(.read) }
            }
        }
        #expect(lost.withLock { $0 } == 0)
    }

    @Test("of `read` and `done` from two threads `done` always arrives, and at most one `read` before it")
    func readAgainstDone() {
        let wrong = Lock(0)
        for _ in 0..<100 {
            let words = (0..<200).map { _ in WakeWord() }
            Parallel.run(3) { index in
                for word in words {
                    if index < 2 {
                        word.wake(index == 0 ? .read : .done)
                        continue
                    }
                    var reads = 0
                    var signal = word.sleep(until: Self.late)
                    while signal == .read {
                        reads += 1
                        signal = word.sleep(until: Self.late)
                    }
                    if reads > 1 || signal != .done || !word.isDone { wrong.withLock { $0 += 1 } }
                }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    @Test("`done` is final: a later `read` does not hide it, and it may be slept on again")
    func doneIsFinal() {
        let word = WakeWord()
        #expect(!word.isDone)
        word.wake(.done)
        word.wake(.read)
        #expect(word.isDone)
        #expect(word.sleep(until: nil) == .done)
        #expect(word.sleep(until: .now) == .done)
        #expect(word.isDone)
    }

    @Test("`done` takes the place of a `read` that nobody has taken")
    func doneAfterRead() {
        let word = WakeWord()
        word.wake(.read)
        word.wake(.done)
        #expect(word.sleep(until: nil) == .done)
    }

    @Test("a `read` is taken once, however often it was left")
    func readOnce() {
        let word = WakeWord()
        word.wake(.read)
        word.wake(.read)
        #expect(word.sleep(until: nil) == .read)
        #expect(!word.isDone)
        #expect(word.sleep(until: .now) == .none)
        word.wake(.read)
        #expect(word.sleep(until: .now) == .read)
    }

    @Test("a sleep ends with its time, not before, and the word is as good as new")
    func timeout() {
        let word = WakeWord()
        let before = MonotonicTime.now
        #expect(word.sleep(until: before.adding(20_000_000)) == .none)
        #expect(MonotonicTime.now.since(before) >= 20_000_000)
        #expect(word.sleep(until: MonotonicTime(nanoseconds: 0)) == .none)
        word.wake(.done)
        #expect(word.sleep(until: MonotonicTime(nanoseconds: 0)) == .done)
    }

    @Test("time-outs that race with wake-ups lose none")
    func timeoutRace() {
        let missing = Lock(0)
        for round in 0..<100 {
            let words = (0..<200).map { _ in WakeWord() }
            Parallel.run(2) { index in
                for word in words {
                    if index == 1 {
                        word.wake(.done)
                    } else if word.sleep(until: .now.adding(UInt64(round) * 100)) != .done,
                        word.sleep(until: Self.late) != .done
                    {
                        missing.withLock { $0 += 1 }
                    }
                }
            }
        }
        #expect(missing.withLock { $0 } == 0)
    }

    @Test("a word belongs to the thread that made it")
    func thread() {
        let word = WakeWord()
        #expect(word.isOfThisThread)
        Parallel.run(1) { _ in #expect(!word.isOfThisThread) }
    }
}
