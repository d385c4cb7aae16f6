// SPDX-License-Identifier: Apache-2.0

/// A value that one thread at a time may touch.
///
/// Not `Synchronization.Mutex`: ThreadSanitizer of Swift 6.0.3 sees no order through that one, and a lock held by
/// another thread across `fork` is a fatal error in the child there. Not pthread's: a second allocation, and ten
/// times the instructions while nobody else wants it, forty times a request.
/// Rule: nothing is called out to, and no system call is made, inside `withLock`.
///
/// Public, as the reader and the writer of AgentOSBare are, and nothing else: Swift 6.0.3 does not specialise
/// `@inlinable package` code in another module, and generic code that is not costs a hundred times as much.
/// The version script keeps them out of what the library shows.
///
/// `@unchecked Sendable`: the word orders every access to the value.
public final class Lock<Value>: @unchecked Sendable {
    @usableFromInline let word: LockWord = LockWord()
    @usableFromInline var value: Value

    @inlinable
    public init(_ value: sending Value) { self.value = value }

    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        word.lock()
        defer { word.unlock() }
        return try body(&value)
    }

    /// Holds the lock across `fork`, so that the child finds the value whole. For fork handlers alone.
    public func lockForFork() { word.lock() }

    /// Ends `lockForFork` in the parent and in the child.
    public func unlockAfterFork() { word.unlock() }
}
