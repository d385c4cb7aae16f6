// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Where a handle stands: in a pool of the process, or on its own (sidecar-lifecycle.md 2).
package enum Placement: Sendable {
    case shared(pool: String)
    case explicit(id: String)

    var json: JSONValue {
        switch self {
        case .shared(let pool):
            .members(["kind": .string("shared"), "pool": pool.isEmpty ? nil : .string(pool)])
        case .explicit(let id): .members(["kind": .string("explicit"), "sidecarId": .string(id)])
        }
    }

    var wire: SidecarPlacement {
        switch self {
        case .shared(let pool): .shared(SidecarPlacementShared(pool: pool.isEmpty ? nil : pool))
        case .explicit(let id): .explicit(SidecarPlacementExplicit(sidecarId: id))
        }
    }
}

/// Ids of handles.
enum SidecarID {
    static let defaultPool = "default"

    static func shared(_ pool: String) -> String { "agent-os-shared-sidecar:\(pool)" }

    /// `agent-os-sidecar-` and a UUID version 4 in lower case.
    static func generated() -> String { "agent-os-sidecar-\(uuid())" }

    static func uuid() -> String {
        var random = SystemRandomNumberGenerator()
        var high = random.next()
        var low = random.next()
        high = (high & ~0xF000) | 0x4000
        low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        let digits = hex(high) + hex(low)
        var groups: [Substring] = []
        var rest = Substring(digits)
        for length in [8, 4, 4, 4, 12] {
            groups.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return groups.joined(separator: "-")
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
