// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// A VM of the sidecar and a path, checked as far as arguments go.
private func target(
    _ sidecar: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> (vm: VM, path: String) {
    (try Identifiers.vm(vm, of: sidecar), try Arguments.text(path, len, "path"))
}

// MARK: read

private func read(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> Prepared<ByteBlock> {
    let target = try target(object, vm, path, len)
    return Prepared(target.vm, target.vm.readFile(target.path))
}

@_cdecl("aos_fs_read")
package func fsRead(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        out.pointee = try Handles.publish(
            try read(try Handles.sidecar(sidecar), vm, path, len).wait(timeout)
        )
    }
}

@_cdecl("aos_fs_read_async")
package func fsReadAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try read(object, vm, path, len)
    } _: {
        .complete(block: $0)
    }
}

// MARK: write

private func write(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ data: UnsafeRawPointer?,
    _ dataLen: Int
) throws(ClientError) -> Prepared<Void> {
    let target = try target(object, vm, path, len)
    let given = try Arguments.bytes(data, dataLen, "data")
    try target.vm.checkSize(given.count, path: target.path)
    let content = FileBytes(given)
    return Prepared(target.vm, bytes: content.size, target.vm.writeFile(target.path, content))
}

@_cdecl("aos_fs_write")
package func fsWrite(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ data: UnsafeRawPointer?,
    _ dataLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        try write(try Handles.sidecar(sidecar), vm, path, len, data, dataLen).wait(timeout)
    }
}

@_cdecl("aos_fs_write_async")
package func fsWriteAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ data: UnsafeRawPointer?,
    _ dataLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try write(object, vm, path, len, data, dataLen)
    } _: { _ in
        .complete()
    }
}

// MARK: stat, read_dir

private enum Question { case stat, readDir }

private func ask(
    _ question: Question,
    _ object: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> Prepared<String> {
    let target = try target(object, vm, path, len)
    switch question {
    case .stat: return Prepared(target.vm, target.vm.statJSON(target.path))
    case .readDir: return Prepared(target.vm, target.vm.readDirJSON(target.path))
    }
}

@_cdecl("aos_fs_stat")
package func fsStat(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let prepared = try ask(.stat, try Handles.sidecar(sidecar), vm, path, len)
        out.pointee = try Handles.publish(text: try prepared.wait(timeout))
    }
}

@_cdecl("aos_fs_stat_async")
package func fsStatAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try ask(.stat, object, vm, path, len)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_fs_read_dir")
package func fsReadDir(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let prepared = try ask(.readDir, try Handles.sidecar(sidecar), vm, path, len)
        out.pointee = try Handles.publish(text: try prepared.wait(timeout))
    }
}

@_cdecl("aos_fs_read_dir_async")
package func fsReadDirAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try ask(.readDir, object, vm, path, len)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

// MARK: exists

private func exists(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> Prepared<Bool> {
    let target = try target(object, vm, path, len)
    return Prepared(target.vm, target.vm.exists(target.path))
}

@_cdecl("aos_fs_exists")
package func fsExists(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<Int32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "exists")
        out.pointee = try exists(try Handles.sidecar(sidecar), vm, path, len).wait(timeout) ? 1 : 0
    }
}

@_cdecl("aos_fs_exists_async")
package func fsExistsAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try exists(object, vm, path, len)
    } _: {
        .complete(value: $0 ? 1 : 0)
    }
}
