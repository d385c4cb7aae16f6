// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire

/// A virtual machine of a sidecar.
package final class VM: Sendable {
    private enum Phase: Sendable {
        case ready
        case disposing(Latch<Result<Void, ClientError>>)
        case disposed
    }

    private struct State: Sendable {
        var phase: Phase = .ready
        var loss: ClientError?
    }

    package let sidecar: Sidecar
    package let connection: Connection
    let sessionID: String
    let record: VMRecord
    let owner: FrameOwner
    /// As it was created; `reconfigure` replaces parts of it.
    let configuration: VMConfiguration
    let mounts: Lock<[Mount]>
    /// Whether its policy has rules for files; `reconfigure` may change that.
    let fileRules: Lock<Bool>
    let use: ConnectionUse
    let shadow: ShadowGuard
    let turns: TurnQueue = TurnQueue()
    private let state: Lock<State> = Lock(State())
    /// Set when its shutdown begins.
    let shutdownBegun: Latch<Void> = Latch()
    /// Set when its shutdown is over.
    package let shutDown: Latch<Void> = Latch()
    /// Names of processes on the wire count up in each VM.
    let processNumbers: ProcessNumbers = ProcessNumbers()
    let processes: ProcessTable = ProcessTable(keptAfterEnd: 1024)
    /// Shells, of which more stay known after their end is of no use.
    let shells: ProcessTable = ProcessTable(keptAfterEnd: 256)
    /// In the order in which they were opened; some have ended.
    let openShells: Lock<[Shell]> = Lock([])
    let observedProcesses: ObservedProcesses = ObservedProcesses()

    init(
        sidecar: Sidecar,
        use: ConnectionUse,
        sessionID: String,
        record: VMRecord,
        configuration: VMConfiguration
    ) {
        self.sidecar = sidecar
        self.use = use
        connection = use.connection
        self.sessionID = sessionID
        self.record = record
        self.configuration = configuration
        mounts = Lock(configuration.mounts)
        fileRules = Lock(configuration.policy.hasFileRules)
        shadow = ShadowGuard(connection, vmID: record.vmID, isOn: sidecar.options.fileGuards)
        owner = FrameOwner(
            .vm(VmOwnership(connectionId: connection.connectionID, sessionId: sessionID, vmId: record.vmID))
        )
        // Strong until the VM is shut down or lost: weakly referred to it would pay for that at every retain.
        record.observeLoss { [self] error in lost(error) }
    }

    package var hasReadOnlyRoot: Bool { configuration.isReadOnly }

    /// The sidecar's own name for it. Names repeat in every process.
    package var wireID: String { record.vmID }

    private func lost(_ cause: ClientError) {
        state.withLock { state in
            guard state.loss == nil, case .ready = state.phase else { return }
            state.loss = ClientError(.sidecar, "VM \(record.vmID) is lost: \(cause.message)") {
                $0 = cause.detail
                $0.isFinal = true
            }
        }
    }

    package var isLost: Bool { state.withLock { $0.loss != nil } }

    /// Throws what every new operation must fail with when the VM is gone.
    package func check() throws(ClientError) {
        let error = state.withLock { state -> ClientError? in
            guard case .ready = state.phase else { return .vmDisposed }
            return state.loss
        }
        if let error { throw error }
    }

    package var isShutdownBegun: Bool {
        state.withLock { state in
            if case .ready = state.phase { return false }
            return true
        }
    }

    /// The first caller begins the shutdown; the others get the latch of the one that runs. Nil: it is over.
    func beginShutdown() -> (latch: Latch<Result<Void, ClientError>>, isFirst: Bool)? {
        state.withLock { state in
            switch state.phase {
            case .disposed: return nil
            case .disposing(let latch): return (latch, false)
            case .ready:
                let latch = Latch<Result<Void, ClientError>>()
                state.phase = .disposing(latch)
                return (latch, true)
            }
        }
    }

    func endShutdown() {
        state.withLock { $0.phase = .disposed }
        configuration.removeHostFiles()
        record.stopObservingLoss()
        processes.close()
        shells.close()
        shutDown.set(())
    }

    /// One request of this VM.
    func request<Output: Sendable>(
        _ payload: RequestPayload,
        limit: UInt64? = nil,
        _ decode: @escaping @Sendable (ResponseBody) throws(ClientError) -> Output?
    ) -> Steps<Output> {
        Steps { [self] run, end in
            do throws(ClientError) { try check() } catch { return end(.failure(error)) }
            connection.perform(payload, owner, limit: limit, run, decode, end)
        }
    }

    /// The same, also while the VM shuts down.
    func requestUnchecked<Output: Sendable>(
        _ payload: RequestPayload,
        limit: UInt64? = nil,
        _ decode: @escaping @Sendable (ResponseBody) throws(ClientError) -> Output?
    ) -> Steps<Output> { connection.requestSteps(payload, owner, limit: limit, decode) }
}
