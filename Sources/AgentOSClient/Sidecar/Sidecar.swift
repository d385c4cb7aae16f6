// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire
internal import Synchronization

/// A handle on a sidecar: its identity, its VMs, and at most one process, started when a VM needs it.
package final class Sidecar: Sendable {
    package let id: String
    package let options: SidecarOptions
    let placement: Placement
    private let state: Lock<SidecarState> = Lock(SidecarState())
    /// Phase and VM count of one moment, readable without the lock: also in a forked child, where it may be
    /// held for ever.
    private let summary: Atomic<UInt64> = Atomic(0)
    let observers: Lock<(next: UInt64, list: [(id: UInt64, observer: @Sendable (SidecarEvent) -> Void)])> =
        Lock((1, []))

    init(id: String, placement: Placement, options: SidecarOptions) {
        self.id = id
        self.placement = placement
        self.options = options
    }

    /// A handle of its own. Starts nothing, waits for nothing.
    package static func explicit(_ options: SidecarOptions) -> Sidecar {
        let id = options.sidecarID ?? SidecarID.generated()
        return Sidecar(id: id, placement: .explicit(id: id), options: options)
    }

    /// The state, under its lock.
    func withState<Result>(_ body: (inout SidecarState) -> Result) -> Result {
        state.withLock { state in
            defer {
                let phase = SidecarState.Phase.allCases.firstIndex(of: state.phase) ?? 0
                summary.store(UInt64(phase) << 32 | UInt64(state.leases.count), ordering: .releasing)
            }
            return body(&state)
        }
    }

    /// A snapshot of the state, members in this order (sidecar-lifecycle.md 4).
    package func describeJSON() -> String {
        let summary = summary.load(ordering: .acquiring)
        let phase = SidecarState.Phase.allCases[Int(summary >> 32) % SidecarState.Phase.allCases.count]
        return JSONWriter.text(
            .members([
                "sidecarId": .string(id), "placement": placement.json, "state": .string(phase.rawValue),
                "activeVmCount": .integer(Int64(summary & 0xFFFF_FFFF)),
            ])
        )
    }

    /// What goes on behind the handle, for diagnostics.
    package func diagnosticsJSON() -> String {
        let connection = currentConnection
        let counters = connection?.counters.withLock { $0 }
        let channel = connection?.transport?.channel
        func number(_ value: Int?) -> JSONValue? { value.map { .integer(Int64($0)) } }
        let request = connection == nil ? nil : options.connection.spawnRequest()
        return JSONWriter.text(
            .members([
                "processId": connection?.processID.map { .integer(Int64($0)) },
                "command": request.map { .array($0.command.map { .string($0) }) },
                "commandSource": request.map { request in
                    .string(request.source ?? (options.connection.command == nil ? "PATH" : "command"))
                },
                "dialect": connection.map { _ in .string("\(Dialect.name)@\(Dialect.version)") },
                "connectionId": connection.map { .string($0.connectionID) },
                "wireSidecarId": connection?.sidecarID.map { .string($0) },
                "maxFrameBytes": number(connection?.maximumFrameSize),
                "lateAnswers": number(counters?.lateAnswers),
                "unknownAnswers": number(counters?.unknownAnswers),
                "unknownEvents": number(counters?.unknownEvents),
                "lateCallbackAnswers": number(channel?.expiredFrames),
                "queuedBytes": number(channel?.queuedBytes),
            ])
        )
    }

    package var isDisposed: Bool { withState { $0.phase == .disposed } }

    /// The process that serves the handle now.
    package var processID: Int32? {
        withState { state in
            if case .up(let connection, _) = state.slot { return connection.processID }
            return nil
        }
    }

    /// What a blocking caller may read on while it waits for something of this handle.
    package var currentConnection: Connection? {
        withState { state in
            if case .up(let connection, _) = state.slot { return connection }
            return nil
        }
    }

    static func leaseError(_ id: String, _ phase: SidecarState.Phase) -> ClientError {
        ClientError(.disposed, "Cannot lease VM from sidecar \(id) while it is \(phase.rawValue)")
    }

    // MARK: The connection

    /// A use of the connection: of the one that is up, or of a new process. Concurrent callers share one
    /// attempt.
    var acquire: Steps<ConnectionUse> {
        .loop(()) { [self] _ throws(ClientError) in
            enum Decision {
                case use(Connection)
                case wait(ConnectAttempt, isNew: Bool)
                case afterClosing(Connection)
                case again
                case refuse(SidecarState.Phase)
            }
            let decision = withState { state -> Decision in
                guard state.phase == .ready else { return .refuse(state.phase) }
                switch state.slot {
                case .up(let connection, let users):
                    guard connection.isUsable else {
                        state.slot = .empty
                        return .again
                    }
                    state.slot = .up(connection, users: users + 1)
                    return .use(connection)
                case .empty:
                    let attempt = ConnectAttempt()
                    attempt.claims.add()
                    state.slot = .connecting(attempt)
                    state.unfinished.append(attempt)
                    return .wait(attempt, isNew: true)
                case .connecting(let attempt):
                    attempt.claims.add()
                    return .wait(attempt, isNew: false)
                case .closing(let connection): return .afterClosing(connection)
                }
            }
            switch decision {
            case .use(let connection): return .done(.done(ConnectionUse(connection, of: self)))
            case .again: return .done(.again(()))
            case .refuse(let phase): throw Self.leaseError(id, phase)
            case .afterClosing(let connection):
                return Steps<TransportEnd>.wait(for: connection.ended).map { _ in .again(()) }
            case .wait(let attempt, let isNew):
                if isNew { start(attempt) }
                return wait(for: attempt).map { .done($0) }
            }
        }
    }

    private func wait(for attempt: ConnectAttempt) -> Steps<ConnectionUse> {
        Steps<Result<Connection, ClientError>>.wait(for: attempt.outcome).map {
            [self] result throws(ClientError) in
            ConnectionUse(try result.get(), of: self)
        }.recover { [self] error in leave(attempt, error) }
    }

    /// Somebody stops waiting for an attempt: its claim is given back. When nobody waits any more the attempt
    /// is ended; if it has succeeded just now, its connection is released.
    private func leave(_ attempt: ConnectAttempt, _ error: ClientError) -> Steps<ConnectionUse> {
        enum Left { case others, nobody, settled }
        let left = withState { state -> Left in
            guard case .connecting(let current) = state.slot, current === attempt else { return .settled }
            guard attempt.claims.remove() == 0 else { return .others }
            // Who comes now must not share the fate of an attempt that is being ended.
            state.slot = .empty
            return .nobody
        }
        switch left {
        case .others: return .fail(error)
        case .nobody:
            attempt.run.interrupt(.cancelled)
            return .fail(error)
        case .settled:
            return Steps<Result<Connection, ClientError>>.wait(for: attempt.outcome).shielded.then {
                [self] result in
                guard case .success(let connection) = result else { return .fail(error) }
                return release(connection).recover { _ in .done(()) }.then { .fail(error) }
            }
        }
    }

    private func start(_ attempt: ConnectAttempt) {
        let steps = Steps<Connection>.begin { [self] () throws(ClientError) in
            let connection = try Connection.start(options.connection)
            return connection.handshake.map { connection }.onFailure {
                connection.kill(.protocolError("handshake failed"))
                return Steps.wait(for: connection.ended).map { _ in }
            }
        }
        attempt.over.whenSet { [self] _ in
            withState { state in state.unfinished.removeAll { $0 === attempt } }
        }
        steps.run(attempt.run) { [self] result in
            let isWanted = withState { state -> Bool in
                guard case .connecting(let current) = state.slot, current === attempt else { return false }
                if case .success(let connection) = result {
                    state.slot = .up(connection, users: attempt.claims.current)
                } else {
                    state.slot = .empty
                }
                return true
            }
            if case .success(let connection) = result {
                connection.failing.whenSet { [self] failure in connectionFailed(connection, failure) }
                connection.ended.whenSet { _ in attempt.over.set(()) }
                if !isWanted { connection.close() }
            } else {
                attempt.over.set(())
            }
            attempt.outcome.set(result)
        }
    }

    private func connectionFailed(_ connection: Connection, _ failure: TransportFailure) {
        withState { state in
            state.forget(connection)
            if state.reservation?.connection === connection { state.reservation = nil }
        }
        if case .disposed = failure.cause { return }
        publish(.processLost(Connection.error(failure, prefix: "sidecar process lost")))
    }

    /// One user less; the last one closes the process in an orderly way and waits for its end.
    func release(_ connection: Connection) -> Steps<Void> {
        let isLast = withState { $0.release(connection) }
        guard isLast else { return .done(()) }
        finishClosing(connection)
        return Self.outcome(of: connection)
    }

    private func finishClosing(_ connection: Connection) {
        connection.ended.whenSet { [self] _ in
            withState { state in
                if case .closing(let current) = state.slot, current === connection { state.slot = .empty }
            }
        }
        connection.close()
    }

    /// How a process that was closed ended: a status of its own other than 0 is an error.
    static func outcome(of connection: Connection) -> Steps<Void> {
        Steps.wait(for: connection.ended).map { end throws(ClientError) in
            guard case .code(let code) = end.exit, code != 0, !end.wasKilled else { return }
            // It died before it was asked to end: everybody concerned has been told.
            guard case .disposed = connection.failed.value?.cause else { return }
            let stderr = end.standardError
            let text =
                "native sidecar exited with code \(code)" + (stderr.isEmpty ? "" : "\nstderr:\n\(stderr)")
            throw ClientError(.sidecar, text) { ($0.exitCode, $0.standardError) = (code, stderr) }
        }
    }

    /// Connects now and keeps the connection although there is no VM.
    package var connect: Steps<Void> {
        acquire.then { [self] use in
            let surplus = withState { state -> ConnectionUse? in
                guard state.phase == .ready, state.reservation == nil else { return use }
                state.reservation = use
                return nil
            }
            return surplus?.release ?? .done(())
        }
    }
}
