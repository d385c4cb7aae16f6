// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Threads of a test.
package enum Parallel {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on `count` threads at the same time, and waits for all.
    package static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        var threads: [pthread_t] = []
        for index in 0..<count {
            let context = Unmanaged.passRetained(Body { body(index) })
            var thread = pthread_t()
            let error = pthread_create(
                &thread,
                nil,
                { pointer in
                    if let pointer { Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run() }
                    return nil
                },
                context.toOpaque()
            )
            if error == 0 { threads.append(thread) } else { context.release() }
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    /// Waits until `condition` holds. False when it does not within the limit.
    package static func waits(limit: Duration = .seconds(20), for condition: () throws -> Bool) rethrows
        -> Bool
    {
        let deadline = ContinuousClock.now + limit
        while try !condition() {
            if ContinuousClock.now > deadline { return false }
            poll(nil, 0, 1)
        }
        return true
    }
}

/// Where a fixed number of threads wait for each other, again and again.
///
/// `@unchecked Sendable`: the barrier is made to be shared, and its place never changes.
package final class Barrier: @unchecked Sendable {
    private let barrier: UnsafeMutablePointer<pthread_barrier_t> = .allocate(capacity: 1)

    package init(_ threads: Int) { pthread_barrier_init(barrier, nil, UInt32(threads)) }

    deinit {
        pthread_barrier_destroy(barrier)
        barrier.deallocate()
    }

    package func wait() { pthread_barrier_wait(barrier) }
}
