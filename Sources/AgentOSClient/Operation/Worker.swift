// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// A thread for work that waits for the host's disk as well as for the sidecar: it may block, which whoever reads
/// the sidecar's answers must not.
final class Worker: Sendable {
    /// What the work waits for; an interruption of the operation reaches it here.
    private let run: StepRun = StepRun()

    private init() {}

    /// Work on a thread of its own, as steps of an operation.
    static func steps<Output: Sendable>(
        _ name: String,
        _ body: @escaping @Sendable (Worker) throws(ClientError) -> Output
    ) -> Steps<Output> {
        Steps { run, end in
            if let error = run.interruption { return end(.failure(error)) }
            let worker = Worker()
            let turn = run.begin()
            do throws(SystemError) {
                try NamedThread.start(name) {
                    let result = Result { () throws(ClientError) in try body(worker) }
                    run.end(turn)
                    end(result)
                }
            } catch {
                run.end(turn)
                return end(.failure(ClientError(.noMemory, "no thread for it: \(error.text)")))
            }
            run.park(turn) { error in worker.run.interrupt(error) }
        }
    }

    /// Throws the error of an interruption.
    func check() throws(ClientError) { if let error = run.interruption { throw error } }

    var interruption: ClientError? { run.interruption }

    /// Begins steps; several may be under way.
    func begin<Output: Sendable>(_ steps: Steps<Output>) -> WorkerWait<Output> {
        WorkerWait(steps, interruptedBy: run)
    }

    func wait<Output: Sendable>(_ steps: Steps<Output>) throws(ClientError) -> Output {
        try begin(steps).value()
    }

    /// An interruption of the work is one of that run too.
    func interrupts(_ other: StepRun) { run.whenInterrupted(other) }

    /// For cleaning up: also after an interruption.
    func waitShielded<Output: Sendable>(_ steps: Steps<Output>) throws(ClientError) -> Output {
        try begin(steps.shielded).value()
    }
}

/// Steps that a worker has begun.
final class WorkerWait<Output: Sendable>: Sendable {
    private let word: WakeWord = WakeWord()
    private let result: Lock<Result<Output, ClientError>?> = Lock(nil)

    /// Each has a run of its own, for several are under way at a time; the worker's reaches them all.
    fileprivate init(_ steps: Steps<Output>, interruptedBy worker: StepRun) {
        let own = StepRun()
        worker.whenInterrupted(own)
        steps.run(own) { [self] result in
            own.finish()
            self.result.withLock { $0 = result }
            word.wake(.done)
        }
    }

    /// Waits for the end.
    func value() throws(ClientError) -> Output {
        while true {
            if let result = result.withLock({ $0 }) { return try result.get() }
            _ = word.sleep(until: nil)
        }
    }
}
