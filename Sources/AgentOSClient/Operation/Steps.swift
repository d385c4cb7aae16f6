// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport

/// A piece of work of one or more requests: what to do first, and after each answer what next.
///
/// A description, run as often as wanted. It runs on whichever thread received the answer, never blocks, and
/// calls its end exactly once. An interruption of the run ends it at the next step that is not `shielded`.
package struct Steps<Output: Sendable>: Sendable {
    package typealias End = @Sendable (Result<Output, ClientError>) -> Void

    let body: @Sendable (StepRun, @escaping End) -> Void

    init(_ body: @escaping @Sendable (StepRun, @escaping End) -> Void) { self.body = body }

    package func run(_ run: StepRun, _ end: @escaping End) { body(run, end) }

    package static func done(_ output: Output) -> Steps { Steps { _, end in end(.success(output)) } }

    package static func fail(_ error: ClientError) -> Steps { Steps { _, end in end(.failure(error)) } }

    /// Work that throws or gives the next steps, done only when they are run.
    package static func begin(_ body: @escaping @Sendable () throws(ClientError) -> Steps) -> Steps {
        Steps { run, end in
            do throws(ClientError) { try body().body(run, end) } catch { end(.failure(error)) }
        }
    }

    /// The same as a call of the named operation: its errors, and those of its steps, say so.
    package static func operation(
        _ name: String,
        path: String? = nil,
        _ body: @escaping @Sendable () throws(ClientError) -> Steps
    ) -> Steps {
        Steps { run, end in
            let named: End = { result in
                guard case .failure(let error) = result else { return end(result) }
                end(.failure(error.during(name, path: path)))
            }
            do throws(ClientError) { try body().body(run, named) } catch { named(.failure(error)) }
        }
    }

    package func then<Next>(
        _ next: @escaping @Sendable (Output) throws(ClientError) -> Steps<Next>
    ) -> Steps<Next> {
        Steps<Next> { run, end in
            body(run) { result in
                do throws(ClientError) { try next(try result.get()).body(run, end) } catch {
                    end(.failure(error))
                }
            }
        }
    }

    package func map<Next>(_ next: @escaping @Sendable (Output) throws(ClientError) -> Next) -> Steps<Next> {
        Steps<Next> { run, end in
            body(run) { result in
                end(Result { () throws(ClientError) in try next(try result.get()) })
            }
        }
    }

    /// Goes on after an error, or with another one thrown.
    package func recover(_ handler: @escaping @Sendable (ClientError) throws(ClientError) -> Steps) -> Steps {
        Steps { run, end in
            body(run) { result in
                guard case .failure(let error) = result else { return end(result) }
                do throws(ClientError) { try handler(error).body(run, end) } catch { end(.failure(error)) }
            }
        }
    }

    /// Does `undo` after a failure, also after an interruption, and then reports the failure as it was.
    package func onFailure(_ undo: @escaping @Sendable () -> Steps<Void>) -> Steps {
        Steps { run, end in
            body(run) { result in
                guard case .failure = result else { return end(result) }
                undo().shielded.body(run) { _ in end(result) }
            }
        }
    }

    /// Does `undo` after a refusal, not where the answer is unknown: what was asked for may have been done.
    func onRefusal(_ undo: @escaping @Sendable () -> Steps<Void>) -> Steps {
        recover { error in
            let refused = Steps.fail(error)
            return error.kind == .timeout || error.kind == .cancelled ? refused : refused.onFailure(undo)
        }
    }

    /// The same, not reached by interruptions of the run.
    var shielded: Steps { Steps { _, end in body(StepRun(), end) } }

    /// The same for what must not stay half done: once begun it goes on to its end. An interruption ends the wait for it,
    /// and a turn that the run has is kept until it is over.
    var undivided: Steps {
        Steps { run, end in
            if let error = run.interruption { return end(.failure(error)) }
            let outcome = Latch<Result<Output, ClientError>>()
            run.beginUndivided()
            body(StepRun()) { result in
                run.endUndivided()
                outcome.set(result)
            }
            Steps<Result<Output, ClientError>>.wait(for: outcome).map { result throws(ClientError) in
                try result.get()
            }.body(run, end)
        }
    }

    /// Nothing, unless the run was interrupted meanwhile.
    static var unlessInterrupted: Steps<Void> {
        Steps<Void> { run, end in end(run.interruption.map { .failure($0) } ?? .success(())) }
    }

    /// Reports the errors of the steps as errors of the named operation.
    package func during(_ operation: String, path: String? = nil) -> Steps {
        recover { error throws(ClientError) in throw error.during(operation, path: path) }
    }

    /// Waits for a latch, at most `nanoseconds`.
    static func wait(
        for latch: Latch<Output>,
        atMost nanoseconds: UInt64? = nil,
        timeout: @autoclosure @escaping @Sendable () -> ClientError
    ) -> Steps {
        Steps { run, end in
            if let error = run.interruption { return end(.failure(error)) }
            let wait = LatchWait(end)
            let turn = run.begin()
            wait.token = latch.whenSet { value in
                run.end(turn)
                wait.finish(.success(value))
            }
            if let nanoseconds, latch.value == nil {
                wait.timer = Reactor.current.schedule(.now.adding(nanoseconds)) {
                    run.end(turn)
                    if latch.cancel(wait.token) { wait.finish(.failure(timeout())) }
                }
            }
            run.park(turn) { error in
                if latch.cancel(wait.token) { wait.finish(.failure(error)) }
            }
        }
    }

    package static func wait(for latch: Latch<Output>) -> Steps {
        wait(for: latch, timeout: ClientError(.timeout, "timed out"))
    }
}

extension Steps where Output == Void {
    /// Waits for an interruption, and fails with it.
    package static var untilInterrupted: Steps<Void> { wait(for: Latch()) }

    /// A moment of nothing.
    package static func pause(_ nanoseconds: UInt64) -> Steps<Void> {
        wait(for: Latch(), atMost: nanoseconds, timeout: ClientError(.timeout, "")).recover { error in
            error.kind == .timeout && error.message.isEmpty ? .done(()) : .fail(error)
        }
    }
}

/// One waiting for a latch: whichever of value, time and interruption comes first ends it.
private final class LatchWait<Output: Sendable>: Sendable {
    private struct State: Sendable {
        var token: UInt64 = 0
        var timer: UInt64?
        var end: (@Sendable (Result<Output, ClientError>) -> Void)?
    }
    private let state: Lock<State>

    init(_ end: @escaping @Sendable (Result<Output, ClientError>) -> Void) { state = Lock(State(end: end)) }

    var token: UInt64 {
        get { state.withLock { $0.token } }
        set { state.withLock { $0.token = newValue } }
    }

    var timer: UInt64? {
        get { state.withLock { $0.timer } }
        set {
            let isOver = state.withLock { state in
                state.timer = newValue
                return state.end == nil
            }
            if isOver { Reactor.current.cancel(timer: newValue) }
        }
    }

    func finish(_ result: Result<Output, ClientError>) {
        let (end, timer) = state.withLock { state in
            defer { state.end = nil }
            return (state.end, state.timer)
        }
        Reactor.current.cancel(timer: timer)
        end?(result)
    }
}
