// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire

extension VM {
    private enum Times {
        static let second: UInt64 = 1_000_000_000
        static let beforeKill = second
        static let lateExits: UInt64 = 250_000_000
        static let afterKillAll = 2 * second
        static let disposeFromCall = 10 * second
    }

    /// Ends the VM, and with the last one the process. Concurrent callers share one shutdown and its outcome;
    /// a later one succeeds (vm.md 12).
    package var shutdown: Steps<Void> {
        Steps.begin { [self] in
            guard let (latch, isFirst) = beginShutdown() else { return .done(()) }
            if isFirst {
                shutdownBegun.set(())
                shuttingDown.run(StepRun()) { result in latch.set(result) }
            }
            return Steps<Result<Void, ClientError>>.wait(for: latch).map { result throws(ClientError) in
                try result.get()
            }
        }
    }

    private var shuttingDown: Steps<Void> {
        Steps.begin { [self] in
            let wire: Steps<ClientError?> =
                connection.isUsable
                ? endProcesses.then { [self] in disposeOnWire } : .done(nil)
            return wire.then { [self] error in
                lateExits.map { error }
            }.then { [self] error in
                for process in record.processes { process.finish(.endedWithVM) }
                connection.router.remove(record.vmID)
                sidecar.endLease(self)
                return use.release.map { [error].compactMap { $0 } }.recover { closing in
                    .done([error, closing].compactMap { $0 })
                }
            }.map { [self] errors throws(ClientError) in
                endShutdown()
                if let error = ClientError.joined(errors) { throw error }
            }
        }
    }

    /// SIGTERM to all, SIGKILL each second to what is left after the first, until all have ended or their time is
    /// over (vm.md 12.3): a VM with live programs can often not be disposed at all (hazard X8).
    private var endProcesses: Steps<Void> {
        Steps.begin { [self] in
            let processes = record.processes
            guard !processes.isEmpty else { return .done(()) }
            for process in processes { send(.terminate, to: process) }
            let limit = sidecar.options.processEndNanoseconds
            return .loop((waited: UInt64(0), isFirst: true)) { [self] state in
                let alive = processes.filter { !$0.hasEnded }
                guard !alive.isEmpty, state.waited < limit, connection.isUsable else {
                    return .done(.done(()))
                }
                if !state.isFirst { for process in alive { send(.kill, to: process) } }
                let pause = min(Times.beforeKill, limit - state.waited)
                return Self.waitForEnds(alive, pause).map { .again((state.waited + pause, false)) }
            }
        }
    }

    private static func waitForEnds(_ processes: [ProcessRecord], _ nanoseconds: UInt64) -> Steps<Void> {
        let deadline = MonotonicTime.now.adding(nanoseconds)
        return .forEach(processes) { process in
            Steps<ProcessEnd>.wait(
                for: process.end,
                atMost: max(deadline.since(.now), 1),
                timeout: ClientError(.timeout, "")
            ).map { _ in }.recover { _ in .done(()) }
        }
    }

    /// The error of the disposal, if there is one to report.
    private var disposeOnWire: Steps<ClientError?> {
        let limit = max(connection.options.limits.limit(of: "dispose_vm"), 1)
        return disposeWithin(limit).recover { [self] error in
            guard error.kind == .kernel,
                error.message.containsBytes(of: "failed to terminate active guest executions")
            else {
                return .fail(error)
            }
            return killAll.then { [self] in disposeWithin(limit) }
        }.map { [self] in
            connection.idleSessions.put(sessionID)
            return nil
        }.recover { [self] error in
            // Gone already, or nobody there to ask: that is what was wanted.
            if error.message.containsBytes(of: "unknown sidecar VM") || error.kind == .sidecar
                || error.kind == .disposed
            {
                return .done(nil)
            }
            // A VM that cannot be ended stays; if nobody else uses the process, ending that frees all of it.
            guard sidecar.isOnlyUser(of: connection) else { return .done(error) }
            connection.kill(.disposed)
            return Steps.wait(for: connection.ended).map { _ in error }
        }
    }

    /// Counted from the call, unlike other limits: a prompt of another VM may be in front.
    private func disposeWithin(_ nanoseconds: UInt64) -> Steps<Void> {
        Steps { [self] _, end in
            let inner = StepRun()
            let timer = Reactor.current.schedule(.now.adding(nanoseconds)) {
                inner.interrupt(ClientError(.timeout, "timed out waiting for sidecar response to dispose_vm"))
            }
            disposeRequest.run(inner) { result in
                Reactor.current.cancel(timer: timer)
                end(result)
            }
        }
    }

    /// SIGKILL to every live process that the sidecar knows of.
    private var killAll: Steps<Void> {
        requestUnchecked(.getProcessSnapshot(GetProcessSnapshotRequest())) { body in
            if case .payload(.processSnapshot(let response)) = body { return response.processes }
            return nil
        }.then { [self] entries in
            let alive = entries.filter {
                $0.status != .exited && !$0.processId.utf8.contains(UInt8(ascii: "/"))
            }
            return .forEach(alive) { [self] entry in
                killRequest(entry.processId, .kill).recover { _ in .done(()) }
            }
        }.then { [self] in
            let ours = record.processes
            return ours.isEmpty ? .pause(Times.afterKillAll / 10) : Self.waitForEnds(ours, Times.afterKillAll)
        }.recover { _ in .done(()) }
    }

    /// Exits that are announced behind the answer: taken while a process is still without one.
    private var lateExits: Steps<Void> {
        Steps.begin { [self] in
            guard record.hasProcesses, connection.isUsable else { return .done(()) }
            return .wait(for: record.disposed, atMost: Times.lateExits, timeout: ClientError(.timeout, ""))
                .recover { _ in .done(()) }
        }
    }

    private func send(_ signal: GuestSignal, to process: ProcessRecord) {
        killRequest(process.processID, signal).run(StepRun()) { _ in }
    }

    func killRequest(_ processID: String, _ signal: GuestSignal) -> Steps<Void> {
        let request = KillProcessRequest(processId: processID, signal: signal.text)
        return requestUnchecked(.killProcess(request)) { body in
            if case .payload(.processKilled) = body { return () }
            return nil
        }
    }
}

extension Sidecar {
    func isOnlyUser(of connection: Connection) -> Bool {
        withState { state in
            if case .up(let current, let users) = state.slot { return current === connection && users == 1 }
            return false
        }
    }
}
