// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import Synchronization

/// One process that this client started, from before its start to after its end.
package final class ProcessRecord: Sendable {
    enum Phase: Sendable { case starting, running, ended }

    private struct State: Sendable {
        var phase: Phase = .starting
        var isInputClosed = false
        var input: InputMeter = InputMeter()
        /// The signal that this client sent last.
        var killedBy: String?
    }

    private static let counter: Atomic<UInt64> = Atomic(0)

    /// The name on the wire. Never with a `/`: events of such a name are never sent.
    package let processID: String
    package let command: String
    let order: UInt64 = ProcessRecord.counter.add(1, ordering: .relaxed).newValue
    private let dropsNoise: Bool
    private let sink: any OutputSink
    private let state: Lock<State> = Lock(State())
    let started: Latch<Result<Void, ClientError>> = Latch()
    let end: Latch<ProcessEnd> = Latch()
    /// Writes and the closing of stdin, one request at a time.
    let inputQueue: OrderedQueue = OrderedQueue()

    init(processID: String, command: String, sink: any OutputSink) {
        self.processID = processID
        self.command = command
        self.sink = sink
        dropsNoise = LateEventNoise.concerns(command)
    }

    var phase: Phase { state.withLock { $0.phase } }
    package var hasEnded: Bool { phase == .ended }

    func started(_ result: Result<Void, ClientError>) {
        if case .failure(let error) = result { return finish(.failed(error)) }
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

    /// Exactly once; what comes later is ignored.
    func finish(_ end: ProcessEnd) {
        let isFirst = state.withLock { state in
            defer { state.phase = .ended }
            return state.phase != .ended
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

/// How much stdin a process has been sent: the sidecar freezes, with all its VMs, past 64 KiB (hazard X5).
struct InputMeter: Sendable {
    private static let pipeSize = 65_536
    private static let atomicWrite = 4096
    private var written = 0

    mutating func add(_ count: Int) { written += count }

    /// Whether one more write must not be sent (process.md 6.4).
    func wouldFreeze(_ count: Int) -> Bool {
        count > 0
            && (written >= Self.pipeSize || (count <= Self.atomicWrite && written + count > Self.pipeSize))
    }

    func refusal(of count: Int) -> ClientError {
        ClientError(
            .tooLarge,
            "stdin limit of this sidecar reached: \(written) bytes written, \(count) more would block it"
        ) { ($0.size, $0.limit) = (written + count, Self.pipeSize) }
    }
}
