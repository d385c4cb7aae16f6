// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

extension Sidecar {
    private static let creationsWait: UInt64 = 10_000_000_000

    /// Ends all VMs, then the process. Concurrent callers share one disposal and its outcome; a later one
    /// succeeds.
    ///
    /// The handle ends disposed, whatever went wrong on the way (sidecar-lifecycle.md 10).
    package var dispose: Steps<Void> {
        Steps.begin { [self] in
            enum Entry {
                case over
                case join(Latch<Result<Void, ClientError>>)
                case begin(Latch<Result<Void, ClientError>>)
            }
            let entry = withState { state -> Entry in
                if state.phase == .disposed { return .over }
                if let disposal = state.disposal { return .join(disposal) }
                let disposal = Latch<Result<Void, ClientError>>()
                state.phase = .disposing
                state.disposal = disposal
                return .begin(disposal)
            }
            switch entry {
            case .over: return .done(())
            case .join(let disposal): return Self.outcome(of: disposal)
            case .begin(let disposal):
                if case .shared(let pool) = placement { SidecarPool.current.remove(self, from: pool) }
                // Not on the caller's run: whoever cancels the waiting does not cancel the disposal.
                disposing.run(StepRun()) { [self] result in
                    withState { state in
                        state.phase = .disposed
                        state.leases = []
                    }
                    disposal.set(result)
                    publish(.closed)
                }
                return Self.outcome(of: disposal)
            }
        }
    }

    private static func outcome(of disposal: Latch<Result<Void, ClientError>>) -> Steps<Void> {
        Steps<Result<Void, ClientError>>.wait(for: disposal).map { result throws(ClientError) in
            try result.get()
        }
    }

    private var disposing: Steps<Void> {
        Steps.begin { [self] in
            let (creations, leases, reservation, hasProcess) = withState { state in
                defer { state.reservation = nil }
                return (state.creations, state.leases, state.reservation, !state.unfinished.isEmpty)
            }
            for creation in creations { creation.run.interrupt(Self.leaseError(id, .disposing)) }
            if !hasProcess, creations.isEmpty, leases.isEmpty, reservation == nil { return .done(()) }
            return Self.finish(creations).then { [self] in
                shutdownAll(leases, errors: [])
            }.then { [self] errors in
                (reservation?.release ?? .done(())).then { [self] in closeConnection }.map { errors }
                    .recover { error in .done(errors + [error]) }
            }.then { [self] errors in
                waitForTheUnfinished.map { errors }
            }.map { errors throws(ClientError) in
                if !errors.isEmpty { throw .aggregate(errors) }
            }
        }
    }

    private static func finish(_ creations: [CreationInProgress]) -> Steps<Void> {
        .forEach(creations) { creation in
            .wait(
                for: creation.finished,
                atMost: creationsWait,
                timeout: ClientError(.timeout, "a VM creation did not end")
            ).recover { _ in .done(()) }
        }
    }

    /// One after the other, in the order in which they were taken. A failure does not stop the rest.
    private func shutdownAll(_ leases: [VM], errors: [ClientError]) -> Steps<[ClientError]> {
        .loop((index: 0, errors: errors)) { state in
            guard state.index < leases.count else { return .done(.done(state.errors)) }
            let vm = leases[state.index]
            // The error of a shutdown that somebody else began belongs to that one.
            let isOurs = vm.isShutdownBegun == false
            return vm.shutdown.map { .again((state.index + 1, state.errors)) }.recover { error in
                .done(.again((state.index + 1, isOurs ? state.errors + [error] : state.errors)))
            }
        }
    }

    /// Processes that were given up before: killed ones, and those that came up when nobody wanted them any more.
    private var waitForTheUnfinished: Steps<Void> {
        Steps.begin { [self] in
            Steps<Void>.forEach(withState { $0.unfinished }) { attempt in .wait(for: attempt.over) }
        }
    }

    /// What is still up is closed; what closes already is waited for.
    private var closeConnection: Steps<Void> {
        Steps.begin { [self] in
            enum Left {
                case nothing
                case close(Connection)
                case wait(Connection)
                case attempt(ConnectAttempt)
            }
            let left = withState { state -> Left in
                switch state.slot {
                case .empty: return .nothing
                case .connecting(let attempt): return .attempt(attempt)
                case .closing(let connection): return .wait(connection)
                case .up(let connection, _):
                    state.slot = .closing(connection)
                    return .close(connection)
                }
            }
            switch left {
            case .nothing: return .done(())
            case .attempt(let attempt):
                attempt.run.interrupt(Self.leaseError(id, .disposing))
                return Steps<Result<Connection, ClientError>>.wait(for: attempt.outcome).then { [self] _ in
                    closeConnection
                }
            case .wait(let connection): return Steps.wait(for: connection.ended).map { _ in }
            case .close(let connection):
                connection.close()
                return Self.outcome(of: connection)
            }
        }
    }
}
