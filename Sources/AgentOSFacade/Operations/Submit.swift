// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import CAgentOS

/// The common part of every `_async` function.
enum Submit {
    /// Checks the completion first, so that the host's `drop` runs whatever is wrong after it; then `prepare`
    /// checks the other arguments, and the operation is accepted and begun.
    static func run<Output: Sendable>(
        _ sidecar: OpaquePointer?,
        _ completion: UnsafePointer<aos_completion>?,
        _ op: UnsafeMutablePointer<aos_id>?,
        _ err: UnsafeMutablePointer<OpaquePointer?>?,
        _ prepare: (SidecarObject) throws(ClientError) -> Prepared<Output>,
        _ record: @escaping @Sendable (Output) -> EventRecord
    ) -> aos_status {
        start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
            let prepared = try prepare(object)
            let operation = try Operation.accept(
                submission,
                object,
                prepared.connection,
                bytes: prepared.bytes
            )
            return (operation, { prepared.begin(operation, record) })
        }
    }

    static func start(
        _ sidecar: OpaquePointer?,
        _ completion: UnsafePointer<aos_completion>?,
        _ op: UnsafeMutablePointer<aos_id>?,
        _ err: UnsafeMutablePointer<OpaquePointer?>?,
        _ accept: (SidecarObject, Submission) throws(ClientError) -> (Operation, begin: () -> Void)
    ) -> aos_status {
        boundary(err) { () throws(ClientError) in
            var submission = try Submission(completion)
            // Without its id nobody could take its events, and they would be kept for ever.
            if op == nil, case .wait = submission.delivery { submission.delivery = .none }
            do throws(ClientError) {
                let (operation, begin) = try accept(try Handles.sidecar(sidecar), submission)
                // Known to the host before the first event can be.
                op?.pointee = operation.id
                begin()
            } catch {
                submission.refuse()
                throw error
            }
        }
    }
}

/// What a call with checked arguments will do.
struct Prepared<Output: Sendable> {
    let steps: Steps<Output>
    let connection: Connection?
    var bytes: Int = 0

    /// An operation on a VM.
    init(_ vm: VM, bytes: Int = 0, _ steps: Steps<Output>) {
        self.steps = steps
        self.bytes = bytes
        connection = vm.connection
    }

    /// An operation on a handle.
    init(_ sidecar: SidecarObject, _ steps: Steps<Output>) {
        self.steps = steps
        connection = nil
    }

    /// The same with something done to its result.
    func map<Next>(_ next: @escaping @Sendable (Output) throws(ClientError) -> Next) -> Prepared<Next> {
        Prepared<Next>(steps: steps.map(next), connection: connection, bytes: bytes)
    }

    private init(steps: Steps<Output>, connection: Connection?, bytes: Int) {
        self.steps = steps
        self.connection = connection
        self.bytes = bytes
    }

    /// The asynchronous form: begins it for an operation that was accepted.
    func begin(_ operation: Operation, _ record: @escaping @Sendable (Output) -> EventRecord) {
        steps.run(operation.run) { result in operation.complete(result, record) }
        if operation.isReadByHost { connection?.expectReader() } else { connection?.expectWithoutWaiting() }
    }

    /// The blocking form: does it and waits for the end.
    func wait(_ timeout: UInt64) throws(ClientError) -> Output {
        try BlockingCall.run(steps, on: connection, bytes: bytes, timeout: timeout)
    }
}
