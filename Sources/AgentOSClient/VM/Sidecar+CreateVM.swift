// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension Sidecar {
    /// Creates a VM: the handle's process is started if there is none, and a failure at any step leaves
    /// nothing behind (vm.md 2).
    package func createVM(_ configuration: VMConfiguration) -> Steps<VM> {
        Steps { [self] run, end in
            let creation = CreationInProgress(run)
            let refusal = withState { state -> ClientError? in
                guard state.phase == .ready else { return Self.leaseError(id, state.phase) }
                state.creations.append(creation)
                return nil
            }
            if let refusal { return end(.failure(refusal)) }
            let steps = acquire.then { [self] use in
                Steps<VM>.begin { [self] () throws(ClientError) in
                    try configuration.checkSizes(limit: use.connection.maximumFrameSize)
                    try configuration.checkModes(user: use.connection.sidecarUser)
                    return create(configuration, use)
                }.onFailure { use.release }
            }
            steps.run(run) { [self] result in
                withState { state in state.creations.removeAll { $0 === creation } }
                creation.finished.set(())
                end(result)
            }
        }
    }

    private func create(_ configuration: VMConfiguration, _ use: ConnectionUse) -> Steps<VM> {
        let connection = use.connection
        return connection.session(placement.wire).then { sessionID in
            connection.createVM(configuration, sessionID: sessionID).then { [self] record in
                let vm = VM(
                    sidecar: self,
                    use: use,
                    sessionID: sessionID,
                    record: record,
                    configuration: configuration
                )
                return connection.waitUntilReady(record, configuration.readyNanoseconds).then {
                    vm.bootstrap
                }.then {
                    // The answer is waited for whatever happens: only behind it may the VM be disposed.
                    vm.configure.shielded
                }.then {
                    Steps<Void>.unlessInterrupted
                }.map { [self] () throws(ClientError) in
                    try lease(vm)
                    return vm
                }.onFailure { vm.undo }
            }
        }
    }

    /// Reservation to lease, if the handle is still there for it.
    private func lease(_ vm: VM) throws(ClientError) {
        let refusal = withState { state -> ClientError? in
            guard state.phase == .ready else { return Self.leaseError(id, state.phase) }
            state.leases.append(vm)
            return nil
        }
        if let refusal { throw refusal }
    }

    func endLease(_ vm: VM) { withState { state in state.leases.removeAll { $0 === vm } } }
}

extension Connection {
    /// A transport session for a VM: an idle one, since there is no request to close one (vm.md V10).
    func session(_ placement: SidecarPlacement) -> Steps<String> {
        Steps.begin { [self] in
            if let idle = idleSessions.take() { return .done(idle) }
            let request = OpenSessionRequest(placement: placement)
            return requestSteps(.openSession(request), FrameOwner(.connection(connectionID))) { body in
                if case .payload(.sessionOpened(let response)) = body { return response.sessionId }
                return nil
            }
        }
    }

    /// The answer is waited for whatever happens: a VM that came into being must be known, to be ended.
    func createVM(_ configuration: VMConfiguration, sessionID: String) -> Steps<VMRecord> {
        let owner = FrameOwner(
            .session(SessionOwnership(connectionId: connectionID, sessionId: sessionID))
        )
        let request = requestSteps(.createVm(configuration.createRequest), owner) {
            [router] body -> VMRecord? in
            if case .payload(.vmCreated(let response)) = body { return router.record(of: response.vmId) }
            return nil
        }
        // A rejected creation leaves the session free for another.
        return request.shielded.recover { [idleSessions] error throws(ClientError) in
            if error.kind == .kernel { idleSessions.put(sessionID) }
            throw error
        }
    }

    /// The stored state first, so that no event can be missed (vm.md 3).
    func waitUntilReady(_ record: VMRecord, _ nanoseconds: UInt64) -> Steps<Void> {
        Steps<VMRecord.Readiness>.wait(
            for: record.readiness,
            atMost: nanoseconds,
            timeout: ClientError(.timeout, "timed out waiting for the VM to become ready")
        ).map { readiness throws(ClientError) in
            switch readiness {
            case .ready: return
            case .ended(let state):
                throw ClientError(.sidecar, "VM \(record.vmID) became \(state.jsonName) before it was ready")
            case .failed(let cause):
                let start = "sidecar transport disconnected: "
                let text =
                    cause.message.hasPrefix(start)
                    ? String(cause.message.dropFirst(start.count)) : cause.message
                throw ClientError(.sidecar, "sidecar transport closed before the VM became ready: \(text)") {
                    $0 = cause.detail
                }
            }
        }
    }
}

extension VM {
    var bootstrap: Steps<Void> {
        if configuration.bootstrapEntries.isEmpty { return .done(()) }
        return requestUnchecked(configuration.bootstrapRequest) { body in
            if case .payload(.rootFilesystemBootstrapped) = body { return () }
            return nil
        }
    }

    var configure: Steps<Void> {
        requestUnchecked(.configureVm(configuration.configureRequest)) { body in
            if case .payload(.vmConfigured) = body { return () }
            return nil
        }
    }

    /// Ends a VM whose creation failed. Its session is free again when that succeeds.
    var undo: Steps<Void> {
        disposeRequest.map { [self] in connection.idleSessions.put(sessionID) }.recover { _ in .done(()) }
            .map { [self] in
                endShutdown()
                connection.router.remove(record.vmID)
            }
    }

    var disposeRequest: Steps<Void> {
        requestUnchecked(.disposeVm(DisposeVmRequest(reason: .requested))) { body in
            if case .payload(.vmDisposed) = body { return () }
            return nil
        }
    }
}

/// Sessions whose last VM is known to be gone.
final class IdleSessions: Sendable {
    private let names: Lock<[String]> = Lock([])
    func take() -> String? { names.withLock { $0.popLast() } }
    func put(_ name: String) { names.withLock { $0.append(name) } }
}
