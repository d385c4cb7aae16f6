// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// A word to sleep on: one sleeper, any number of wakers, and no system call unless somebody sleeps. futex(2)
package final class WakeWord: Sendable {
    package enum Signal: UInt32 {
        case none = 0
        case sleeping = 1
        case done = 2
        case read = 3
    }

    private let word: Atomic<UInt32> = Atomic(Signal.none.rawValue)
    private let thread: ThreadIdentity = .current

    /// Whether the calling thread is the one that made this word, and so the one that sleeps on it.
    package var isOfThisThread: Bool { thread == .current }

    package init() {}

    /// Leaves a signal. `done` is final: a later `read` does not hide it.
    package func wake(_ signal: Signal) {
        var seen = word.load(ordering: .acquiring)
        while seen != Signal.done.rawValue {
            let found = swap(seen, for: signal)
            if found == seen {
                if seen == Signal.sleeping.rawValue { word.wakeOne() }
                return
            }
            seen = found
        }
    }

    package var isDone: Bool { word.load(ordering: .acquiring) == Signal.done.rawValue }

    /// Sleeps until a signal is there or the time is over (`none`). A `read` is taken; `done` stays.
    package func sleep(until deadline: MonotonicTime?) -> Signal {
        while true {
            let seen = swap(Signal.none.rawValue, for: .sleeping)
            guard seen == Signal.none.rawValue || seen == Signal.sleeping.rawValue else { return take(seen) }
            var nanoseconds: Int64 = -1
            if let deadline {
                let left = deadline.since(.now)
                if left == 0 {
                    let now = swap(Signal.sleeping.rawValue, for: .none)
                    return now == Signal.sleeping.rawValue ? .none : take(now)
                }
                nanoseconds = Int64(min(left, UInt64(Int64.max / 2)))
            }
            word.wait(while: Signal.sleeping.rawValue, nanoseconds: nanoseconds)
        }
    }

    private func take(_ seen: UInt32) -> Signal {
        guard seen == Signal.read.rawValue else { return .done }
        // It can only have become `done` meanwhile; the `read` is taken all the same and must not be lost.
        _ = swap(seen, for: .none)
        return .read
    }

    /// The word as it was found: `expected` means that it is `desired` now.
    private func swap(_ expected: UInt32, for desired: Signal) -> UInt32 {
        word.compareExchange(
            expected: expected,
            desired: desired.rawValue,
            successOrdering: .acquiringAndReleasing,
            failureOrdering: .acquiring
        ).original
    }
}
