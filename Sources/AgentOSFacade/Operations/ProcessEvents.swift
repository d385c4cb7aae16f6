// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// The stream of a spawned process as events of its operation.
final class ProcessEvents: OutputConsumer {
    private let operation: Operation
    /// Set right after the start, which may have called `consume` by then.
    private let stream: Lock<ProcessOutput?> = Lock(nil)

    init(_ operation: Operation) { self.operation = operation }

    /// Prepares the start: from here on the operation knows the id of its process. The start itself is what
    /// is returned.
    func prepare(
        _ vm: VM,
        _ command: CommandLine,
        _ options: ProcessOptions
    ) throws(ClientError) -> @Sendable () -> Void {
        let prepared = try vm.prepareSpawn(command, options, consumer: self, run: operation.run)
        stream.withLock { $0 = prepared.output }
        guard
            let id = Identifiers.current.processes.add(ProcessObject(prepared.process, vm, operation.sidecar))
        else {
            throw ClientError(.noMemory, "too many processes")
        }
        operation.setObject(id)
        return prepared.begin
    }

    func consume(_ channel: OutputChannel, _ block: ByteBlock) {
        var record = EventRecord(channel == .standardOutput ? UInt32(AOS_EV_STDOUT) : UInt32(AOS_EV_STDERR))
        record.block = block
        record.credit = stream.withLock { $0 }.map { Credit($0, block.count) }
        operation.emit(record)
    }

    func lost(_ bytes: Int) {
        var record = EventRecord(AOS_EV_LOST)
        record.value = Int64(bytes)
        operation.emit(record)
    }

    func ended(_ end: ProcessEnd) {
        Identifiers.current.processes.remove(operation.object)
        stream.withLock { $0 = nil }
        switch end {
        case .exited(let code): operation.complete(.complete(value: Int64(code)))
        case .endedWithVM: operation.complete(.complete(value: Int64(ProcessEnd.codeOfDisposal)))
        case .failed(let error): operation.complete(.failed(error))
        }
    }
}
