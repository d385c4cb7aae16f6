// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The time of day, for people: it may jump. Everything that waits uses `MonotonicTime`.
package enum WallClock {
    /// Milliseconds since 1970. clock_gettime(2)
    package static var milliseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(time.tv_sec, 0)) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
