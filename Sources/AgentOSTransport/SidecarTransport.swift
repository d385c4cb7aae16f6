// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
package import AgentOSWire

/// Who uses a transport. All calls come from whoever reads, or from the I/O thread; none overlap but the last
/// two, which come once each.
package protocol TransportReceiver: AnyObject, Sendable {
    /// Requests that were sent and have no answer yet.
    var unanswered: Int { get }
    func received(_ frames: [InboundFrame])
    /// No frame comes any more, and none goes out.
    func transportFailed(_ failure: TransportFailure)
    /// The child is reaped and its directory gone.
    func transportEnded(_ end: TransportEnd)
}

/// One sidecar process and its pipes, from start to reaping.
package final class SidecarTransport: Sendable {
    private struct State: Sendable {
        var lifecycle = TransportLifecycle()
        var receiver: (any TransportReceiver)?
        /// Nil behind the end: what is begun on another thread meanwhile must not outlast it.
        var timers: [UInt64]? = []
        /// What is, or will be in a moment, reported.
        var failure: TransportFailure?
    }

    package let channel: FrameChannel
    package let processID: Int32
    private let child: ChildProcess
    private let standardError: StandardErrorTail
    private let directory: TemporaryDirectory?
    package var temporaryDirectory: String? { directory?.path }
    private let state: Lock<State> = Lock(State())

    private init(
        channel: FrameChannel,
        child: ChildProcess,
        standardError: StandardErrorTail,
        directory: TemporaryDirectory?
    ) {
        self.channel = channel
        self.child = child
        processID = child.processID
        self.standardError = standardError
        self.directory = directory
    }

    /// Starts the process with a private temporary directory, unless it is `remote`: then that is its own
    /// business.
    package static func start(
        _ request: SpawnRequest,
        isRemote: Bool = false,
        receiver: any TransportReceiver
    ) throws(SpawnError) -> SidecarTransport {
        do {
            let directory: TemporaryDirectory? = isRemote ? nil : try TemporaryDirectory.make()
            do {
                return try start(request, directory: directory, receiver: receiver)
            } catch {
                directory?.remove()
                throw error
            }
        } catch let error as SystemError {
            throw SpawnError(
                text: "failed to prepare sidecar '\(request.program)': \(error.osErrorText)",
                errorNumber: error.number
            )
        } catch let error as SpawnError {
            throw error
        } catch {
            throw SpawnError(text: "failed to start sidecar '\(request.program)'", errorNumber: 0)
        }
    }

    private static func start(
        _ request: SpawnRequest,
        directory: TemporaryDirectory?,
        receiver: any TransportReceiver
    ) throws -> SidecarTransport {
        let input = try SystemCall.socketPair()
        let output = try SystemCall.socketPair()
        let errors = try SystemCall.pipe()
        let channel = try FrameChannel(
            output: input.ours,
            input: output.ours,
            limit: Dialect.defaultMaximumFrameSize
        )
        var request = request
        if let directory { request.environment.append(("TMPDIR", directory.path)) }
        if let sandbox = request.sandbox {
            let file = try ProgramSearch.resolve(request)
            request.command = sandbox.wrapping(request.command, file: file, privateDirectory: directory?.path)
            request.source = nil
        }
        let child = try ChildProcess.start(
            request,
            input: input.theirs,
            output: output.theirs,
            error: errors.write
        )
        let transport = SidecarTransport(
            channel: channel,
            child: child,
            standardError: StandardErrorTail(errors.read),
            directory: directory
        )
        transport.state.withLock { $0.receiver = receiver }
        do { try channel.start(transport) } catch {
            child.signal(9)
            child.observeExit { _ in }
            throw error
        }
        transport.standardError.start()
        child.observeExit { exit in transport.perform { $0.childExited(exit) } }
        return transport
    }

    /// Ends the child in an orderly way: end of file, `grace` nanoseconds, SIGKILL. Later calls change
    /// nothing, but for a grace of 0, which kills at once.
    package func close(grace: UInt64) { perform { $0.close(grace: grace) } }

    /// Gives the child up: it is killed, and everybody is told `cause`.
    package func abandon(_ cause: TransportCause) { perform { $0.abandoned(cause) } }

    package var standardErrorText: String { standardError.text }

    private func perform(_ event: (inout TransportLifecycle) -> [TransportLifecycle.Action]) {
        let actions = state.withLock { state in
            let actions = event(&state.lifecycle)
            for case .report(let failure) in actions { state.failure = failure }
            return actions
        }
        for action in actions { perform(action) }
    }

    private func perform(_ action: TransportLifecycle.Action) {
        switch action {
        case .refuseFrames, .endWriting: channel.endWriting()
        case .forceEndOfWriting: channel.forceEndOfWriting()
        case .stopReading: channel.stopReading()
        case .kill: child.signal(9)
        case .start(let timer, let nanoseconds):
            let id = Reactor.current.schedule(.now.adding(nanoseconds)) { self.perform { $0.fired(timer) } }
            let isOver = state.withLock { state in
                if let id { state.timers?.append(id) }
                return state.timers == nil
            }
            if isOver { Reactor.current.cancel(timer: id) }
        case .report(var failure):
            standardError.collect()
            failure.standardError = standardError.text
            state.withLock { $0.receiver }?.transportFailed(failure)
        case .finish(let exit, let wasKilled): finish(exit, wasKilled)
        }
    }

    private func finish(_ exit: ChildExit?, _ wasKilled: Bool) {
        standardError.collect()
        standardError.stop()
        channel.stop()
        let (receiver, timers, failure) = state.withLock { state in
            defer { (state.receiver, state.timers) = (nil, nil) }
            return (state.receiver, state.timers, state.failure)
        }
        for timer in timers ?? [] { Reactor.current.cancel(timer: timer) }
        let text = standardError.text
        var found = failure
        found?.standardError = text
        let end = TransportEnd(exit: exit, wasKilled: wasKilled, standardError: text, failure: found)
        let directory = directory
        let complete: @Sendable () -> Void = {
            directory?.remove()
            receiver?.transportEnded(end)
        }
        // A tree of shadows can be large: not on the thread that reads for everybody.
        do { try NamedThread.start("aos-cleanup", complete) } catch { complete() }
    }
}

extension SidecarTransport: FrameReceiver {
    package var unanswered: Int { state.withLock { $0.receiver }?.unanswered ?? 0 }

    package func received(_ frames: [InboundFrame]) { state.withLock { $0.receiver }?.received(frames) }

    package func channelEnded(_ end: ChannelEnd) {
        switch end {
        case .endOfFile(let torn): perform { $0.outputEnded(torn: torn, error: nil) }
        case .readFailed(let error): perform { $0.outputEnded(torn: nil, error: error) }
        case .badFrame(let error): abandon(.protocolError(error.text))
        }
    }

    package func writingFailed(_ error: SystemError) { perform { $0.writingFailed(error) } }
}
