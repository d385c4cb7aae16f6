// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Synchronization

/// Which process we are, counted in forks: objects of another generation belong to a parent.
package enum ForkGeneration {
    private static let counter: Atomic<UInt32> = Atomic(1)
    private static let handlers: Lock<[Handlers]> = Lock([])

    /// What one part of the library does around a fork.
    package struct Handlers: Sendable {
        package let prepare: @Sendable () -> Void
        package let parent: @Sendable () -> Void
        package let child: @Sendable () -> Void

        package init(
            prepare: @escaping @Sendable () -> Void,
            parent: @escaping @Sendable () -> Void,
            child: @escaping @Sendable () -> Void
        ) {
            self.prepare = prepare
            self.parent = parent
            self.child = child
        }
    }

    package static var current: UInt32 { counter.load(ordering: .relaxed) }

    /// Runs once in the process: later calls change nothing.
    private static let registration: Int32 = aos_shim_atfork(
        { ForkGeneration.each { $0.prepare() } },
        { ForkGeneration.each { $0.parent() } },
        {
            _ = ForkGeneration.counter.add(1, ordering: .relaxed)
            ForkGeneration.each { $0.child() }
        }
    )

    /// Adds handlers. To be called before the first thread or lock that they guard is used.
    package static func register(_ added: Handlers) {
        _ = registration
        handlers.withLock { $0.append(added) }
    }

    private static func each(_ body: (Handlers) -> Void) {
        for entry in handlers.withLock({ $0 }) { body(entry) }
    }
}
