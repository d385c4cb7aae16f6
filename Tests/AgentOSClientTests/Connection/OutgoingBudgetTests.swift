// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("OutgoingBudget (architecture decision 15)")
struct OutgoingBudgetTests {
    private let bound = OutgoingBudget.bound
    private var far: MonotonicTime { .now.adding(30_000_000_000) }

    @Test("up to the bound everything fits, and one call alone always does")
    func bounds() {
        let budget = OutgoingBudget()
        #expect(budget.reserve(bound - 1))
        #expect(budget.reserve(1))
        #expect(!budget.reserve(1))
        #expect(budget.reserve(0))
        budget.release(1)
        #expect(budget.reserve(1))
        budget.release(bound)
        #expect(budget.reserve(bound * 3))
        #expect(!budget.reserve(1))
        budget.release(bound * 3)
        #expect(budget.reserve(1))
    }

    @Test("a wait ends with its time, and then holds nothing and nobody up")
    func timeout() {
        let budget = OutgoingBudget()
        #expect(budget.reserve(bound))
        let before = MonotonicTime.now
        #expect(!budget.reserve(10, until: before.adding(20_000_000)))
        #expect(MonotonicTime.now.since(before) >= 20_000_000)
        budget.release(bound)
        #expect(budget.reserve(bound, until: far))
    }

    @Test("who waits comes in turn, and nobody overtakes a large one in front")
    func order() {
        let budget = OutgoingBudget()
        #expect(budget.reserve(bound - 10))
        let entered = Lock<[Int]>([])
        let threads = Lock<[ObservedThread?]>([nil, nil])
        let waits: @Sendable (Int) -> Bool = { index in
            Parallel.waits { threads.withLock { $0[index] }?.sleeps(.onWord) == true }
        }
        Parallel.run(3) { index in
            if index == 2 {
                #expect(waits(0) && waits(1))
                // There is room for it.
                #expect(!budget.reserve(1), "somebody waits")
                budget.release(bound - 10)
                return
            }
            if index == 1 { #expect(waits(0)) }
            threads.withLock { $0[index] = .current }
            #expect(budget.reserve(index == 0 ? bound : 1, until: far))
            entered.withLock { $0.append(index) }
            if index == 0 { budget.release(bound) }
        }
        #expect(entered.withLock { $0 } == [0, 1])
        #expect(budget.reserve(bound - 1))
        #expect(!budget.reserve(1 + 1))
    }

    @Test("threads that reserve, wait, time out and release lose no byte")
    func stress() {
        let budget = OutgoingBudget()
        let used = Lock((now: 0, most: 0))
        Parallel.run(8) { index in
            var generator = SeededGenerator(seed: UInt64(index))
            for _ in 0..<3000 {
                let bytes = Int.random(in: 1...bound / 2, using: &generator)
                let patience = UInt64.random(in: 0...300_000, using: &generator)
                let isIn =
                    index % 2 == 0
                    ? budget.reserve(bytes) : budget.reserve(bytes, until: .now.adding(patience))
                guard isIn else { continue }
                used.withLock { used in
                    used.now += bytes
                    used.most = max(used.most, used.now)
                }
                used.withLock { $0.now -= bytes }
                budget.release(bytes)
            }
        }
        #expect(used.withLock { $0.most } <= bound)
        #expect(budget.reserve(bound))
    }
}
