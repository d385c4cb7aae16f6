// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// What the exports below move.
private enum Transfers {
    typealias Text = (text: UnsafePointer<CChar>?, len: Int)

    static func upload(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ hostPath: Text,
        _ guestPath: Text,
        _ options: Text,
        _ meter: ProgressMeter
    ) throws(ClientError) -> Prepared<String> {
        let given = try given(vm, object, hostPath, guestPath, options)
        return Prepared(given.vm, given.vm.upload(given.host, to: given.guest, given.options, meter))
    }

    static func download(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ guestPath: Text,
        _ hostPath: Text,
        _ options: Text,
        _ meter: ProgressMeter
    ) throws(ClientError) -> Prepared<String> {
        let given = try given(vm, object, hostPath, guestPath, options)
        return Prepared(given.vm, given.vm.download(given.guest, to: given.host, given.options, meter))
    }

    private static func given(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ hostPath: Text,
        _ guestPath: Text,
        _ options: Text
    ) throws(ClientError) -> (vm: VM, host: String, guest: String, options: TransferOptions) {
        let vm = try Identifiers.vm(vm, of: object)
        try vm.check()
        return (
            vm, try Arguments.text(hostPath.text, hostPath.len, "host_path"),
            try Arguments.text(guestPath.text, guestPath.len, "guest_path"),
            try TransferOptions(
                document: try Arguments.optionalText(options.text, options.len, "options_json")
            )
        )
    }

    static func read(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ path: Text,
        _ limit: UInt64
    ) throws(ClientError) -> Prepared<ByteBlock> {
        try PathCalls.one(object, vm, path.text, path.len) { vm, path throws(ClientError) in
            try vm.check()
            return vm.readLargeFile(path, limit: Int(clamping: limit))
        }
    }

    static func write(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ path: Text,
        _ data: (bytes: UnsafeRawPointer?, len: Int),
        _ meter: ProgressMeter
    ) throws(ClientError) -> Prepared<Void> {
        let bytes = try Arguments.bytes(data.bytes, data.len, "data")
        guard let content = ByteBlock.copy(bytes) else { throw ClientError(.noMemory, "out of memory") }
        return try PathCalls.one(object, vm, path.text, path.len) { vm, path throws(ClientError) in
            try vm.check()
            return vm.writeLargeFile(path, content, meter)
        }
    }
}

@_cdecl("aos_fs_upload")
package func fsUpload(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ hostPath: UnsafePointer<CChar>?,
    _ hostPathLen: Int,
    _ guestPath: UnsafePointer<CChar>?,
    _ guestPathLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Transfers.upload(
            vm,
            object,
            (hostPath, hostPathLen),
            (guestPath, guestPathLen),
            (options, optionsLen),
            ProgressMeter()
        )
    }
}

@_cdecl("aos_fs_upload_async")
package func fsUploadAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ hostPath: UnsafePointer<CChar>?,
    _ hostPathLen: Int,
    _ guestPath: UnsafePointer<CChar>?,
    _ guestPathLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try Transfers.upload(
            vm,
            object,
            (hostPath, hostPathLen),
            (guestPath, guestPathLen),
            (options, optionsLen),
            events.meter
        )
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_fs_download")
package func fsDownload(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ guestPath: UnsafePointer<CChar>?,
    _ guestPathLen: Int,
    _ hostPath: UnsafePointer<CChar>?,
    _ hostPathLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Transfers.download(
            vm,
            object,
            (guestPath, guestPathLen),
            (hostPath, hostPathLen),
            (options, optionsLen),
            ProgressMeter()
        )
    }
}

@_cdecl("aos_fs_download_async")
package func fsDownloadAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ guestPath: UnsafePointer<CChar>?,
    _ guestPathLen: Int,
    _ hostPath: UnsafePointer<CChar>?,
    _ hostPathLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try Transfers.download(
            vm,
            object,
            (guestPath, guestPathLen),
            (hostPath, hostPathLen),
            (options, optionsLen),
            events.meter
        )
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_fs_read_large")
package func fsReadLarge(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ limit: UInt64,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Transfers.read(vm, object, (path, len), limit)
        out.pointee = try Handles.publish(try prepared.wait(timeout))
    }
}

@_cdecl("aos_fs_read_large_async")
package func fsReadLargeAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ limit: UInt64,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Transfers.read(vm, object, (path, len), limit)
    } _: {
        .complete(block: $0)
    }
}

@_cdecl("aos_fs_write_large")
package func fsWriteLarge(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ data: UnsafeRawPointer?,
    _ dataLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try Transfers.write(vm, object, (path, len), (data, dataLen), ProgressMeter())
    }
}

@_cdecl("aos_fs_write_large_async")
package func fsWriteLargeAsync(
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
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try Transfers.write(vm, object, (path, len), (data, dataLen), events.meter)
    } _: { _ in
        .complete()
    }
}
