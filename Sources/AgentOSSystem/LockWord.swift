// SPDX-License-Identifier: Apache-2.0
public import Synchronization

/// What a lock is made of: one word, free, held, or held and waited for. futex(2)
///
/// It lies inside the object that it guards, so that a lock costs no memory of its own, and taking a free one is one
/// instruction. Public for the reason that `Lock` is.
public struct LockWord: ~Copyable, Sendable {
    @usableFromInline static var free: UInt32 { 0 }
    @usableFromInline static var held: UInt32 { 1 }
    @usableFromInline static var waitedFor: UInt32 { 2 }

    @usableFromInline let word: Atomic<UInt32> = Atomic(0)

    @inlinable
    public init() {}

    @inlinable
    public func lock() {
        let (isOurs, _) = word.compareExchange(
            expected: Self.free,
            desired: Self.held,
            successOrdering: .acquiring,
            failureOrdering: .relaxed
        )
        if !isOurs { wait() }
    }

    @inlinable
    public func unlock() {
        if word.exchange(Self.free, ordering: .releasing) == Self.waitedFor { wakeOne() }
    }

    /// From here on the word says that somebody waits, also once this thread holds it: others may be waiting still,
    /// and one wake too many is all that costs.
    @usableFromInline
    func wait() {
        while word.exchange(Self.waitedFor, ordering: .acquiring) != Self.free {
            word.wait(while: Self.waitedFor)
        }
    }

    /// Whoever held it may be gone by now, and the lock with it: the kernel looks at the address alone.
    @usableFromInline
    func wakeOne() { word.wakeOne() }
}
