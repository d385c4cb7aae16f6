// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
internal import Glibc

/// The real sidecar and its command packs, as scripts/env.sh names them.
package enum RealSidecar {
    package static var binary: String? { getenv("AGENT_OS_SIDECAR_BIN").map { String(cString: $0) } }
    /// The folder that holds the packs.
    package static var packs: String? { getenv("AGENTOS_TEST_PACKS").map { String(cString: $0) } }
    /// For `.enabled(if:)`: where it is missing its tests are reported as skipped, by name.
    package static var isThere: Bool { binary != nil && packs != nil }

    package static func sidecar(_ more: KeyValuePairs<String, JSONValue?> = [:]) throws -> HostSidecar {
        var members = [JSONMember("command", .array([.string(binary ?? "agent-os-sidecar")]))]
        for (name, value) in more { if let value { members.append(JSONMember(name, value)) } }
        return try HostSidecar(options: .object(members))
    }

    /// The configuration of a VM with packs of commands: `coreutils` has sh, ls, cat and their like.
    package static func config(
        packs names: [String] = ["coreutils"],
        _ more: KeyValuePairs<String, JSONValue?> = [:]
    ) -> JSONValue {
        let software = names.map { name in
            JSONValue.members(["package": .string("\(packs ?? "")/agent-os-\(name)")])
        }
        var members = [JSONMember("software", .array(software))]
        for (name, value) in more { if let value { members.append(JSONMember(name, value)) } }
        return .object(members)
    }
}

extension HostVM {
    /// Whether the sidecar still answers, which is what the hazards are about.
    package var isAlive: Bool {
        (try? request(.members(["type": .string("get_zombie_timer_count")])))?["type"]?.stringValue
            == "zombie_timer_count"
    }
}
