// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@testable import AgentOSSystem

@Suite("Lock")
struct LockTests {
    private struct Refusal: Error, Equatable { let number: Int }

    @Test("one thread at a time touches the value")
    func exclusion() {
        let lock = Lock((count: 0, inside: 0, most: 0))
        Parallel.run(8) { _ in
            for _ in 0..<20_000 {
                lock.withLock { value in
                    value.inside += 1
                    value.most = max(value.most, value.inside)
                    value.count += 1
                    value.inside -= 1
                }
            }
        }
        #expect(lock.withLock { $0.count } == 160_000)
        #expect(lock.withLock { $0.most } == 1)
    }

    @Test("an error leaves the lock free and the change in place")
    func failure() {
        let lock = Lock(1)
        #expect(throws: Refusal(number: 7)) {
            try lock.withLock { (value) throws(Refusal) in
                value = 2
                throw Refusal(number: 7)
            }
        }
        #expect(lock.withLock { $0 } == 2)
    }

    @Test("a lock that is held for a fork keeps everybody else out until it is given free")
    func forFork() {
        let lock = Lock(0)
        lock.lockForFork()
        let entered = Lock(false)
        let outside = Lock<ObservedThread?>(nil)
        Parallel.run(2) { index in
            if index == 0 {
                outside.withLock { $0 = .current }
                lock.withLock { $0 += 1 }
                entered.withLock { $0 = true }
            } else {
                let isKeptOut = Parallel.waits {
                    outside.withLock { $0 }?.sleeps(.onWord) == true || entered.withLock { $0 }
                }
                #expect(isKeptOut && !entered.withLock { $0 })
                lock.unlockAfterFork()
            }
        }
        #expect(lock.withLock { $0 } == 1)
    }
}
