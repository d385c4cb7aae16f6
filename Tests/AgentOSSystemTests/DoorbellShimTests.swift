// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import CAgentOSShims
import Glibc
import Synchronization
import Testing

@Suite("Doorbells of the C shims: readable exactly while something is pending")
struct DoorbellShimTests {
    private static let keys: Atomic<UInt64> = Atomic(1 << 40)
    private static func newKey() -> UInt64 { keys.add(1, ordering: .relaxed).newValue }

    private func isReadable(_ bell: Int32) -> Bool { aos_shim_poll_one(aos_shim_doorbell_fd(bell), 0) > 0 }

    @Test("items make it readable, taking the last one ends that")
    func items() throws {
        let bell = aos_shim_doorbell_create()
        try #require(bell >= 0)
        defer { aos_shim_doorbell_destroy(bell) }
        #expect(fcntl(aos_shim_doorbell_fd(bell), F_GETFD) == FD_CLOEXEC)
        #expect(!isReadable(bell))
        aos_shim_doorbell_add(bell, 3)
        #expect(isReadable(bell))
        aos_shim_doorbell_add(bell, -2)
        #expect(isReadable(bell))
        aos_shim_doorbell_add(bell, -1)
        #expect(!isReadable(bell))
        // Somebody may take an item before it is counted.
        aos_shim_doorbell_add(bell, -1)
        aos_shim_doorbell_add(bell, 1)
        #expect(!isReadable(bell))
    }

    @Test("a wake makes it readable until it is taken, once, and does not hide items")
    func wakes() throws {
        let bell = aos_shim_doorbell_create()
        try #require(bell >= 0)
        defer { aos_shim_doorbell_destroy(bell) }
        let key = Self.newKey()
        aos_shim_doorbell_set_key(bell, key)
        #expect(aos_shim_doorbell_take_wake(bell) == 0)
        aos_shim_doorbell_wake(key)
        aos_shim_doorbell_wake(key)
        #expect(isReadable(bell))
        aos_shim_doorbell_add(bell, 1)
        #expect(aos_shim_doorbell_take_wake(bell) == 1)
        #expect(isReadable(bell))
        aos_shim_doorbell_add(bell, -1)
        #expect(!isReadable(bell))
        #expect(aos_shim_doorbell_take_wake(bell) == 0)
    }

    @Test("a key that nobody has, or that no bell can have, wakes nobody; a destroyed bell's neither")
    func unknownKeys() throws {
        let bell = aos_shim_doorbell_create()
        let gone = aos_shim_doorbell_create()
        try #require(bell >= 0 && gone >= 0)
        let (key, oldKey) = (Self.newKey(), Self.newKey())
        aos_shim_doorbell_set_key(bell, key)
        aos_shim_doorbell_set_key(gone, oldKey)
        aos_shim_doorbell_destroy(gone)
        for unknown in [0, 1, oldKey, Self.newKey(), .max] as [UInt64] { aos_shim_doorbell_wake(unknown) }
        #expect(!isReadable(bell))
        #expect(aos_shim_doorbell_take_wake(bell) == 0)
        aos_shim_doorbell_wake(key)
        #expect(aos_shim_doorbell_take_wake(bell) == 1)
        aos_shim_doorbell_destroy(bell)
    }

    @Test("a place that is used again begins without items and wakes")
    func reuse() throws {
        try FreshProcess.run("DoorbellShimTests/reuse") {
            let bell = aos_shim_doorbell_create()
            aos_shim_doorbell_set_key(bell, 77)
            aos_shim_doorbell_add(bell, 5)
            aos_shim_doorbell_wake(77)
            aos_shim_doorbell_destroy(bell)
            let next = aos_shim_doorbell_create()
            #expect(next == bell)
            #expect(!isReadable(next))
            #expect(aos_shim_doorbell_take_wake(next) == 0)
            aos_shim_doorbell_destroy(next)
        }
    }

