// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

private enum Change { case mkdir, remove }

private func change(
    _ change: Change,
    _ object: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ flags: UInt32
) throws(ClientError) -> Prepared<Void> {
    let vm = try Identifiers.vm(vm, of: object)
    let path = try Arguments.text(path, len, "path")
    let recursive = try Arguments.flags(flags, known: AOS_FS_RECURSIVE) != 0
    switch change {
    case .mkdir: return Prepared(vm, vm.makeDirectory(path, recursive: recursive))
    case .remove: return Prepared(vm, vm.remove(path, recursive: recursive))
    }
}

@_cdecl("aos_fs_mkdir")
package func fsMkdir(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ flags: UInt32,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        try change(.mkdir, try Handles.sidecar(sidecar), vm, path, len, flags).wait(timeout)
    }
}

@_cdecl("aos_fs_mkdir_async")
package func fsMkdirAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ flags: UInt32,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try change(.mkdir, object, vm, path, len, flags)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_fs_remove")
package func fsRemove(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ flags: UInt32,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        try change(.remove, try Handles.sidecar(sidecar), vm, path, len, flags).wait(timeout)
    }
}

@_cdecl("aos_fs_remove_async")
package func fsRemoveAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ flags: UInt32,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try change(.remove, object, vm, path, len, flags)
    } _: { _ in
        .complete()
    }
}
