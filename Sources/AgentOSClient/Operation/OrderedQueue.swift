// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Work that is done in the order in which it was asked for, one piece at a time.
final class OrderedQueue: Sendable {
    private struct Job: Sendable {
        /// Does the work and calls back when it is over.
        let start: @Sendable (@escaping @Sendable () -> Void) -> Void
        let refuse: @Sendable (ClientError) -> Void
    }

    private struct State: Sendable {
        var jobs = Fifo<Job>()
        var isBusy = false
        var failure: ClientError?
    }

    private let state: Lock<State> = Lock(State())

    /// The steps, when it is their turn.
    func enqueue<Output: Sendable>(_ steps: Steps<Output>) -> Steps<Output> {
        Steps { [self] run, end in
            let job = Job(
                start: { done in
                    steps.run(run) { result in
                        end(result)
                        done()
                    }
                }, refuse: { end(.failure($0)) })
            let failure = state.withLock { state -> ClientError? in
                if state.failure == nil { state.jobs.append(job) }
                return state.failure
            }
            if let failure { return end(.failure(failure)) }
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
