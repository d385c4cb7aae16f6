// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// One event on its way to a host, before it has handles.
struct EventRecord: Sendable {
    let kind: UInt32
    var object: UInt64 = 0
    var value: Int64 = 0
    var flags: UInt32 = 0
    var block: ByteBlock?
    var credit: Credit?
    var error: ErrorObject?
    /// Set when the operation takes it: 1, 2, 3 ...
    var sequence: UInt64 = 0
    var isLast: Bool = false

    init(_ kind: UInt32) { self.kind = kind }

    static func complete(value: Int64 = 0, object: UInt64 = 0) -> EventRecord {
        var record = EventRecord(AOS_EV_COMPLETE)
        record.value = value
        record.object = object
        return record
    }

    static func complete(block: ByteBlock?, isJSON: Bool = false) -> EventRecord {
        guard let block else { return failed(ClientError(.noMemory, "out of memory")) }
        var record = EventRecord(AOS_EV_COMPLETE)
        record.block = block
        if isJSON { record.flags = AOS_EVF_JSON }
        return record
    }

    static func failed(_ error: ClientError) -> EventRecord {
        var record = EventRecord(AOS_EV_COMPLETE)
        record.error = ErrorObject(error)
        return record
    }

    /// The event with handles of its own, which `EventHandles.release` or the host ends.
    func event(of operation: Operation) -> aos_event {
        var event = aos_event()
        event.struct_size = UInt32(MemoryLayout<aos_event>.size)
        event.kind = kind
        event.op = operation.id
        event.object = object == 0 ? operation.object : object
        event.tag = operation.tag
        event.seq = sequence
        event.value = value
        event.flags = flags
        if let error {
            event.status = error.status
            event.error = Handles.errors.publish(error)
        }
        if let block, let key = Handles.bytes.publish(BytesObject(block, credit)) {
            event.bytes = key
            event.data = block.bytes.baseAddress
            event.data_len = UInt64(block.count)
        }
        return event
    }
}

enum EventHandles {
    /// Ends what an event holds; the fields become NULL, so that a second time does nothing.
    static func release(_ event: inout aos_event) {
        if let bytes = event.bytes {
            // Not in a forked child: the credit is the parent's, and so is the queue that it would wake.
            if case .object(let object) = Handles.bytes.find(bytes) { object.credit?.giveBack() }
            _ = Handles.bytes.release(bytes)
        }
        if let error = event.error { _ = Handles.errors.release(error) }
        event.bytes = nil
        event.error = nil
        event.data = nil
        event.data_len = 0
    }
}
