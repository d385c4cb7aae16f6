// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Synchronization

/// Sleeping on an atomic word. futex(2)
extension Atomic where Value == UInt32 {
    /// Sleeps while the word is `expected`: until a wake, or for so many nanoseconds (below 0: without limit). It
    /// may also end for no reason.
    func wait(while expected: UInt32, nanoseconds: Int64 = -1) {
        withUnsafePointer(to: self) { aos_shim_futex_wait(Self.word($0), expected, nanoseconds) }
    }

    func wakeOne() {
        withUnsafePointer(to: self) { aos_shim_futex_wake(Self.word($0), 1) }
    }

    /// An atomic never moves: its address is that of its word.
    private static func word(_ atomic: UnsafePointer<Self>) -> UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(mutating: UnsafeRawPointer(atomic)).assumingMemoryBound(to: UInt32.self)
    }
}
