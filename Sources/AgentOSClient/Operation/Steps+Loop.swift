// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// What a turn of a loop decided.
enum LoopTurn<State: Sendable, Output: Sendable>: Sendable {
    case again(State)
    case done(Output)
}

extension Steps {
    /// Repeats `body` until it is done. Turns that end at once do not deepen the stack.
    static func loop<State: Sendable>(
        _ state: State,
        _ body: @escaping @Sendable (State) throws(ClientError) -> Steps<LoopTurn<State, Output>>
    ) -> Steps {
        Steps { run, end in Loop(body: body, run: run, end: end).go(state) }
    }

    /// Runs one after the other over the elements, in order.
    static func forEach<Element: Sendable>(
        _ elements: [Element],
        _ body: @escaping @Sendable (Element) throws(ClientError) -> Steps<Void>
    ) -> Steps where Output == Void {
        loop(0) { index throws(ClientError) in
            guard index < elements.count else { return .done(.done(())) }
            return try body(elements[index]).map { .again(index + 1) }
        }
    }
}

private final class Loop<State: Sendable, Output: Sendable>: Sendable {
    private enum Turn: Sendable {
        case running
        case endedAtOnce(Result<LoopTurn<State, Output>, ClientError>)
        case waiting
    }

    private let body: @Sendable (State) throws(ClientError) -> Steps<LoopTurn<State, Output>>
    private let run: StepRun
    private let end: Steps<Output>.End

    init(
        body: @escaping @Sendable (State) throws(ClientError) -> Steps<LoopTurn<State, Output>>,
        run: StepRun,
        end: @escaping Steps<Output>.End
    ) {
        self.body = body
        self.run = run
        self.end = end
    }

    func go(_ first: State) {
        var state = first
        while true {
            let turn = Lock<Turn>(.running)
            let steps = Steps.begin { [state] () throws(ClientError) in try self.body(state) }
            steps.run(run) { result in
                let isLate = turn.withLock { turn -> Bool in
                    if case .waiting = turn { return true }
                    turn = .endedAtOnce(result)
                    return false
                }
                if isLate, let next = self.next(result) { self.go(next) }
            }
            let result = turn.withLock { turn -> Result<LoopTurn<State, Output>, ClientError>? in
                if case .endedAtOnce(let result) = turn { return result }
                turn = .waiting
                return nil
            }
            guard let result, let next = next(result) else { return }
            state = next
        }
    }

    /// The state to go on with; nil when the loop is over and its end was called.
    private func next(_ result: Result<LoopTurn<State, Output>, ClientError>) -> State? {
        switch result {
        case .success(.again(let state)): return state
        case .success(.done(let output)): end(.success(output))
        case .failure(let error): end(.failure(error))
        }
        return nil
    }
}
