// SPDX-License-Identifier: Apache-2.0

/// The numbers that a sidecar hands out, counted in the process.
final class IdentifierSource {
    private var sessions: Int = 0
    private var vms: Int = 0
    private var processes: UInt32 = 0
    private var callbacks: Int64 = 0

    func nextSession() -> String {
        sessions += 1
        return "session-\(sessions)"
    }

    func nextVM() -> String {
        vms += 1
        return "vm-\(vms)"
    }

    func nextProcess() -> UInt32 {
        processes += 1
        return processes
    }

    /// -1, -2, ...
    func nextCallback() -> Int64 {
        callbacks -= 1
        return callbacks
    }
}
