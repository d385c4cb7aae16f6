// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

@_cdecl("aos_sidecar_create")
package func sidecarCreate(
    _ options: UnsafePointer<CChar>?,
    _ len: Int,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        _ = Handles.forkPreparation
        let options = try SidecarOptions(document: try Arguments.optionalText(options, len, "options_json"))
        guard let key = Handles.sidecars.publish(SidecarObject(Sidecar.explicit(options), isShared: false))
        else {
            throw ClientError(.noMemory, "too many sidecar handles")
        }
        out.pointee = key
    }
}

@_cdecl("aos_sidecar_get_shared")
package func sidecarGetShared(
    _ pool: UnsafePointer<CChar>?,
    _ options: UnsafePointer<CChar>?,
    _ len: Int,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        _ = Handles.forkPreparation
        let pool = try Arguments.optionalText(pool, -1, "pool")
        let options = try SidecarOptions(document: try Arguments.optionalText(options, len, "options_json"))
        guard options.sidecarID == nil else {
            throw .invalid("sidecarId: a shared handle is named by its pool")
        }
        guard let key = SidecarObject.share(SidecarPool.current.handle(pool, options: options)) else {
            throw ClientError(.noMemory, "too many sidecar handles")
        }
        out.pointee = key
    }
}

@_cdecl("aos_sidecar_connect")
package func sidecarConnect(
    _ sidecar: OpaquePointer?,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        try BlockingCall.run(try Handles.sidecar(sidecar).client.connect, on: nil, timeout: timeout)
    }
}

@_cdecl("aos_sidecar_connect_async")
package func sidecarConnectAsync(
    _ sidecar: OpaquePointer?,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        Prepared(object, object.client.connect)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_sidecar_describe_json")
package func sidecarDescribeJSON(
    _ sidecar: OpaquePointer?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        guard sidecar != nil else { throw .invalid("sidecar: must not be NULL") }
        // Also in a forked child: nothing is locked for it.
        guard let object = Handles.sidecars.findImmutable(sidecar) else {
            throw ClientError(.stale, "sidecar: not a live handle")
        }
        out.pointee = try Handles.publish(text: object.client.describeJSON())
    }
}

@_cdecl("aos_sidecar_diagnostics_json")
package func sidecarDiagnosticsJSON(
    _ sidecar: OpaquePointer?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        out.pointee = try Handles.publish(text: try Handles.sidecar(sidecar).client.diagnosticsJSON())
    }
}

@_cdecl("aos_sidecar_dispose")
package func sidecarDispose(
    _ sidecar: OpaquePointer?,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let object = try Handles.sidecar(sidecar)
        try BlockingCall.refuseInside(object)
        try BlockingCall.run(object.client.dispose, on: nil, timeout: timeout, cancels: false)
    }
}

@_cdecl("aos_sidecar_dispose_async")
package func sidecarDisposeAsync(
    _ sidecar: OpaquePointer?,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        Prepared(object, object.client.dispose)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_sidecar_dispose_all_shared")
package func sidecarDisposeAllShared(_ timeout: UInt64, _ err: UnsafeMutablePointer<OpaquePointer?>?)
    -> aos_status
{
    boundary(err) { () throws(ClientError) in
        try BlockingCall.refuseInside(nil)
        try BlockingCall.run(SidecarPool.current.disposeAll, on: nil, timeout: timeout, cancels: false)
    }
}

@_cdecl("aos_sidecar_subscribe")
package func sidecarSubscribe(
    _ sidecar: OpaquePointer?,
    _ kinds: UInt32,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
        let known: UInt32 = 1 << AOS_EV_PROCESS_LOST | 1 << AOS_EV_CLOSED
        guard kinds & ~known == 0 else {
            throw .invalid("kinds: unknown bits 0x\(String(kinds & ~known, radix: 16))")
        }
        let operation = try Operation.accept(submission, object, nil)
        return (
            operation, { Subscription.begin(operation, wantsLoss: kinds & 1 << AOS_EV_PROCESS_LOST != 0) }
        )
    }
}

@_cdecl("aos_sidecar_retain")
package func sidecarRetain(_ sidecar: OpaquePointer?) -> OpaquePointer? {
    Handles.sidecars.retain(sidecar) ? sidecar : nil
}

@_cdecl("aos_sidecar_release")
package func sidecarRelease(_ sidecar: OpaquePointer?) { Handles.sidecars.release(sidecar)?.released() }
