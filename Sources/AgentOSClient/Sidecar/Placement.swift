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
        return String(unsafeUninitializedCapacity: 36) { text in
            var count = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    text[count] = UInt8(ascii: "-")
                    count += 1
                }
                let half = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 - digit % 16 * 4)) & 0xF
                text[count] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                count += 1
            }
            return count
        }
    }
}
