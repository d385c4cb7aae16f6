// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

private func fetch(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ port: UInt32,
    _ request: (text: UnsafePointer<CChar>?, len: Int),
    _ body: (data: UnsafeRawPointer?, len: Int)
) throws(ClientError) -> Prepared<FetchResponse> {
    let vm = try Identifiers.vm(vm, of: object)
    let bytes = try Arguments.bytes(body.data, body.len, "body")
    let request = try FetchRequest(
        port: port,
        document: try Arguments.optionalText(request.text, request.len, "request_json"),
        body: body.data == nil ? nil : bytes
    )
    return Prepared(vm, bytes: bytes.count, try vm.fetch(request))
}

@_cdecl("aos_net_fetch")
package func netFetch(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ port: UInt32,
    _ request: UnsafePointer<CChar>?,
    _ requestLen: Int,
    _ body: UnsafeRawPointer?,
    _ bodyLen: Int,
    _ timeout: UInt64,
    _ status: UnsafeMutablePointer<Int32>?,
    _ head: UnsafeMutablePointer<OpaquePointer?>?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let object = try Handles.sidecar(sidecar)
        let response = try fetch(object, vm, port, (request, requestLen), (body, bodyLen)).wait(timeout)
        let headKey = head == nil ? nil : try Handles.publish(text: response.headJSON)
        if let out {
            do throws(ClientError) { out.pointee = try Handles.publish(response.body) } catch {
                _ = Handles.bytes.release(headKey)
                throw error
            }
        }
        head?.pointee = headKey
        status?.pointee = Int32(response.status)
    }
}

@_cdecl("aos_net_fetch_async")
package func netFetchAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ port: UInt32,
    _ request: UnsafePointer<CChar>?,
    _ requestLen: Int,
    _ body: UnsafeRawPointer?,
    _ bodyLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        let prepared = try fetch(object, vm, port, (request, requestLen), (body, bodyLen))
        return prepared.map { response in
            events.data(response.body)
            return response
        }
    } _: { response in
        var record = EventRecord.complete(block: ByteBlock.text(response.headJSON), isJSON: true)
        record.value = Int64(response.status)
        return record
    }
}