    @Test("when all places are taken there is no further bell, and one that is given back is there again")
    func capacity() throws {
        try FreshProcess.run("DoorbellShimTests/capacity") {
            var limit = rlimit(rlim_cur: 5000, rlim_max: 5000)
            setrlimit(__rlimit_resource_t(7), &limit)
            var bells: [Int32] = []
            var last: Int32 = 0
            while bells.count <= 4096, last >= 0 {
                last = aos_shim_doorbell_create()
                if last >= 0 { bells.append(last) }
            }
            #expect(last == -2 && bells.count == 4096)
            #expect(aos_shim_doorbell_capacity() == 4096)
            guard let given = bells.popLast() else { return }
            aos_shim_doorbell_destroy(given)
            #expect(aos_shim_doorbell_create() == given)
            // No descriptor: the place is not lost for that.
            aos_shim_doorbell_destroy(given)
            var none = rlimit(rlim_cur: 0, rlim_max: 5000)
            setrlimit(__rlimit_resource_t(7), &none)
            #expect(aos_shim_doorbell_create() == -1)
            setrlimit(__rlimit_resource_t(7), &limit)
            #expect(aos_shim_doorbell_create() == given)
        }
    }

    @Test("four threads add and take for two seconds: whenever they rest the bell tells the truth")
    func stress() throws {
        let bell = aos_shim_doorbell_create()
        try #require(bell >= 0)
        defer { aos_shim_doorbell_destroy(bell) }
        let key = Self.newKey()
        aos_shim_doorbell_set_key(bell, key)
        let threads = 4
        let gate = Barrier(threads)
        let total = Lock(0)
        let isOver = Lock(false)
        let wrong = Lock<[String]>([])
        let rounds = Lock(0)
        let end = MonotonicTime.now.adding(2_000_000_000)
        Parallel.run(threads) { index in
            var generator = SeededGenerator(seed: UInt64(index))
            while !isOver.withLock({ $0 }) {
                for _ in 0..<Int.random(in: 1...60, using: &generator) {
                    let items = Int32.random(in: 1...2, using: &generator)
                    aos_shim_doorbell_add(bell, items)
                    if Bool.random(using: &generator) {
                        aos_shim_doorbell_add(bell, -items)
                    } else {
                        total.withLock { $0 += Int(items) }
                    }
                    let taken =
                        Bool.random(using: &generator)
                        ? total.withLock { count in
                            defer { count = 0 }
                            return count
                        } : 0
                    aos_shim_doorbell_add(bell, Int32(-taken))
                    switch Int.random(in: 0..<8, using: &generator) {
                    case 0: aos_shim_doorbell_wake(key)
                    case 1: _ = aos_shim_doorbell_take_wake(bell)
                    default: break
                    }
                }
                gate.wait()
                if index == 0 {
                    check(bell, total.withLock { $0 }, wrong)
                    rounds.withLock { $0 += 1 }
                    if MonotonicTime.now > end { isOver.withLock { $0 = true } }
                }
                gate.wait()
            }
        }
        #expect(wrong.withLock { $0 } == [])
        #expect(rounds.withLock { $0 } > 100)
    }

    /// Called while nobody touches the bell.
    private func check(_ bell: Int32, _ items: Int, _ wrong: Lock<[String]>) {
        let readable = isReadable(bell)
        let hadWake = aos_shim_doorbell_take_wake(bell) == 1
        let stillReadable = isReadable(bell)
        if readable != (items != 0 || hadWake) || stillReadable != (items != 0) {
            wrong.withLock { $0.append("\(items) items, wake \(hadWake): \(readable), \(stillReadable)") }
        }
    }

    @Test("a bell may be destroyed while others wake it: no wake reaches the descriptor of somebody else")
    func destroyWhileWaking() throws {
        let key = Self.newKey()
        let isOver = Lock(false)
        let woken = Lock(0)
        Parallel.run(4) { index in
            if index > 0 {
                while !isOver.withLock({ $0 }) {
                    for _ in 0..<100 { aos_shim_doorbell_wake(key) }
                    sched_yield()
                }
                return
            }
            for _ in 0..<500 {
                let bell = aos_shim_doorbell_create()
                if bell < 0 { continue }
                aos_shim_doorbell_set_key(bell, key)
                if aos_shim_poll_one(aos_shim_doorbell_fd(bell), 1_000_000) > 0 { woken.withLock { $0 += 1 } }
                aos_shim_doorbell_destroy(bell)
                let stranger = aos_shim_eventfd()
                if stranger >= 0, aos_shim_poll_one(stranger, 0) > 0 {
                    Issue.record("a wake reached a stranger")
                }
                close(stranger)
            }
            isOver.withLock { $0 = true }
        }
        #expect(woken.withLock { $0 } > 20)
    }
}
