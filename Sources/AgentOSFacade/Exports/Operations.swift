// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

private let largestWait: UInt32 = 65_536

/// An operation that is waited for, not one that reports by itself.
private func waited(_ id: aos_id, _ sidecar: SidecarObject) throws(ClientError) -> Operation {
    let operation = try Identifiers.operation(id, of: sidecar)
    guard case .wait = operation.delivery else {
        throw .invalid("op: operation \(id) was not submitted with AOS_DELIVER_WAIT")
    }
    return operation
}

@_cdecl("aos_op_wait")
package func opWait(
    _ sidecar: OpaquePointer?,
    _ ops: UnsafePointer<aos_id>?,
    _ count: UInt32,
    _ timeout: UInt64,
    _ indexOut: UnsafeMutablePointer<UInt32>?
) -> aos_status {
    var isOver = false
    let status = boundary { () throws(ClientError) in
        let sidecar = try Handles.sidecar(sidecar)
        guard let ops, count > 0, count <= largestWait else {
            throw .invalid("ops: expected 1 to \(largestWait) operations")
        }
        var operations: [Operation] = []
        for index in 0..<Int(count) { operations.append(try waited(ops[index], sidecar)) }
        let word = WakeWord()
        let deadline = BlockingCall.deadline(timeout)
        var ready: Int?
        for (index, operation) in operations.enumerated() where ready == nil {
            if operation.register(word) { ready = index }
        }
        if ready == nil { isOver = !Operation.sleep(word, for: operations, until: deadline) }
        for operation in operations { operation.unregister(word) }
        ready = nil
        for (index, operation) in operations.enumerated() where ready == nil {
            if try operation.hasEvent() { ready = index }
        }
        if let ready {
            isOver = false
            indexOut?.pointee = UInt32(ready)
        }
    }
    return status == Status.ok && isOver ? Status.timeout : status
}

@_cdecl("aos_op_take")
package func opTake(
    _ sidecar: OpaquePointer?,
    _ op: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<aos_event>?
) -> aos_status {
    var isOver = false
    let status = boundary { () throws(ClientError) in
        let operation = try waited(op, try Handles.sidecar(sidecar))
        let out = try Arguments.required(out, "out")
        guard out.pointee.struct_size >= UInt32(MemoryLayout<aos_event>.size) else {
            throw .invalid(
                "out.struct_size: expected \(MemoryLayout<aos_event>.size) or more, found \(out.pointee.struct_size)"
            )
        }
        let deadline = BlockingCall.deadline(timeout)
        while true {
            if let record = try operation.take() {
                out.pointee = record.event(of: operation)
                return
            }
            let word = WakeWord()
            if operation.register(word) { continue }
            let isAwake = Operation.sleep(word, for: [operation], until: deadline)
            operation.unregister(word)
            if !isAwake, !(try operation.hasEvent()) {
                isOver = true
                return
            }
        }
    }
    return status == Status.ok && isOver ? Status.timeout : status
}

@_cdecl("aos_op_cancel")
package func opCancel(_ sidecar: OpaquePointer?, _ op: aos_id) -> aos_status {
    boundary { () throws(ClientError) in
        try Identifiers.operation(op, of: try Handles.sidecar(sidecar)).cancel()
    }
}
