// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Synchronization

/// A word to sleep on: one sleeper, any number of wakers, and no system call unless somebody sleeps. futex(2)
package final class WakeWord: Sendable {
    package enum Signal: UInt32 {
        case none = 0
        case sleeping = 1
        case done = 2
        case read = 3
    }

    private let atomic: Atomic<UInt32> = Atomic(Signal.none.rawValue)
    private let thread: ThreadIdentity = .current

    /// Whether the calling thread is the one that made this word, and so the one that sleeps on it.
    package var isOfThisThread: Bool { thread == .current }

    package init() {}

    /// An atomic never moves: it is used where it lies.
    private var word: UnsafeMutablePointer<UInt32> {
        withUnsafePointer(to: atomic) {
            UnsafeMutableRawPointer(mutating: UnsafeRawPointer($0)).assumingMemoryBound(to: UInt32.self)
        }
    }

    /// Leaves a signal. `done` is final: a later `read` does not hide it.
    package func wake(_ signal: Signal) {
        var seen = aos_shim_word_load(word)
        while seen != Signal.done.rawValue {
            let found = aos_shim_word_swap(word, seen, signal.rawValue)
            if found == seen {
                if seen == Signal.sleeping.rawValue { aos_shim_futex_wake(word, 1) }
                return
            }
            seen = found
        }
    }

    package var isDone: Bool { aos_shim_word_load(word) == Signal.done.rawValue }

    /// Sleeps until a signal is there or the time is over (`none`). A `read` is taken; `done` stays.
    package func sleep(until deadline: MonotonicTime?) -> Signal {
        while true {
            let seen = aos_shim_word_swap(word, Signal.none.rawValue, Signal.sleeping.rawValue)
            guard seen == Signal.none.rawValue || seen == Signal.sleeping.rawValue else { return take(seen) }
            var nanoseconds: Int64 = -1
            if let deadline {
                let left = deadline.since(.now)
                if left == 0 {
                    let now = aos_shim_word_swap(word, Signal.sleeping.rawValue, Signal.none.rawValue)
                    return now == Signal.sleeping.rawValue ? .none : take(now)
                }
                nanoseconds = Int64(min(left, UInt64(Int64.max / 2)))
            }
            aos_shim_futex_wait(word, Signal.sleeping.rawValue, nanoseconds)
        }
    }

    private func take(_ seen: UInt32) -> Signal {
        guard seen == Signal.read.rawValue else { return .done }
        // It can only have become `done` meanwhile; the `read` is taken all the same and must not be lost.
        _ = aos_shim_word_swap(word, seen, Signal.none.rawValue)
        return .read
    }
}
