// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem

/// Threads that run functions of the host for AOS_DELIVER_THREAD. There are none until one is needed, and
/// they end when they have had nothing to do for a while.
final class CallbackThreads: Sendable {
    private static let maximum = 8
    private static let idleNanoseconds: UInt64 = 5_000_000_000
    private static let retryNanoseconds: UInt64 = 50_000_000
    private static let local: ForkLocal<CallbackThreads> = ForkLocal { CallbackThreads() }
    static var current: CallbackThreads { local.current }

    private struct State: Sendable {
        var ready = Fifo<Operation>()
        var idle: [WakeWord] = []
        var count = 0
    }

    private let state: Lock<State> = Lock(State())

    private init() {}

    /// The operation has events: one thread at a time takes them.
    func schedule(_ operation: Operation) {
        let (sleeper, mustStart) = state.withLock { state -> (WakeWord?, Bool) in
            state.ready.append(operation)
            if let sleeper = state.idle.popLast() { return (sleeper, false) }
            guard state.count < Self.maximum else { return (nil, false) }
            state.count += 1
            return (nil, true)
        }
        sleeper?.wake(.done)
        if mustStart { startThread() }
    }

    /// One that is counted already.
    private func startThread() {
        do { try NamedThread.start("aos-cb") { self.work() } } catch {
            state.withLock { $0.count -= 1 }
            // None to be had: another one takes it, if there is one, or one that can be had later.
            Steps<Void>.pause(Self.retryNanoseconds).run(StepRun()) { _ in self.startIfNeeded() }
        }
    }

    private func startIfNeeded() {
        let mustStart = state.withLock { state in
            guard !state.ready.isEmpty, state.count == 0 else { return false }
            state.count += 1
            return true
        }
        if mustStart { startThread() }
    }

    private func work() {
        while true {
            if let operation = state.withLock({ $0.ready.popFirst() }) {
                run(operation)
                continue
            }
            let word = WakeWord()
            state.withLock { $0.idle.append(word) }
            // Something may have come between the two looks.
            if state.withLock({ !$0.ready.isEmpty }) { word.wake(.done) }
            if word.sleep(until: .now.adding(Self.idleNanoseconds)) == .done {
                state.withLock { state in state.idle.removeAll { $0 === word } }
                continue
            }
            let ends = state.withLock { state -> Bool in
                guard let index = state.idle.firstIndex(where: { $0 === word }) else { return false }
                state.idle.remove(at: index)
                state.count -= 1
                return true
            }
            if ends { return }
        }
    }

    private func run(_ operation: Operation) {
        guard case .thread(let callback) = operation.delivery else { return }
        // One event, then the others' turn: a flood of one operation must not starve the rest.
        guard let record = operation.takeScheduled() else { return }
        operation.call(callback, with: record)
        state.withLock { $0.ready.append(operation) }
    }
}
