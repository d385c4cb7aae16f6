// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

@_cdecl("aos_vm_snapshot")
package func vmSnapshot(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Roots.snapshot(vm, object)
    }
}

@_cdecl("aos_vm_snapshot_async")
package func vmSnapshotAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.snapshot(vm, object)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_vm_bootstrap")
package func vmBootstrap(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ export: UnsafePointer<CChar>?,
    _ exportLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<Int32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "count")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Roots.bootstrap(vm, object, (export, exportLen))
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_vm_bootstrap_async")
package func vmBootstrapAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ export: UnsafePointer<CChar>?,
    _ exportLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Roots.bootstrap(vm, object, (export, exportLen))
    } _: {
        .complete(value: Int64($0))
    }
}
