// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// How long each type of request may be the oldest unanswered one, in nanoseconds; 0: for ever (transport.md
/// 5).
package struct RequestLimits: Sendable {
    private static let second: UInt64 = 1_000_000_000

    /// The types that have a limit of their own, by their JSON names.
    package var limits: [(type: String, nanoseconds: UInt64)] = [
        ("authenticate", 30 * second), ("create_session", 260 * second), ("session_request", 150 * second),
        ("close_agent_session", 60 * second), ("get_session_state", 30 * second), ("dispose_vm", 10 * second),
    ]
    package var others: UInt64 = 60 * second

    package init() {}

    /// By bytes: names of another length, which is nearly all, cost one comparison of numbers.
    func limit(of type: String) -> UInt64 {
        limits.first { $0.type.hasSameBytes(as: type) }?.nanoseconds ?? others
    }

    package mutating func set(_ type: String, _ nanoseconds: UInt64) {
        if let index = limits.firstIndex(where: { $0.type == type }) {
            limits[index].nanoseconds = nanoseconds
        } else {
            limits.append((type, nanoseconds))
        }
    }

    /// Every request type of the protocol, for checking names.
    package static let types: Set<String> = [
        "authenticate", "open_session", "create_vm", "create_session", "session_request", "get_session_state",
        "close_agent_session", "dispose_vm", "bootstrap_root_filesystem", "configure_vm", "register_toolkit",
        "create_layer", "seal_layer", "import_snapshot", "export_snapshot", "create_overlay",
        "guest_filesystem_call",
        "snapshot_root_filesystem", "execute", "write_stdin", "close_stdin", "kill_process",
        "get_process_snapshot",
        "find_listener", "find_bound_udp", "get_signal_state", "get_zombie_timer_count", "vm_fetch",
    ]
}
