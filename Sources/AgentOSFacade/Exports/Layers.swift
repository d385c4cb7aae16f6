// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

@_cdecl("aos_layer_create")
package func layerCreate(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "layer")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Roots.layer(vm, object) { $0.createLayer }
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_layer_create_async")
package func layerCreateAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.layer(vm, object) { $0.createLayer }
    } _: { id in
        .complete(value: Int64(id), object: id)
    }
}

@_cdecl("aos_layer_import")
package func layerImport(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ export: UnsafePointer<CChar>?,
    _ exportLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "layer")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Roots.imported(vm, object, (export, exportLen))
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_layer_import_async")
package func layerImportAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ export: UnsafePointer<CChar>?,
    _ exportLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.imported(vm, object, (export, exportLen))
    } _: { id in
        .complete(value: Int64(id), object: id)
    }
}

@_cdecl("aos_layer_seal")
package func layerSeal(
    _ sidecar: OpaquePointer?,
    _ layer: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "sealed")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Roots.seal(layer, object)
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_layer_seal_async")
package func layerSealAsync(
    _ sidecar: OpaquePointer?,
    _ layer: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.seal(layer, object)
    } _: { id in
        .complete(value: Int64(id), object: id)
    }
}

@_cdecl("aos_layer_export")
package func layerExport(
    _ sidecar: OpaquePointer?,
    _ layer: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Roots.exported(layer, object)
    }
}

@_cdecl("aos_layer_export_async")
package func layerExportAsync(
    _ sidecar: OpaquePointer?,
    _ layer: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.exported(layer, object)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_layer_overlay")
package func layerOverlay(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ flags: UInt32,
    _ upper: aos_id,
    _ lowers: UnsafePointer<aos_id>?,
    _ count: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "layer")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Roots.overlay(vm, object, flags, upper, lowers, count)
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_layer_overlay_async")
package func layerOverlayAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ flags: UInt32,
    _ upper: aos_id,
    _ lowers: UnsafePointer<aos_id>?,
    _ count: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.overlay(vm, object, flags, upper, lowers, count)
    } _: { id in
        .complete(value: Int64(id), object: id)
    }
}
