// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
package import CAgentOS

/// A sidecar handle in a test: blocking calls with a limit, errors thrown, disposed and released at its end.
///
/// `@unchecked Sendable`: the C interface is for any thread, and the key never changes.
package final class HostSidecar: @unchecked Sendable {
    package let handle: OpaquePointer?
    package static let limit: UInt64 = 30 * second
    /// The peer that plays the sidecar: its log goes when nothing can write it any more.
    package let peer: ScriptedPeer?

    package init(handle: OpaquePointer?, peer: ScriptedPeer? = nil) {
        self.handle = handle
        self.peer = peer
    }

    package convenience init(options: JSONValue, peer: ScriptedPeer? = nil) throws {
        var handle: OpaquePointer?
        let text = JSONWriter.text(options)
        try check { aos_sidecar_create(text, text.utf8.count, &handle, $0) }
        self.init(handle: handle, peer: peer)
    }

    package static func shared(_ pool: String?, options: JSONValue? = nil) throws -> HostSidecar {
        var handle: OpaquePointer?
        let text = options.map { JSONWriter.text($0) }
        try check { aos_sidecar_get_shared(pool, text, text?.utf8.count ?? 0, &handle, $0) }
        return HostSidecar(handle: handle)
    }

    deinit {
        _ = aos_sidecar_dispose(handle, Self.limit, nil)
        aos_sidecar_release(handle)
    }

    package func describe() throws -> String {
        var out: OpaquePointer?
        try check { aos_sidecar_describe_json(handle, &out, $0) }
        return takeText(out)
    }

    package func diagnostics() throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_sidecar_diagnostics_json(handle, &out, $0) }
        return try takeJSON(out)
    }

    /// Of the process that serves the handle now.
    package var processID: Int32? { (try? diagnostics())?["processId"]?.integerValue.map { Int32($0) } }
    package var vmCount: Int64? { (try? JSONReader.parse(describe()))?["activeVmCount"]?.integerValue }
    package var state: String? { (try? JSONReader.parse(describe()))?["state"]?.stringValue }

    package func connect(limit: UInt64 = HostSidecar.limit) throws {
        try check { aos_sidecar_connect(handle, limit, $0) }
    }

    package func dispose(limit: UInt64 = HostSidecar.limit) throws {
        try check { aos_sidecar_dispose(handle, limit, $0) }
    }

    package func createVM(_ config: JSONValue? = nil, limit: UInt64 = HostSidecar.limit) throws -> HostVM {
        var id: aos_id = 0
        let text = config.map { JSONWriter.text($0) }
        try check { aos_vm_create(handle, text, text?.utf8.count ?? 0, limit, &id, $0) }
        return HostVM(self, id)
    }

    /// Submits an asynchronous call with AOS_DELIVER_WAIT.
    package func submit(
        _ body: (UnsafeMutablePointer<aos_id>, UnsafeMutablePointer<OpaquePointer?>) -> aos_status
    ) throws -> aos_id {
        var op: aos_id = 0
        try check { body(&op, $0) }
        return op
    }

    /// The next event of such a call; nil when the time was over.
    package func take(_ op: aos_id, limit: UInt64 = HostSidecar.limit) throws -> HostEvent? {
        var event = aos_event()
        event.struct_size = UInt32(MemoryLayout<aos_event>.size)
        let status = aos_op_take(handle, op, limit, &event)
        if status == AOS_E_TIMEOUT { return nil }
        guard status == AOS_OK else { throw HostError(status, nil) }
        return HostEvent(&event)
    }

    /// All events of such a call, up to the last.
    package func events(of op: aos_id, limit: UInt64 = HostSidecar.limit) throws -> [HostEvent] {
        var events: [HostEvent] = []
        while true {
            guard let event = try take(op, limit: limit) else {
                throw HostError(aos_status(AOS_E_TIMEOUT), nil)
            }
            events.append(event)
            if event.isLast { return events }
        }
    }
}

/// An event with its content copied out; the original is released.
package struct HostEvent: Sendable {
    package let kind: UInt32
    package let op: aos_id
    package let object: aos_id
    package let tag: UInt64
    package let sequence: UInt64
    package let value: Int64
    package let status: Int32
    package let flags: UInt32
    package let data: [UInt8]
    package let error: HostError?

    /// Copies the event and releases it.
    package init(_ event: inout aos_event) {
        kind = event.kind
        op = event.op
        object = event.object
        tag = event.tag
        sequence = event.seq
        value = event.value
        status = event.status
        flags = event.flags
        data = [UInt8](UnsafeRawBufferPointer(start: event.data, count: Int(event.data_len)))
        let borrowed = event.error
        if borrowed != nil {
            error = HostError(copying: event.status, borrowed)
        } else {
            error = nil
        }
        aos_event_release(&event, 1, 0)
    }

    package var isLast: Bool { kind == AOS_EV_COMPLETE || kind == AOS_EV_CLOSED }
    package var text: String { String(decoding: data, as: UTF8.self) }
}
