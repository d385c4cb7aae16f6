// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem

/// A shell connected to descriptors of the host's. A thread of its own moves the bytes: reading and writing them
/// may take as long as a person does.
///
/// Every signal is blocked on that thread, so that a pipe without a reader is an error and no SIGPIPE.
final class ShellAttachment: OutputConsumer {
    /// Small enough for a pipe that is ready to take it without blocking.
    private static let piece = 4096

    private struct State: Sendable {
        var chunks = Fifo<(channel: OutputChannel, block: ByteBlock)>()
        var end: ProcessEnd?
        var isStopped = false
        /// A write of ours to the shell is under way.
        var isWriting = false
        var inputError: ClientError?
    }

    /// What the host gives to the shell.
    private struct Input {
        let stream: HostStream
        /// The beginning of a character whose rest was not there yet: the sidecar decodes each write for itself.
        var begun: [UInt8] = []
    }

    private let object: ShellObject
    private let bell: OwnedDescriptor
    private let stream: Lock<ProcessOutput?> = Lock(nil)
    private let state: Lock<State> = Lock(State())
    private let result: Latch<Result<Int32, ClientError>> = Latch()

    private init(_ object: ShellObject, _ bell: OwnedDescriptor) {
        self.object = object
        self.bell = bell
    }

    static func prepare(
        _ id: UInt64,
        _ sidecar: SidecarObject,
        _ descriptors: (input: Int32, output: Int32, error: Int32)
    ) throws(ClientError) -> Prepared<Int32> {
        let object = try Identifiers.shell(id, of: sidecar)
        for (fd, name, isOutput) in [
            (descriptors.input, "in_fd", false), (descriptors.output, "out_fd", true),
            (descriptors.error, "err_fd", true),
        ] where fd != -1 {
            guard SystemCall.isOpen(fd) else { throw .invalid("\(name): not an open descriptor: \(fd)") }
            // It would never be ready, and the call wait for that.
            guard SystemCall.isOpen(fd, forWriting: isOutput) else {
                throw .invalid("\(name): not open for \(isOutput ? "writing" : "reading"): \(fd)")
            }
        }
        let options = try SubscriptionOptions(document: #"{"overflow":"keep"}"#)
        let steps = Steps<Int32>.begin { () throws(ClientError) in
            let bell: OwnedDescriptor
            do throws(SystemError) { bell = try SystemCall.eventDescriptor() } catch {
                throw ClientError(.noMemory, "no descriptor for a shell: \(error.text)")
            }
            let attachment = ShellAttachment(object, bell)
            return try attachment.begin(options, descriptors)
        }
        return Prepared(object.vm, steps)
    }

    private func begin(
        _ options: SubscriptionOptions,
        _ descriptors: (input: Int32, output: Int32, error: Int32)
    ) throws(ClientError) -> Steps<Int32> {
        let subscription = try object.vm.subscribe(object.shell.process, options, consumer: self)
        stream.withLock { $0 = subscription.output }
        // Before the call returns: what the shell writes from here on is kept until the thread moves it.
        subscription.begin()
        do throws(SystemError) {
            try NamedThread.start("aos-attach") { [self] in
                object.vm.connection.expectWithoutWaiting()
                let outcome = pump(descriptors)
                subscription.end()
                stream.withLock { $0 = nil }
                result.set(outcome)
            }
        } catch {
            subscription.end()
            stream.withLock { $0 = nil }
            throw ClientError(.noMemory, "no thread for a shell: \(error.text)")
        }
        return Steps<Result<Int32, ClientError>>.wait(for: result).map { outcome throws(ClientError) in
            try outcome.get()
        }.onFailure { [self] in
            // The descriptors are the host's again when the call is over.
            stop()
            return Steps<Result<Int32, ClientError>>.wait(for: result).map { _ in }
        }
    }

    private func stop() {
        state.withLock { $0.isStopped = true }
        SystemCall.signalEvent(bell.number)
    }

    // MARK: What the shell writes

    func consume(_ channel: OutputChannel, _ block: ByteBlock) {
        state.withLock { $0.chunks.append((channel, block)) }
        SystemCall.signalEvent(bell.number)
    }

    /// What was written long before and is not kept.
    func lost(_ bytes: Int) {}

    func ended(_ end: ProcessEnd) {
        state.withLock { $0.end = end }
        SystemCall.signalEvent(bell.number)
    }

    // MARK: The thread

    private func pump(
        _ descriptors: (input: Int32, output: Int32, error: Int32)
    ) -> Result<Int32, ClientError> {
        func open(_ fd: Int32, forWriting: Bool) -> HostStream? {
            fd == -1 ? nil : HostStream(fd, forWriting: forWriting)
        }
        var input = open(descriptors.input, forWriting: false).map { Input(stream: $0) }
        var output = open(descriptors.output, forWriting: true)
        var error = open(descriptors.error, forWriting: true)
        while true {
            while let chunk = state.withLock({ $0.isStopped ? nil : $0.chunks.popFirst() }) {
                switch chunk.channel {
                case .standardOutput: write(chunk.block, &output)
                case .standardError: write(chunk.block, &error)
                }
                stream.withLock { $0 }?.giveBack(chunk.block.count)
            }
            let (end, isStopped, isWriting, failure) = state.withLock { state in
                (
                    state.chunks.isEmpty ? state.end : nil, state.isStopped, state.isWriting,
                    state.inputError
                )
            }
            if isStopped {
                // Whoever reads on is not given the rest of a character.
                if let begun = input?.begun, !begun.isEmpty {
                    try? object.vm.write(begun, to: object.shell.process).run(StepRun()) { _ in }
                }
                return .failure(.cancelled)
            }
            if let end { return Self.outcome(end) }
            if let failure { return .failure(failure) }
            let ready = SystemCall.waitReadable(
                bell.number,
                isWriting ? -1 : input?.stream.number ?? -1,
                nil,
                until: nil
            )
            if ready.first { SystemCall.drainEvent(bell.number) }
            if ready.second, var open = input { input = read(&open) ? open : nil }
        }
    }

    private static func outcome(_ end: ProcessEnd) -> Result<Int32, ClientError> {
        switch end {
        case .exited(let code): .success(code)
        case .endedWithVM: .success(ProcessEnd.codeOfDisposal)
        case .failed(let error): .failure(error)
        }
    }

    /// Gives the shell what the host has. False when that is at its end, or the shell takes no more.
    private func read(_ input: inout Input) -> Bool {
        var bytes = input.begun + [UInt8](repeating: 0, count: Self.piece)
        let begun = input.begun.count
        let stream = input.stream
        var count = 0
        do {
            count = try bytes.withUnsafeMutableBytes { (buffer) throws(SystemError) in
                try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[begun...]))
            }
        } catch {
            let error = error as? SystemError ?? .wouldBlock
            // Somebody else was quicker.
            if error == .wouldBlock { return true }
            guard stream.isHungUp(error) else {
                state.withLock { $0.inputError = ClientError.invalid("in_fd: cannot be read: \(error.text)") }
                return false
            }
        }
        let isOver = count == 0
        let all = bytes[..<(begun + count)]
        let whole = isOver ? all : all.dropLast(UTF8Tail.length(of: all))
        input.begun = Array(all[whole.endIndex...])
        if whole.isEmpty, !isOver { return true }
        do throws(ClientError) {
            let process = object.shell.process
            let steps: Steps<Void>
            if isOver {
                // Half a character that the shell takes no more must not keep it from its end.
                let rest = whole.isEmpty ? nil : try? object.vm.write(Array(whole), to: process)
                let close = try object.vm.closeInput(of: process)
                steps = (rest ?? .done(())).recover { _ in .done(()) }.then { close }
            } else {
                steps = try object.vm.write(Array(whole), to: process)
            }
            state.withLock { $0.isWriting = true }
            steps.run(StepRun()) { [self] result in
                state.withLock { state in
                    state.isWriting = false
                    if case .failure(let error) = result, !isOver { state.inputError = error }
                }
                SystemCall.signalEvent(bell.number)
            }
        } catch {
            // Of a shell that has ended its end says more.
            if error.kind != .processNotFound { state.withLock { $0.inputError = error } }
            return false
        }
        return !isOver
    }

    /// What cannot be written to becomes nil, and what would go there is dropped.
    private func write(_ block: ByteBlock, _ target: inout HostStream?) {
        var rest = block.bytes[...]
        while !rest.isEmpty, let stream = target {
            guard SystemCall.waitWritable(stream.number, or: bell.number) else {
                if state.withLock({ $0.isStopped }) { return }
                SystemCall.drainEvent(bell.number)
                continue
            }
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.piece))
            do throws(SystemError) { rest = rest.dropFirst(try stream.write(piece)) } catch {
                if error != .wouldBlock { target = nil }
            }
        }
    }
}
