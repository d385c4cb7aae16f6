// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Work that is done in the order in which it was asked for, one piece at a time.
final class OrderedQueue: Sendable {
    private struct Job: Sendable {
        let number: UInt64
        /// Does the work and calls back when it is over.
        let start: @Sendable (@escaping @Sendable () -> Void) -> Void
        let refuse: @Sendable (ClientError) -> Void
    }

    private struct State: Sendable {
        var jobs = Fifo<Job>()
        var isBusy = false
        var lastNumber: UInt64 = 0
        var failure: ClientError?
    }

    private let state: Lock<State> = Lock(State())

    /// The steps, when it is their turn. An interruption takes them out again while they wait.
    func enqueue<Output: Sendable>(_ steps: Steps<Output>) -> Steps<Output> {
        Steps { [self] run, end in
            if let error = run.interruption { return end(.failure(error)) }
            let turn = run.begin()
            let (number, failure) = state.withLock { state -> (UInt64, ClientError?) in
                guard state.failure == nil else { return (0, state.failure) }
                state.lastNumber += 1
                state.jobs.append(
                    Job(
                        number: state.lastNumber,
                        start: { done in
                            run.end(turn)
                            steps.run(run) { result in
                                end(result)
                                done()
                            }
                        },
                        refuse: { error in
                            run.end(turn)
                            end(.failure(error))
                        }
                    )
                )
                return (state.lastNumber, nil)
            }
            if let failure { return end(.failure(failure)) }
            run.park(turn) { [self] error in
                let waiting = state.withLock { state in state.jobs.removeFirst { $0.number == number } }
                waiting?.refuse(error)
            }
            next()
        }
    }

    /// Nothing that waits is begun any more, nor anything new.
    func fail(_ error: ClientError) {
        let refused = state.withLock { state -> [Job] in
            state.failure = state.failure ?? error
            return state.jobs.removeAll()
        }
        for job in refused { job.refuse(error) }
    }

    private func next() {
        let job = state.withLock { state -> Job? in
            guard !state.isBusy, let job = state.jobs.popFirst() else { return nil }
            state.isBusy = true
            return job
        }
        job?.start { [self] in
            state.withLock { $0.isBusy = false }
            next()
        }
    }
}
