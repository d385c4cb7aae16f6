// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
package import AgentOSTestSupport
internal import Glibc
internal import Testing

/// Runs bodies on threads of their own and waits for all.
package func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    withUnsafeTemporaryAllocation(of: pthread_t.self, capacity: count) { threads in
        for index in 0..<count {
            let context = Unmanaged.passRetained(ThreadBody { body(index) })
            pthread_create(
                &threads[index],
                nil,
                { pointer in
                    if let pointer { Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().run() }
                    return nil
                },
                context.toOpaque()
            )
        }
        for index in 0..<count { pthread_join(threads[index], nil) }
    }
}

/// Runs `body` while another thread sleeps in `wait`, in a call of that sort.
package func whileAsleep(
    _ sleep: ObservedThread.Sleep,
    _ wait: @escaping @Sendable () -> Void,
    _ body: @escaping @Sendable () -> Void
) {
    let sleeper: Lock<ObservedThread?> = Lock(nil)
    onThreads(2) { index in
        if index == 0 {
            sleeper.withLock { $0 = ObservedThread.current }
            wait()
            return
        }
        let isAsleep = Parallel.waits { sleeper.withLock { $0 }?.sleeps(sleep) ?? false }
        #expect(isAsleep)
        body()
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
