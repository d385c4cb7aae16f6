// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// How many wait for a connection attempt. Changed only under the lock of the handle.
final class Claims: Sendable {
    private let count: Atomic<Int> = Atomic(0)

    var current: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }

    /// What is left.
    func remove() -> Int { count.subtract(1, ordering: .relaxed).newValue }
}

/// The right to use a connection; the connection closes when nobody has one any more.
final class ConnectionUse: Sendable {
    let connection: Connection
    private let sidecar: Sidecar
    private let isReleased: Atomic<Bool> = Atomic(false)

    init(_ connection: Connection, of sidecar: Sidecar) {
        self.connection = connection
        self.sidecar = sidecar
    }

    /// Gives it back. If it was the last, ends when the process is reaped; fails if that one ended badly.
    var release: Steps<Void> {
        Steps.begin { [self] in
            isReleased.exchange(true, ordering: .relaxed) ? .done(()) : sidecar.release(connection)
        }
    }
}
