// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
package import CAgentOS

/// What a program in a VM answered to a fetch.
package struct HostResponse: Sendable {
    package let status: Int32
    /// Everything but the body.
    package let head: JSONValue
    package let body: [UInt8]
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The values of a header, in order.
    package func values(of name: String) -> [String] {
        guard case .array(let pairs)? = head["headers"] else { return [] }
        return pairs.compactMap { pair in
            guard case .array(let parts) = pair, parts.count == 2, parts[0].stringValue == name else {
                return nil
            }
            return parts[1].stringValue
        }
    }
}

/// The functions on the network of a VM.
extension HostVM {
    /// `body` is NULL where it is nil, and not where it is empty.
    package func fetch(
        _ port: UInt32,
        _ request: JSONValue? = nil,
        body: [UInt8]? = nil,
        limit: UInt64 = HostSidecar.limit
    ) throws -> HostResponse {
        let document = request.map { JSONWriter.text($0) }
        var status: Int32 = 0
        var head: OpaquePointer?
        var out: OpaquePointer?
        try withBody(body) { data, count in
            try check {
                aos_net_fetch(
                    sidecar.handle,
                    id,
                    port,
                    document,
                    document?.utf8.count ?? 0,
                    data,
                    count,
                    limit,
                    &status,
                    &head,
                    &out,
                    $0
                )
            }
        }
        let bytes = takeBytes(out)
        return HostResponse(status: status, head: try takeJSON(head), body: bytes)
    }

    /// The same, asynchronous, with AOS_DELIVER_WAIT.
    package func submitFetch(_ port: UInt32, _ request: JSONValue? = nil, body: [UInt8]? = nil) throws
        -> aos_id
    {
        let document = request.map { JSONWriter.text($0) }
        var op: aos_id = 0
        try withBody(body) { data, count in
            try check {
                aos_net_fetch_async(
                    sidecar.handle,
                    id,
                    port,
                    document,
                    document?.utf8.count ?? 0,
                    data,
                    count,
                    nil,
                    &op,
                    $0
                )
            }
        }
        return op
    }

    private func withBody(_ body: [UInt8]?, _ run: (UnsafeRawPointer?, Int) throws -> Void) throws {
        guard let body else { return try run(nil, 0) }
        // One byte more than is told of, for an empty array need not have an address.
        try (body + [0]).withUnsafeBytes { try run($0.baseAddress, body.count) }
    }

    private typealias Find = (
        OpaquePointer?, aos_id, UnsafePointer<CChar>?, Int, UInt64, UnsafeMutablePointer<OpaquePointer?>?,
        UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    private func find(_ function: Find, _ query: JSONValue?) throws -> JSONValue {
        let document = query.map { JSONWriter.text($0) }
        var out: OpaquePointer?
        try check {
            function(
                sidecar.handle,
                id,
                document,
                document?.utf8.count ?? 0,
                HostSidecar.limit,
                &out,
                $0
            )
        }
        return try takeJSON(out)
    }

    package func findListener(_ query: JSONValue? = nil) throws -> JSONValue {
        try find(aos_net_find_listener, query)
    }

    package func findUDP(_ query: JSONValue? = nil) throws -> JSONValue { try find(aos_net_find_udp, query) }

    package func waitForListener(
        _ query: JSONValue? = nil,
        process: aos_id = 0,
        limit: UInt64 = HostSidecar.limit
    ) throws -> JSONValue {
        let document = query.map { JSONWriter.text($0) }
        var out: OpaquePointer?
        try check {
            aos_net_wait_listener(
                sidecar.handle,
                id,
                document,
                document?.utf8.count ?? 0,
                process,
                limit,
                &out,
                $0
            )
        }
        return try takeJSON(out)
    }

    /// The same, asynchronous, with AOS_DELIVER_WAIT.
    package func submitWaitForListener(_ query: JSONValue, process: aos_id = 0) throws -> aos_id {
        let document = JSONWriter.text(query)
        return try sidecar.submit { op, error in
            aos_net_wait_listener_async(
                sidecar.handle,
                id,
                document,
                document.utf8.count,
                process,
                nil,
                op,
                error
            )
        }
    }
}
