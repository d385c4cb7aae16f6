// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem

/// A piece of work and the thread that waits for it. No id, no table, one word to sleep on.
enum BlockingCall {
    /// How long an operation that was told to end may still take, before the caller is let go without it.
    private static let grace: UInt64 = 1_000_000_000
    private static let forEver = UInt64.max

    private typealias Cell<Output> = Lock<Result<Output, ClientError>?>

    private static func outOfTime() -> ClientError { ClientError(.timeout, "the call ran out of time") }

    static func deadline(_ timeout: UInt64) -> MonotonicTime? {
        timeout == forEver ? nil : MonotonicTime.now.adding(timeout)
    }

    /// Runs `steps` and waits. Out of time the run is interrupted, if `cancels`; else it goes on without the
    /// caller.
    static func run<Output: Sendable>(
        _ steps: Steps<Output>,
        on connection: Connection?,
        bytes: Int = 0,
        timeout: UInt64,
        cancels: Bool = true
    ) throws(ClientError) -> Output {
        if ThreadRole.isReader {
            throw ClientError(.deadlock, "a blocking call on the library's own thread would wait for itself")
        }
        let deadline = deadline(timeout)
        let reserved = OutgoingBudget.perRequest + bytes
        if let budget = connection?.budget, !budget.reserve(reserved),
            !budget.reserve(reserved, until: deadline)
        {
            throw outOfTime()
        }
        let cell = Cell<Output>(nil)
        let word = WakeWord()
        let run = StepRun()
        steps.run(run) { result in
            connection?.budget.release(reserved)
            cell.withLock { $0 = result }
            if let connection { connection.finish(word) } else { word.wake(.done) }
        }
        if let result = wait(cell, word, connection, deadline) { return try output(result, connection) }
        guard cancels else { throw outOfTime() }
        run.interrupt(outOfTime())
        if let result = wait(cell, word, connection, MonotonicTime.now.adding(grace)) {
            return try output(result, connection)
        }
        throw outOfTime()
    }

    private static func output<Output>(
        _ result: Result<Output, ClientError>,
        _ connection: Connection?
    ) throws(ClientError) -> Output {
        do throws(ClientError) { return try result.get() } catch { throw error.about(connection) }
    }

    private static func wait<Output>(
        _ cell: Cell<Output>,
        _ word: WakeWord,
        _ connection: Connection?,
        _ deadline: MonotonicTime?
    ) -> Result<Output, ClientError>? {
        if !word.isDone {
            if let connection {
                _ = connection.wait(word, until: deadline)
            } else {
                _ = word.sleep(until: deadline)
            }
        }
        return cell.withLock { $0 }
    }

    /// Refuses to wait for the end of a sidecar inside one of its own callbacks.
    static func refuseInside(_ sidecar: SidecarObject?) throws(ClientError) {
        guard let subject = ThreadRole.callbackSubject, sidecar == nil || subject == sidecar?.serial else {
            return
        }
        throw ClientError(.deadlock, "cannot wait for dispose inside a callback")
    }
}
