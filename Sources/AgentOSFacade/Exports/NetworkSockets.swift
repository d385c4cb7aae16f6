// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// What the exports below look for.
private enum Sockets {
    typealias Document = (text: UnsafePointer<CChar>?, len: Int)

    static func find(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ document: Document,
        listener: Bool
    ) throws(ClientError) -> Prepared<String> {
        let vm = try Identifiers.vm(vm, of: object)
        let query = try query(document, forListener: listener)
        return Prepared(vm, listener ? vm.findListenerJSON(query) : vm.findBoundUDPJSON(query))
    }

    static func wait(
        _ vm: aos_id,
        _ object: SidecarObject,
        _ document: Document,
        _ process: aos_id
    ) throws(ClientError) -> Prepared<String> {
        let vm = try Identifiers.vm(vm, of: object)
        let query = try query(document, forListener: true)
        let record =
            process == 0 ? nil : try Identifiers.knownProcess(process, of: object).process
        return Prepared(vm, vm.waitForListenerJSON(query, process: record))
    }

    private static func query(_ document: Document, forListener: Bool) throws(ClientError) -> SocketQuery {
        let text = try Arguments.optionalText(document.text, document.len, "query_json")
        return try SocketQuery(document: text, forListener: forListener)
    }
}

@_cdecl("aos_net_find_listener")
package func netFindListener(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ query: UnsafePointer<CChar>?,
    _ queryLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Sockets.find(vm, object, (query, queryLen), listener: true)
    }
}

@_cdecl("aos_net_find_listener_async")
package func netFindListenerAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ query: UnsafePointer<CChar>?,
    _ queryLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Sockets.find(vm, object, (query, queryLen), listener: true)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_net_find_udp")
package func netFindUDP(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ query: UnsafePointer<CChar>?,
    _ queryLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Sockets.find(vm, object, (query, queryLen), listener: false)
    }
}

@_cdecl("aos_net_find_udp_async")
package func netFindUDPAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ query: UnsafePointer<CChar>?,
    _ queryLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Sockets.find(vm, object, (query, queryLen), listener: false)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_net_wait_listener")
package func netWaitListener(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ query: UnsafePointer<CChar>?,
    _ queryLen: Int,
    _ process: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Sockets.wait(vm, object, (query, queryLen), process)
    }
}

@_cdecl("aos_net_wait_listener_async")
package func netWaitListenerAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ query: UnsafePointer<CChar>?,
    _ queryLen: Int,
    _ process: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Sockets.wait(vm, object, (query, queryLen), process)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}
