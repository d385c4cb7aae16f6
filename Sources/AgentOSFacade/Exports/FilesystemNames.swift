// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
package import CAgentOS

@_cdecl("aos_fs_unlink")
package func fsUnlink(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.removeOne($1, directory: false) }
    }
}

@_cdecl("aos_fs_unlink_async")
package func fsUnlinkAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.removeOne($1, directory: false) }
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_rmdir")
package func fsRmdir(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.removeOne($1, directory: true) }
    }
}

@_cdecl("aos_fs_rmdir_async")
package func fsRmdirAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.removeOne($1, directory: true) }
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_rename")
package func fsRename(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ from: UnsafePointer<CChar>?,
    _ fromLen: Int,
    _ to: UnsafePointer<CChar>?,
    _ toLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.two(object, vm, (from, fromLen, "from"), (to, toLen, "to")) { $0.rename($1, to: $2) }
    }
}

@_cdecl("aos_fs_rename_async")
package func fsRenameAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ from: UnsafePointer<CChar>?,
    _ fromLen: Int,
    _ to: UnsafePointer<CChar>?,
    _ toLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.two(object, vm, (from, fromLen, "from"), (to, toLen, "to")) { $0.rename($1, to: $2) }
    } _: { _ in
        .complete()
    }
}
