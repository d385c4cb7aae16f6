// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import Synchronization

/// One process that this client started, from before its start until it is forgotten.
package final class ProcessRecord: Sendable {
    enum Phase: Sendable { case starting, running, ended }

    /// By what it was started.
    enum Origin: Sendable {
        case executed
        /// With the number by which people know it (process.md 1.2).
        case spawned(number: UInt64)
        case shell
    }

    private struct State: Sendable {
        var phase: Phase = .starting
        var isInputClosed = false
        var input: InputMeter = InputMeter()
        /// The signal that this client sent last.
        var killedBy: String?
        var isPursued = false
        var isTimedOut = false
        var startError: ClientError?
        var endTime: UInt64?
    }

    private static let counter: Atomic<UInt64> = Atomic(0)

    /// The name on the wire. Never with a `/`: events of such a name are never sent.
    package let processID: String
    let origin: Origin
    let command: CommandLine
    /// The directory that was asked for.
    let directory: String?
    /// Milliseconds since 1970.
    let startTime: UInt64 = WallClock.milliseconds
    let order: UInt64 = ProcessRecord.counter.add(1, ordering: .relaxed).newValue
    private let dropsNoise: Bool
    private let sink: any OutputSink
    private let state: Lock<State> = Lock(State())
    let started: Latch<Result<Void, ClientError>> = Latch()
    package let end: Latch<ProcessEnd> = Latch()
    /// Set when it is not kept any longer, some time after its end.
    package let forgotten: Latch<Void> = Latch()
    /// Writes and the closing of stdin, one request at a time.
    let inputQueue: OrderedQueue = OrderedQueue()
    private let hostNumber: Atomic<UInt64> = Atomic(0)

    init(
        processID: String,
        origin: Origin,
        command: CommandLine,
        directory: String?,
        sink: any OutputSink
    ) {
        self.processID = processID
        self.origin = origin
        self.command = command
        self.directory = directory
        self.sink = sink
        dropsNoise = LateEventNoise.concerns(command.command)
    }

    /// The number by which the host knows it; 0: none.
    package var hostID: UInt64 {
        get { hostNumber.load(ordering: .relaxed) }
        set { hostNumber.store(newValue, ordering: .relaxed) }
    }

    var phase: Phase { state.withLock { $0.phase } }
    package var hasEnded: Bool { phase == .ended }
    var killedBy: String? { state.withLock { $0.killedBy } }
    var endTime: UInt64? { state.withLock { $0.endTime } }
    /// Why it was never started.
    var startError: ClientError? { state.withLock { $0.startError } }

    /// Its time was over, for which it was killed.
    package var isTimedOut: Bool { state.withLock { $0.isTimedOut } }
    func timeIsOver() { state.withLock { $0.isTimedOut = true } }

    func wasSent(signal: String) { state.withLock { $0.killedBy = signal } }

    /// True once: somebody sees to its end from now on.
    func beginPursuit() -> Bool {
        state.withLock { state in
            defer { state.isPursued = true }
            return !state.isPursued
        }
    }

    /// The sidecar has told its end. One that was only given up may still run.
    var isOver: Bool {
        switch end.value {
        case .exited, .endedWithVM: true
        case .failed, nil: false
        }
    }

    func started(_ result: Result<Void, ClientError>) {
        if case .failure(let error) = result {
            state.withLock { $0.startError = error }
            return finish(.failed(error))
        }
        state.withLock { state in
            if state.phase == .starting { state.phase = .running }
        }
        started.set(result)
    }

    func output(_ channel: OutputChannel, _ block: ByteBlock) {
        guard phase != .ended else { return }
        if dropsNoise, channel == .standardError, LateEventNoise.isNoise(block) { return }
        sink.output(channel, block)
    }

    func exited(_ code: Int32) { finish(.exited(code: code)) }
    func lost(_ error: ClientError) { finish(.failed(error)) }

    /// Ends one that will not be started.
    package func abandon(_ error: ClientError) { finish(.failed(error)) }

    /// Exactly once; what comes later is ignored.
    func finish(_ end: ProcessEnd) {
        let now = WallClock.milliseconds
        let isFirst = state.withLock { state in
            guard state.phase != .ended else { return false }
            state.phase = .ended
            state.endTime = max(now, startTime)
            return true
        }
        guard isFirst else { return }
        sink.ended(end)
        self.end.set(end)
        if case .failed(let error) = end {
            started.set(.failure(error))
            inputQueue.fail(error)
        } else {
            started.set(.success(()))
            inputQueue.fail(Self.exitedAlready)
        }
    }

    static let exitedAlready: ClientError = ClientError(.processNotFound, "process already exited")

    // MARK: stdin

    /// Throws what a write now must fail with.
    func checkWrite(_ count: Int, isInOnePiece: Bool, guarded: Bool) throws(ClientError) {
        let error = state.withLock { Self.refusal($0, count, isInOnePiece, guarded) }
        if let error { throw error }
    }

    /// The same, and counts the write.
    func accountWrite(_ count: Int, isInOnePiece: Bool, guarded: Bool) throws(ClientError) {
        let error = state.withLock { state -> ClientError? in
            if let error = Self.refusal(state, count, isInOnePiece, guarded) { return error }
            state.input.add(count)
            return nil
        }
        if let error { throw error }
    }

    private static func refusal(_ state: State, _ count: Int, _ isInOnePiece: Bool, _ guarded: Bool)
        -> ClientError?
    {
        if state.phase == .ended { return exitedAlready }
        if state.isInputClosed { return ClientError(.invalidArgument, "stdin closed") }
        guard guarded, !isInOnePiece || state.input.wouldFreeze(count) else { return nil }
        return state.input.refusal(of: count)
    }

    /// A counted write that was never sent.
    func takeBackWrite(_ count: Int) { state.withLock { $0.input.add(-count) } }

    /// False if it was closed before, or there is nothing to close.
    func closeInput() -> Bool {
        state.withLock { state in
            guard state.phase != .ended, !state.isInputClosed else { return false }
            state.isInputClosed = true
            return true
        }
    }

    func reopenInput() { state.withLock { $0.isInputClosed = false } }
}
