// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// The output of a process as events of an operation.
final class ProcessEvents: OutputConsumer {
    private let operation: Operation
    /// Of a process that others have started: its end is not this operation's work.
    private let isSubscription: Bool
    /// Set right after the start, which may have called `consume` by then.
    private let stream: Lock<ProcessOutput?> = Lock(nil)
    private let process: Lock<ProcessRecord?> = Lock(nil)

    init(_ operation: Operation, isSubscription: Bool = false) {
        self.operation = operation
        self.isSubscription = isSubscription
    }

    /// Prepares the start of a process: from here on the operation knows its id. The start itself is what is
    /// returned.
    func prepare(
        _ vm: VM,
        _ command: CommandLine,
        _ options: ProcessOptions
    ) throws(ClientError) -> @Sendable () -> Void {
        let prepared = try vm.prepareSpawn(command, options, consumer: self, run: operation.run)
        let object = ProcessObject(prepared.process, vm, operation.sidecar)
        return try name(
            prepared.process,
            prepared.output,
            in: Identifiers.current.processes,
            object,
            prepared.begin
        )
    }

    /// The same for a shell.
    func prepareShell(_ vm: VM, document: String?) throws(ClientError) -> @Sendable () -> Void {
        let prepared = try vm.prepareShell(document: document, consumer: self, run: operation.run)
        let object = ShellObject(prepared.shell, vm, operation.sidecar)
        return try name(
            prepared.shell.process,
            prepared.output,
            in: Identifiers.current.shells,
            object,
            prepared.begin
        )
    }

    private func name<Object>(
        _ process: ProcessRecord,
        _ output: ProcessOutput,
        in table: IdentifierTable<Object>,
        _ object: Object,
        _ begin: @escaping @Sendable () -> Void
    ) throws(ClientError) -> @Sendable () -> Void {
        stream.withLock { $0 = output }
        self.process.withLock { $0 = process }
        guard let id = table.add(object) else {
            let error = ClientError(.noMemory, "too many processes")
            process.abandon(error)
            throw error
        }
        process.hostID = id
        operation.setObject(id)
        process.forgotten.whenSet { table.remove(id) }
        return begin
    }

    /// The common part of the functions that give a process a further consumer.
    static func subscribe(
        _ sidecar: OpaquePointer?,
        _ id: aos_id,
        _ options: UnsafePointer<CChar>?,
        _ optionsLength: Int,
        _ completion: UnsafePointer<aos_completion>?,
        _ op: UnsafeMutablePointer<aos_id>?,
        _ err: UnsafeMutablePointer<OpaquePointer?>?,
        _ find: (SidecarObject) throws(ClientError) -> (VM, ProcessRecord)
    ) -> aos_status {
        Submit.start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
            let (vm, process) = try find(object)
            // Not `check`: what the programs of a lost VM have printed can still be had.
            if vm.isShutdownBegun { throw .vmDisposed }
            let document = try Arguments.optionalText(options, optionsLength, "options_json")
            let options = try SubscriptionOptions(document: document)
            let operation = try Operation.accept(submission, object, vm.connection)
            return (
                operation,
                {
                    do throws(ClientError) {
                        let events = ProcessEvents(operation, isSubscription: true)
                        events.process.withLock { $0 = process }
                        events.subscribe(try vm.subscribe(process, options, consumer: events), of: id)
                    } catch {
                        operation.complete(.failed(error))
                    }
                }
            )
        }
    }

    /// A further consumer of a process that is there already.
    private func subscribe(_ subscription: OutputSubscription, of object: UInt64) {
        stream.withLock { $0 = subscription.output }
        operation.setObject(object)
        subscription.begin()
        // Nothing to do but to wait for a cancel.
        Steps<Void>.untilInterrupted.run(operation.run) { [self] result in
            guard case .failure(let error) = result else { return }
            subscription.end()
            operation.complete(.failed(error))
            stream.withLock { $0 = nil }
        }
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

    /// What tells an exit by a time that was over from any other.
    private static var timedOut: ByteBlock? { ByteBlock.text(#"{"timedOut":true}"#) }

    func ended(_ end: ProcessEnd) {
        stream.withLock { $0 = nil }
        switch end {
        case .exited(let code):
            let isTimedOut = process.withLock { $0 }?.isTimedOut ?? false
            var record = isTimedOut ? EventRecord.complete(block: Self.timedOut, isJSON: true) : .complete()
            record.value = Int64(code)
            operation.complete(record)
        case .endedWithVM: operation.complete(.complete(value: Int64(ProcessEnd.codeOfDisposal)))
        case .failed(let error): operation.complete(.failed(error.about(operation.connection)))
        }
        // Ends the waiting for a cancel.
        if isSubscription { operation.run.interrupt(.cancelled) }
    }
}
