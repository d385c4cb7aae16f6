// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Names for processes on the wire: unique in a VM, and, by a UUID, among clients of a shared sidecar.
final class ProcessNumbers: Sendable {
    /// The first number that callers of `spawn` see (process.md 1.2).
    private static let firstDisplayNumber: UInt64 = 1_000_000

    private let executed: Atomic<UInt64> = Atomic(0)
    private let spawned: Atomic<UInt64> = Atomic(0)

    func nextExecuted() -> String {
        "proc-\(executed.add(1, ordering: .relaxed).newValue)-\(SidecarID.uuid())"
    }

    /// The number that people see, and the name on the wire.
    func nextSpawned() -> (number: UInt64, name: String) {
        let number = Self.firstDisplayNumber + spawned.add(1, ordering: .relaxed).oldValue
        return (number, "proc-\(number)-\(SidecarID.uuid())")
    }

    func nextShell() -> String { "shell-\(SidecarID.uuid())" }
}
