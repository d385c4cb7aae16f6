// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS
internal import CAgentOSShims

private let eventSize = MemoryLayout<aos_event>.size

/// Bytes from one event to the next, checked.
private func checkedStride(_ stride: UInt32) throws(ClientError) -> Int {
    guard stride == 0 || Int(stride) >= eventSize else {
        throw .invalid("stride: at least \(eventSize), found \(stride)")
    }
    return stride == 0 ? eventSize : Int(stride)
}

@_cdecl("aos_event_release")
package func eventRelease(_ events: UnsafeMutablePointer<aos_event>?, _ count: UInt32, _ stride: UInt32) {
    guard let events, let stride = try? checkedStride(stride) else { return }
    for index in 0..<Int(count) {
        let address = UnsafeMutableRawPointer(events) + index * stride
        EventHandles.release(&address.assumingMemoryBound(to: aos_event.self).pointee)
    }
}

@_cdecl("aos_queue_create")
package func queueCreate(
    _ capacity: UInt32,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        _ = Handles.forkPreparation
        let queue = try EventQueue(capacity: capacity)
        guard let key = Handles.queues.publish(queue) else { throw ClientError(.noMemory, "too many queues") }
        queue.setKey(key)
        out.pointee = key
    }
}

@_cdecl("aos_queue_fd")
package func queueFD(_ queue: OpaquePointer?) -> Int32 { (try? Handles.queue(queue))?.descriptor ?? -1 }

@_cdecl("aos_queue_drain")
package func queueDrain(
    _ queue: OpaquePointer?,
    _ out: UnsafeMutablePointer<aos_event>?,
    _ cap: UInt32,
    _ stride: UInt32,
    _ timeout: UInt64
) -> Int32 {
    var count: Int32 = 0
    let status = boundary { () throws(ClientError) in
        let queue = try Handles.queue(queue)
        let stride = try checkedStride(stride)
        guard cap > 0 else { return }
        let out = UnsafeMutableRawPointer(try Arguments.required(out, "out"))
        if timeout == 0 { queue.polled() }
        let items = queue.drain(upTo: Int(min(cap, UInt32(Int32.max))), until: BlockingCall.deadline(timeout))
        for (index, item) in items.enumerated() {
            (out + index * stride).storeBytes(of: item.record.event(of: item.operation), as: aos_event.self)
        }
        count = Int32(items.count)
    }
    return status == Status.ok ? count : status
}

@_cdecl("aos_queue_dispatch")
package func queueDispatch(_ queue: OpaquePointer?, _ max: UInt32, _ timeout: UInt64) -> Int32 {
    var count: Int32 = 0
    let status = boundary { () throws(ClientError) in
        let queue = try Handles.queue(queue)
        if timeout == 0 { queue.polled() }
        let limit = max == 0 ? Int(Int32.max) : Int(min(max, UInt32(Int32.max)))
        guard let done = queue.dispatch(upTo: limit, until: BlockingCall.deadline(timeout)) else {
            throw ClientError(.deadlock, "aos_queue_dispatch inside a call of the same queue")
        }
        count = Int32(done)
    }
    return status == Status.ok ? count : status
}

/// No lock and no allocation: the key of the queue is found in a table in C.
@_cdecl("aos_queue_wake")
package func queueWake(_ queue: OpaquePointer?) { aos_shim_doorbell_wake(UInt64(UInt(bitPattern: queue))) }

@_cdecl("aos_queue_release")
package func queueRelease(_ queue: OpaquePointer?) { Handles.queues.release(queue)?.close() }
