// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Rules that go on later, in the order of their time; those of one time in the order of their coming.
struct DelayQueue {
    private var waiting: [(due: UInt64, run: ActionRun)] = []

    /// Nanoseconds of a clock that never jumps.
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func sleep(_ nanoseconds: UInt64) {
        var wanted = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000),
            tv_nsec: Int(nanoseconds % 1_000_000_000)
        )
        var rest = timespec()
        while nanosleep(&wanted, &rest) != 0, errno == EINTR { wanted = rest }
    }

    var isEmpty: Bool { waiting.isEmpty }

    mutating func add(_ run: ActionRun, after nanoseconds: UInt64) {
        let due = Self.now + nanoseconds
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].due <= due { low = middle + 1 } else { high = middle }
        }
        waiting.insert((due, run), at: low)
    }

    mutating func removeAll() { waiting.removeAll() }

    /// Takes out what is due now; what that adds waits for the next call.
    mutating func takeDue() -> [ActionRun] {
        guard !waiting.isEmpty else { return [] }
        let now = Self.now
        let count = waiting.firstIndex { $0.due > now } ?? waiting.count
        let due = waiting[..<count].map(\.run)
        waiting.removeFirst(count)
        return due
    }

    /// For poll(2): milliseconds to the next, rounded up; -1 when nothing waits.
    var pollTimeout: Int32 {
        guard let first = waiting.first else { return -1 }
        let now = Self.now
        return first.due <= now ? 0 : Int32(clamping: (first.due - now + 999_999) / 1_000_000)
    }
}
