// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// A VM and the id by which the host will know it.
private func creation(
    _ object: SidecarObject,
    _ config: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> Steps<UInt64> {
    let document = try Arguments.optionalText(config, len, "config_json")
    let client = object.client
    let configuration = try VMConfiguration(document: document, host: client.options.hostView)
    try configuration.checkSizes(limit: VMConfiguration.assumedLimit)
    return client.createVM(configuration).then { vm in
        guard let id = Identifiers.current.vms.add(VMObject(vm, object)) else {
            return vm.shutdown.map { () throws(ClientError) in throw ClientError(.noMemory, "too many VMs") }
        }
        // However it ends: its own shutdown, or the disposal of its sidecar.
        vm.shutDown.whenSet { Identifiers.current.vms.remove(id) }
        return .done(id)
    }
}

@_cdecl("aos_vm_create")
package func vmCreate(
    _ sidecar: OpaquePointer?,
    _ config: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ vm: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(vm, "vm")
        let object = try Handles.sidecar(sidecar)
        let steps = try creation(object, config, len)
        out.pointee = try BlockingCall.run(steps, on: object.client.currentConnection, timeout: timeout)
    }
}

@_cdecl("aos_vm_create_async")
package func vmCreateAsync(
    _ sidecar: OpaquePointer?,
    _ config: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        Prepared(object, try creation(object, config, len))
    } _: { id in
        .complete(value: Int64(id), object: id)
    }
}

private func configuration(
    _ object: SidecarObject,
    _ id: aos_id,
    _ config: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> Prepared<Void> {
    let vm = try Identifiers.vm(id, of: object)
    let document = try Arguments.optionalText(config, len, "config_json")
    let configuration = try VMConfiguration(
        document: document,
        host: object.client.options.hostView,
        for: .reconfiguration(ofReadOnlyRoot: vm.hasReadOnlyRoot)
    )
    return Prepared(vm, try vm.reconfigure(configuration))
}

@_cdecl("aos_vm_configure")
package func vmConfigure(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ config: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let prepared = try configuration(try Handles.sidecar(sidecar), vm, config, len)
        try prepared.wait(timeout)
    }
}

@_cdecl("aos_vm_configure_async")
package func vmConfigureAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ config: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try configuration(object, vm, config, len)
    } _: { _ in
        .complete(object: vm)
    }
}

/// A second shutdown succeeds: the id is forgotten then.
private func shutdown(_ object: SidecarObject, _ id: aos_id) throws(ClientError) -> Steps<Void> {
    let vm: VM
    do throws(ClientError) { vm = try Identifiers.vm(id, of: object) } catch {
        guard error.kind == .disposed else { throw error }
        return .done(())
    }
    return vm.shutdown
}

@_cdecl("aos_vm_shutdown")
package func vmShutdown(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let object = try Handles.sidecar(sidecar)
        let steps = try shutdown(object, vm)
        try BlockingCall.refuseInside(object)
        try BlockingCall.run(steps, on: object.client.currentConnection, timeout: timeout, cancels: false)
    }
}

@_cdecl("aos_vm_shutdown_async")
package func vmShutdownAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        Prepared(object, try shutdown(object, vm))
    } _: { _ in
        .complete(object: vm)
    }
}
