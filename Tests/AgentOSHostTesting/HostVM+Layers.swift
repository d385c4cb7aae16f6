// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
package import CAgentOS

/// Snapshots and layers, blocking.
extension HostVM {
    private static let limit: UInt64 = HostSidecar.limit

    package func rootSnapshot() throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_vm_snapshot(sidecar.handle, id, Self.limit, &out, $0) }
        return try takeJSON(out)
    }

    package func bootstrap(_ export: String) throws -> Int32 {
        var count: Int32 = -1
        try check { aos_vm_bootstrap(sidecar.handle, id, export, export.utf8.count, Self.limit, &count, $0) }
        return count
    }

    package func createLayer() throws -> aos_id {
        var layer: aos_id = 0
        try check { aos_layer_create(sidecar.handle, id, Self.limit, &layer, $0) }
        return layer
    }

    package func importLayer(_ export: String) throws -> aos_id {
        var layer: aos_id = 0
        try check { aos_layer_import(sidecar.handle, id, export, export.utf8.count, Self.limit, &layer, $0) }
        return layer
    }

    package func sealLayer(_ layer: aos_id) throws -> aos_id {
        var sealed: aos_id = 0
        try check { aos_layer_seal(sidecar.handle, layer, Self.limit, &sealed, $0) }
        return sealed
    }

    package func exportLayer(_ layer: aos_id) throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_layer_export(sidecar.handle, layer, Self.limit, &out, $0) }
        return try takeJSON(out)
    }

    package func overlay(upper: aos_id, lowers: [aos_id]) throws -> aos_id {
        var layer: aos_id = 0
        try check {
            aos_layer_overlay(sidecar.handle, id, 0, upper, lowers, lowers.count, Self.limit, &layer, $0)
        }
        return layer
    }
}
