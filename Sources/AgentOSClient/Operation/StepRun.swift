// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport

/// One execution of `Steps`: where an interruption (cancel, deadline, disposal) reaches what is under way.
///
/// A handle: copies are of the same execution.
package struct StepRun: Sendable {
    private enum Parked: Sendable {
        case nothing
        case request(Connection, id: Int64)
        case other(@Sendable (ClientError) -> Void)
    }

    private struct State: Sendable {
        var interruption: ClientError?
        var isFinished = false
        var parked: Parked = .nothing
        /// Runs of pieces that go on beside each other.
        var pieces: [StepRun] = []
        /// Undivided parts that are under way, and what waits for the end of them.
        var undividedParts = 0
        var afterwards: [@Sendable () -> Void] = []
        /// Counts what was begun, so that a late word about an earlier step is not taken for the present one.
        var turn: UInt64 = 0
    }

    private let state: Lock<State>

    package init() { state = Lock(State()) }

    private init(_ state: Lock<State>) { self.state = state }

    /// The error with which the run was interrupted; nil while it may go on.
    package var interruption: ClientError? { state.withLock { $0.interruption } }

    /// Ends what is under way with `error`, and lets nothing interruptible begin. The first interruption
    /// counts.
    package func interrupt(_ error: ClientError) {
        let (parked, pieces) = state.withLock { state -> (Parked, [StepRun]) in
            guard state.interruption == nil else { return (.nothing, []) }
            state.interruption = error
            defer { state.pieces = [] }
            return (state.parked, state.pieces)
        }
        for piece in pieces { piece.interrupt(error) }
        switch parked {
        case .nothing: break
        case .request(let connection, let id): connection.giveUp(id, error)
        case .other(let interrupter): interrupter(error)
        }
    }

    /// An interruption of this run is one of `piece` too, until that is over.
    func whenInterrupted(_ piece: StepRun) {
        let error = state.withLock { state -> ClientError? in
            state.pieces.removeAll { $0.isFinished }
            state.pieces.append(piece)
            return state.interruption
        }
        if let error { piece.interrupt(error) }
    }

    private var isFinished: Bool { state.withLock { $0.isFinished } }

    /// Its steps have ended.
    func finish() { state.withLock { $0.isFinished = true } }

    /// Interrupts the run after a time, unless it is told before that it is over.
    package func interrupt(_ error: ClientError, after nanoseconds: UInt64) -> InterruptionTimer {
        InterruptionTimer(
            Reactor.current.schedule(.now.adding(nanoseconds)) { [weak state] in
                if let state { StepRun(state).interrupt(error) }
            }
        )
    }

    /// A part begins that goes on to its end whatever happens to the run.
    func beginUndivided() { state.withLock { $0.undividedParts += 1 } }

    func endUndivided() {
        let actions = state.withLock { state -> [@Sendable () -> Void] in
            state.undividedParts -= 1
            guard state.undividedParts == 0 else { return [] }
            defer { state.afterwards = [] }
            return state.afterwards
        }
        for action in actions { action() }
    }

    /// Calls `action` once no such part is under way: now, unless the run was interrupted inside one.
    func whenWhole(_ action: @escaping @Sendable () -> Void) {
        let isWhole = state.withLock { state in
            if state.undividedParts > 0 { state.afterwards.append(action) }
            return state.undividedParts == 0
        }
        if isWhole { action() }
    }

    /// Something begins. The turn names it.
    func begin() -> UInt64 {
        state.withLock { state in
            state.turn += 1
            return state.turn
        }
    }

    /// A request is on its way: from now on an interruption gives it up.
    func requestSent(_ turn: UInt64, _ connection: Connection, id: Int64) {
        let interruption = state.withLock { state -> ClientError? in
            guard state.turn == turn else { return nil }
            state.parked = .request(connection, id: id)
            return state.interruption
        }
        if let interruption { connection.giveUp(id, interruption) }
    }

    /// Something else is waited for, which `interrupter` ends.
    func park(_ turn: UInt64, _ interrupter: @escaping @Sendable (ClientError) -> Void) {
        let interruption = state.withLock { state -> ClientError? in
            guard state.turn == turn else { return nil }
            state.parked = .other(interrupter)
            return state.interruption
        }
        if let interruption { interrupter(interruption) }
    }

    /// What was begun is over.
    func end(_ turn: UInt64) {
        state.withLock { state in
            guard state.turn == turn else { return }
            state.turn += 1
            state.parked = .nothing
        }
    }
}

/// A time after which a run is interrupted.
package struct InterruptionTimer: Sendable {
    private let id: UInt64?
    init(_ id: UInt64?) { self.id = id }
    /// False where no thread was to be had that could look at the time.
    package var isSet: Bool { id != nil }
    package func cancel() { Reactor.current.cancel(timer: id) }
}
