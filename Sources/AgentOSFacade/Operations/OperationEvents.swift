// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// The events that long work has before its last one. The work is described before its operation is accepted,
/// and begun after that.
final class OperationEvents: Sendable {
    private let operation: Lock<Operation?> = Lock(nil)

    func begin(_ operation: Operation) { self.operation.withLock { $0 = operation } }

    private func emit(_ record: EventRecord) { operation.withLock { $0 }?.emit(record) }

    /// Tells how far the work has come.
    var meter: ProgressMeter {
        ProgressMeter { [self] progress in
            var record = EventRecord(AOS_EV_PROGRESS)
            record.value = Int64(progress.entries)
            record.block = ByteBlock.text(progress.json)
            record.flags = AOS_EVF_JSON
            emit(record)
        }
    }

    /// A content that comes before the end.
    func data(_ block: ByteBlock) {
        var record = EventRecord(AOS_EV_DATA)
        record.block = block
        emit(record)
    }

    /// One of several; `source` gets its bytes back when the host is done with them.
    func data(_ block: ByteBlock, index: Int, creditOf source: any ByteCredit) {
        var record = EventRecord(AOS_EV_DATA)
        record.value = Int64(index)
        record.block = block
        record.credit = Credit(source, block.count)
        emit(record)
    }
}

extension Submit {
    /// The same for work that has more than one event.
    static func run<Output: Sendable>(
        _ sidecar: OpaquePointer?,
        _ completion: UnsafePointer<aos_completion>?,
        _ op: UnsafeMutablePointer<aos_id>?,
        _ err: UnsafeMutablePointer<OpaquePointer?>?,
        _ prepare: (SidecarObject, OperationEvents) throws(ClientError) -> Prepared<Output>,
        _ record: @escaping @Sendable (Output) -> EventRecord
    ) -> aos_status {
        start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
            let events = OperationEvents()
            let prepared = try prepare(object, events)
            let operation = try Operation.accept(
                submission,
                object,
                prepared.connection,
                bytes: prepared.bytes
            )
            events.begin(operation)
            return (operation, { prepared.begin(operation, record) })
        }
    }
}
