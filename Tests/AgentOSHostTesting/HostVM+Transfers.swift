// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
internal import CAgentOS

/// Trees and large files, blocking.
extension HostVM {
    private static let transferLimit: UInt64 = 120 * second

    private typealias Transfer = (
        OpaquePointer?, aos_id, UnsafePointer<CChar>?, Int, UnsafePointer<CChar>?, Int,
        UnsafePointer<CChar>?, Int, UInt64, UnsafeMutablePointer<OpaquePointer?>?,
        UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    private func transfer(_ function: Transfer, _ from: String, _ to: String) throws -> JSONValue {
        var out: OpaquePointer?
        try check {
            function(
                sidecar.handle,
                id,
                from,
                from.utf8.count,
                to,
                to.utf8.count,
                nil,
                0,
                Self.transferLimit,
                &out,
                $0
            )
        }
        return try takeJSON(out)
    }

    package func upload(_ hostPath: String, to guestPath: String) throws -> JSONValue {
        try transfer(aos_fs_upload, hostPath, guestPath)
    }

    package func download(_ guestPath: String, to hostPath: String) throws -> JSONValue {
        try transfer(aos_fs_download, guestPath, hostPath)
    }

    package func readLarge(_ path: String, limit: UInt64 = 1 << 30) throws -> [UInt8] {
        var out: OpaquePointer?
        try check {
            aos_fs_read_large(sidecar.handle, id, path, path.utf8.count, limit, Self.transferLimit, &out, $0)
        }
        return takeBytes(out)
    }

    package func writeLarge(_ path: String, _ bytes: [UInt8]) throws {
        try check {
            aos_fs_write_large(
                sidecar.handle,
                id,
                path,
                path.utf8.count,
                bytes,
                bytes.count,
                Self.transferLimit,
                $0
            )
        }
    }
}
