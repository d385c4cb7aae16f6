// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
package import CAgentOS

@_cdecl("aos_fs_chmod")
package func fsChmod(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ mode: UInt32,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.changeMode($1, mode) }
    }
}

@_cdecl("aos_fs_chmod_async")
package func fsChmodAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ mode: UInt32,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.changeMode($1, mode) }
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_chown")
package func fsChown(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ uid: UInt32,
    _ gid: UInt32,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.changeOwner($1, uid: uid, gid: gid) }
    }
}

@_cdecl("aos_fs_chown_async")
package func fsChownAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ uid: UInt32,
    _ gid: UInt32,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.changeOwner($1, uid: uid, gid: gid) }
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_utimes")
package func fsUtimes(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ accessed: UInt64,
    _ modified: UInt64,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) {
            $0.changeTimes($1, accessed: accessed, modified: modified)
        }
    }
}

@_cdecl("aos_fs_utimes_async")
package func fsUtimesAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ accessed: UInt64,
    _ modified: UInt64,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) {
            $0.changeTimes($1, accessed: accessed, modified: modified)
        }
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_truncate")
package func fsTruncate(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ size: UInt64,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.truncate($1, to: size) }
    }
}

@_cdecl("aos_fs_truncate_async")
package func fsTruncateAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ size: UInt64,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.truncate($1, to: size) }
    } _: { _ in
        .complete()
    }
}
