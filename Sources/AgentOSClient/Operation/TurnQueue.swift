// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Turns at something that some work must have alone, and other work may share: in the order in which they were
/// asked for.
///
/// Work that has a turn must not ask for another one: the two could wait for each other.
final class TurnQueue: Sendable {
    enum Turn: Sendable {
        /// Together with others of this sort.
        case beside
        case alone
    }

    /// Called when the turn has come, or with the error because of which it never will.
    private typealias Begin = @Sendable (ClientError?) -> Void

    private struct Job: Sendable {
        let number: UInt64
        let turn: Turn
        let begin: Begin
    }

    private struct State: Sendable {
        var jobs = Fifo<Job>()
        var lastNumber: UInt64 = 0
        /// How many have their turn at this moment, and whether it is one alone.
        var active = 0
        var isAlone = false
        /// A thread gives turns out. Others leave that to it: work that ends at once must not deepen the stack.
        var isGivingOut = false

        /// Takes the turn if it is free.
        mutating func take(_ turn: Turn) -> Bool {
            guard !isAlone, turn == .beside || active == 0 else { return false }
            active += 1
            isAlone = turn == .alone
            return true
        }
    }

    private let state: Lock<State> = Lock(State())

    /// The steps, when it is their turn. An interruption takes them out again while they wait; an undivided part of them
    /// keeps the turn until it is over.
    ///
    /// Once in the library and not for each type: what it costs is nothing beside the requests of the steps.
    @_semantics("optimize.sil.specialize.generic.never")
    func run<Output: Sendable>(_ turn: Turn, _ steps: Steps<Output>) -> Steps<Output> {
        Steps { [self] run, end in
            enter(turn, run) { [self] refusal in
                if let refusal { return end(.failure(refusal)) }
                steps.run(run) { [self] result in
                    run.whenWhole { [self] in leave() }
                    end(result)
                }
            }
        }
    }

    private func enter(_ turn: Turn, _ run: StepRun, _ begin: @escaping Begin) {
        if state.withLock({ state in state.jobs.isEmpty && state.take(turn) }) { return begin(nil) }
        if let error = run.interruption { return begin(error) }
        let wait = run.begin()
        let number = state.withLock { state -> UInt64 in
            state.lastNumber += 1
            state.jobs.append(
                Job(number: state.lastNumber, turn: turn) { refusal in
                    run.end(wait)
                    begin(refusal)
                }
            )
            return state.lastNumber
        }
        run.park(wait) { [self] error in
            let waiting = state.withLock { state in state.jobs.removeFirst { $0.number == number } }
            guard let waiting else { return }
            waiting.begin(error)
            // Who came behind it may have waited for it alone.
            giveOut()
        }
        // It may have come free between the two looks.
        giveOut()
    }

    private func leave() {
        let othersWait = state.withLock { state in
            state.active -= 1
            state.isAlone = false
            return !state.jobs.isEmpty
        }
        if othersWait { giveOut() }
    }

    /// Begins whatever may begin, in order.
    private func giveOut() {
        let isOurs = state.withLock { state in
            defer { state.isGivingOut = true }
            return !state.isGivingOut
        }
        guard isOurs else { return }
        while true {
            let job = state.withLock { state -> Job? in
                guard let first = state.jobs.first, state.take(first.turn) else {
                    state.isGivingOut = false
                    return nil
                }
                return state.jobs.popFirst()
            }
            guard let job else { return }
            job.begin(nil)
        }
    }
}
