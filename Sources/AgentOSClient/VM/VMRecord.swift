// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// What the events of one VM say: its last state, and its processes. Kept by the router, filled by whoever
/// reads.
final class VMRecord: Sendable {
    enum Readiness: Sendable {
        case ready
        case ended(VmLifecycleState)
        case failed(ClientError)
    }

    private struct State: Sendable {
        var lifecycle: VmLifecycleState?
        var processes: [ByteKey: ProcessRecord] = [:]
        var failure: ClientError?
        var hasRunPrograms = false
    }

    let vmID: String
    private let state: Lock<State> = Lock(State())
    let readiness: Latch<Readiness> = Latch()
    /// Set by the event that says that the VM is gone, or by the end of its process.
    let disposed: Latch<Void> = Latch()
    /// Called when a VM that was ready ends unasked.
    private let lossObserver: Lock<(@Sendable (ClientError) -> Void)?> = Lock(nil)

    init(vmID: String) { self.vmID = vmID }

    var lifecycle: VmLifecycleState? { state.withLock { $0.lifecycle } }

    func observeLoss(_ observer: @escaping @Sendable (ClientError) -> Void) {
        let failure = lossObserver.withLock { stored in
            stored = observer
            return state.withLock { $0.failure }
        }
        if let failure { observer(failure) }
    }

    func stopObservingLoss() { lossObserver.withLock { $0 = nil } }

    func changed(to lifecycle: VmLifecycleState) {
        state.withLock { $0.lifecycle = lifecycle }
        switch lifecycle {
        case .creating: break
        case .ready: readiness.set(.ready)
        case .disposing: readiness.set(.ended(lifecycle))
        case .disposed, .failed:
            readiness.set(.ended(lifecycle))
            if lifecycle == .disposed { disposed.set(()) }
            lossObserver.withLock { $0 }?(ClientError(.sidecar, "VM \(vmID) became \(lifecycle.jsonName)"))
        }
    }

    func connectionFailed(_ error: ClientError) {
        let processes = state.withLock { state in
            state.failure = error
            defer { state.processes = [:] }
            return state.processes.values.sorted { $0.order < $1.order }
        }
        readiness.set(.failed(error))
        lossObserver.withLock { $0 }?(error)
        stopObservingLoss()
        for process in processes { process.lost(error) }
        disposed.set(())
    }

    // MARK: Processes

    /// Puts a process in before its `execute` is written. False when the connection has failed already.
    func add(_ process: ProcessRecord, isOfLibrary: Bool = false) -> Bool {
        state.withLock { state in
            guard state.failure == nil else { return false }
            if !isOfLibrary { state.hasRunPrograms = true }
            state.processes[ByteKey(process.processID)] = process
            return true
        }
    }

    func remove(_ process: ProcessRecord) {
        state.withLock { _ = $0.processes.removeValue(forKey: ByteKey(process.processID)) }
    }

    var processes: [ProcessRecord] { state.withLock { $0.processes.values.sorted { $0.order < $1.order } } }

    /// Whether there ever was one, other than the library's own, which make no links.
    var hasRunPrograms: Bool { state.withLock { $0.hasRunPrograms } }

    /// Whether a program of ours may be changing files at this moment.
    var hasProcesses: Bool { state.withLock { !$0.processes.isEmpty } }

    func output(_ processID: String, _ channel: OutputChannel, _ block: ByteBlock) -> Bool {
        guard let process = state.withLock({ $0.processes[ByteKey(processID)] }) else { return false }
        process.output(channel, block)
        return true
    }

    func exited(_ processID: String, _ code: Int32) -> Bool {
        guard let process = state.withLock({ $0.processes.removeValue(forKey: ByteKey(processID)) }) else {
            return false
        }
        process.exited(code)
        return true
    }
}
