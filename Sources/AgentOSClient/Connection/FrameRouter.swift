// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Whom an event or a callback concerns. Filled before the request that makes them possible is written.
final class FrameRouter: Sendable {
    private struct State: Sendable {
        var vms: [ByteKey: VMRecord] = [:]
        var openCallbacks: Set<Int64> = []
        var failure: ClientError?
    }

    private let state: Lock<State> = Lock(State())

    var hasOpenCallbacks: Bool { state.withLock { !$0.openCallbacks.isEmpty } }

    /// The record of a VM; made at the first sight of it, be it an answer or an event.
    func record(of vmID: String) -> VMRecord {
        let (record, failure) = state.withLock { state in
            if let record = state.vms[ByteKey(vmID)] { return (record, ClientError?.none) }
            let record = VMRecord(vmID: vmID)
            state.vms[ByteKey(vmID)] = record
            return (record, state.failure)
        }
        if let failure { record.connectionFailed(failure) }
        return record
    }

    func remove(_ vmID: String) { state.withLock { _ = $0.vms.removeValue(forKey: ByteKey(vmID)) } }

    /// False when nobody is concerned.
    func route(_ event: EventBody, _ ownership: OwnershipScope, connectionID: String) -> Bool {
        guard case .vm(let owner) = ownership, owner.connectionId.hasSameBytes(as: connectionID) else {
            return false
        }
        switch event {
        case .payload(.vmLifecycle(let event)):
            // What is known to end, or was never seen to begin, gets no record any more.
            let isBeginning = event.state == .creating || event.state == .ready
            guard let record = isBeginning ? record(of: owner.vmId) : known(owner.vmId) else { return false }
            record.changed(to: event.state)
            return true
        case .output(let processID, let channel, let block):
            return known(owner.vmId)?.output(
                processID,
                channel == .stderr ? .standardError : .standardOutput,
                block
            ) ?? false
        case .payload(.processExited(let event)):
            return known(owner.vmId)?.exited(event.processId, event.exitCode) ?? false
        case .payload(.processOutput), .payload(.structured): return false
        }
    }

    private func known(_ vmID: String) -> VMRecord? { state.withLock { $0.vms[ByteKey(vmID)] } }

    /// Answers at once: no class of callback has a handler in this version of the library (transport.md
    /// 8.4.4).
    func route(
        callback id: Int64,
        _ ownership: OwnershipScope,
        _ payload: SidecarRequestPayload,
        on connection: Connection
    ) {
        let error = "no sidecar request handler registered for \(payload.typeName)"
        let answer: SidecarResponsePayload =
            switch payload {
            case .toolInvocation(let call):
                .toolInvocationResult(.init(invocationId: call.invocationId, error: error))
            case .permissionRequest(let call):
                .permissionRequestResult(.init(permissionId: call.permissionId, error: error))
            case .acpRequest: .acpRequestResult(.init(error: error))
            case .jsBridgeCall(let call): .jsBridgeResult(.init(callId: call.callId, error: error))
            }
        let frame = SidecarResponseFrame(
            schema: Dialect.schema,
            requestId: id,
            ownership: ownership,
            payload: answer
        )
        guard let bytes = try? FrameCodec.encode(answer: frame, limit: connection.maximumFrameSize)
        else { return }
        let expires = MonotonicTime.now.adding(CallbackTimes.lastMoment(payload))
        connection.transport?.channel.sendUrgently(bytes, expires: expires)
    }

    func connectionFailed(_ error: ClientError) {
        let records = state.withLock { state in
            state.failure = error
            return state.vms.values.sorted { $0.vmID.precedesByBytes($1.vmID) }
        }
        for record in records { record.connectionFailed(error) }
    }
}

/// Until when an answer to a callback may be sent, in nanoseconds from its arrival: one that comes when the
/// sidecar has stopped waiting ends it (transport.md 8.4.2).
enum CallbackTimes {
    static func lastMoment(_ payload: SidecarRequestPayload) -> UInt64 {
        let millisecond: UInt64 = 1_000_000
        switch payload {
        case .toolInvocation(let call):
            let time = call.timeoutMs
            let margin = min(max(time / 10, 50), 1000, time / 2)
            let (product, overflow) = (time - margin / 2).multipliedReportingOverflow(by: millisecond)
            return overflow ? .max : product
        case .permissionRequest, .acpRequest: return 118_000 * millisecond
        case .jsBridgeCall: return 28_000 * millisecond
        }
    }
}
