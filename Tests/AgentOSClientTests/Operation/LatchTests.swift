// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("Latch")
struct LatchTests {
    @Test("the first value counts, and all who waited are called in their order, later ones at once")
    func order() {
        let latch = Latch<Int>()
        let called = Lock<[String]>([])
        #expect(latch.value == nil)
        for name in ["a", "b", "c"] {
            latch.whenSet { value in called.withLock { $0.append("\(name)\(value)") } }
        }
        #expect(latch.set(1))
        #expect(!latch.set(2))
        #expect(latch.value == 1)
        latch.whenSet { value in called.withLock { $0.append("d\(value)") } }
        #expect(called.withLock { $0 } == ["a1", "b1", "c1", "d1"])
    }

    @Test("what is taken back is not called; taking back too late says so")
    func cancel() {
        let latch = Latch<Int>()
        let called = Lock(0)
        let token = latch.whenSet { _ in Issue.record("it was taken back") }
        latch.whenSet { _ in called.withLock { $0 += 1 } }
        #expect(latch.cancel(token))
        #expect(!latch.cancel(token))
        latch.set(1)
        #expect(called.withLock { $0 } == 1)
        #expect(!latch.cancel(latch.whenSet { _ in }))
    }

    @Test("each callback is called exactly once or taken back, never both, under threads")
    func race() {
        for _ in 0..<300 {
            let latch = Latch<Int>()
            let called = Lock(0)
            let cancelled = Lock(0)
            let sets = Lock(0)
            Parallel.run(4) { index in
                for round in 0..<20 {
                    if index == 3 {
                        if round == 10, latch.set(1) { sets.withLock { $0 += 1 } }
                        continue
                    }
                    let token = latch.whenSet { _ in called.withLock { $0 += 1 } }
                    if round % 2 == 0, latch.cancel(token) { cancelled.withLock { $0 += 1 } }
                }
            }
            if called.withLock({ $0 }) + cancelled.withLock({ $0 }) != 60 || sets.withLock({ $0 }) != 1 {
                Issue.record("\(called.withLock { $0 }) called")
            }
        }
    }
}
