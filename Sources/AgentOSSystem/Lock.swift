// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A value that one thread at a time may touch.
///
/// The only lock of the project. Not `Synchronization.Mutex`: ThreadSanitizer of Swift 6.0.3 sees no order
/// through that one, and a lock held by another thread across `fork` is a fatal error in the child there.
/// Rule: nothing is called out to, and no system call is made, inside `withLock`.
///
/// `@unchecked Sendable`: the mutex orders every access to the value.
package final class Lock<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Holds the lock across `fork`, so that the child finds the value whole. For fork handlers alone.
    package func lockForFork() { pthread_mutex_lock(mutex) }

    /// Ends `lockForFork` in the parent and in the child.
    package func unlockAfterFork() { pthread_mutex_unlock(mutex) }
}
