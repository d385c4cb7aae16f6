// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

@_cdecl("aos_fs_lstat")
package func fsLstat(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.lstatJSON($1) }
    }
}

@_cdecl("aos_fs_lstat_async")
package func fsLstatAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.lstatJSON($1) }
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_fs_realpath")
package func fsRealpath(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.realPath($1) }
    }
}

@_cdecl("aos_fs_realpath_async")
package func fsRealpathAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.realPath($1) }
    } _: {
        .complete(block: ByteBlock.text($0))
    }
}

@_cdecl("aos_fs_read_link")
package func fsReadLink(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.readLink($1) }
    }
}

@_cdecl("aos_fs_read_link_async")
package func fsReadLinkAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.one(object, vm, path, len) { $0.readLink($1) }
    } _: {
        .complete(block: ByteBlock.text($0))
    }
}

@_cdecl("aos_fs_symlink")
package func fsSymlink(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ target: UnsafePointer<CChar>?,
    _ targetLen: Int,
    _ path: UnsafePointer<CChar>?,
    _ pathLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.two(object, vm, (target, targetLen, "target"), (path, pathLen, "path")) {
            $0.symlink($1, at: $2)
        }
    }
}

@_cdecl("aos_fs_symlink_async")
package func fsSymlinkAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ target: UnsafePointer<CChar>?,
    _ targetLen: Int,
    _ path: UnsafePointer<CChar>?,
    _ pathLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.two(object, vm, (target, targetLen, "target"), (path, pathLen, "path")) {
            $0.symlink($1, at: $2)
        }
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_link")
package func fsLink(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ existing: UnsafePointer<CChar>?,
    _ existingLen: Int,
    _ newPath: UnsafePointer<CChar>?,
    _ newPathLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try PathCalls.two(object, vm, (existing, existingLen, "existing"), (newPath, newPathLen, "new_path"))
        { $0.link($1, to: $2) }
    }
}

@_cdecl("aos_fs_link_async")
package func fsLinkAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ existing: UnsafePointer<CChar>?,
    _ existingLen: Int,
    _ newPath: UnsafePointer<CChar>?,
    _ newPathLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try PathCalls.two(object, vm, (existing, existingLen, "existing"), (newPath, newPathLen, "new_path"))
        { $0.link($1, to: $2) }
    } _: { _ in
        .complete()
    }
}
