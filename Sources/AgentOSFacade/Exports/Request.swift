// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

private func request(
    _ object: SidecarObject,
    _ scope: aos_id,
    _ request: UnsafePointer<CChar>?,
    _ len: Int
) throws(ClientError) -> Prepared<String> {
    let vm = try Identifiers.vm(scope, of: object)
    let document = try Arguments.text(request, len, "request_json")
    return Prepared(vm, bytes: document.utf8.count, try vm.requestJSON(document))
}

@_cdecl("aos_request_json")
package func requestJSON(
    _ sidecar: OpaquePointer?,
    _ scope: aos_id,
    _ requestJSON: UnsafePointer<CChar>?,
    _ len: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let prepared = try request(try Handles.sidecar(sidecar), scope, requestJSON, len)
        let text = try BlockingCall.run(
            prepared.steps,
            on: prepared.connection,
            bytes: prepared.bytes,
            timeout: timeout
        )
        out.pointee = try Handles.publish(text: text)
    }
}

@_cdecl("aos_request_json_async")
package func requestJSONAsync(
    _ sidecar: OpaquePointer?,
    _ scope: aos_id,
    _ requestJSON: UnsafePointer<CChar>?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try request(object, scope, requestJSON, len)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}
