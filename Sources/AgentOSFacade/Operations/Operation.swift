// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import Synchronization

/// An accepted operation: it publishes its events in order, and its last one exactly once.
final class Operation: Sendable {
    private struct State: Sendable {
        var lastSequence: UInt64 = 0
        var isComplete = false
        /// WAIT and THREAD: what was not taken yet.
        var pending = Fifo<EventRecord>()
        var waiters: [WakeWord] = []
        /// WAIT: the last event was taken.
        var isTaken = false
        /// QUEUE and CALL: numbered, and on its way to the queue by one thread at a time, in order.
        var outbox = Fifo<EventRecord>()
        var isPosting = false
        /// THREAD: a thread is at it, or will be.
        var isScheduled = false
        var timer: InterruptionTimer?
        var atEnd: (@Sendable () -> Void)?
    }

    let sidecar: SidecarObject
    let delivery: Delivery
    let tag: UInt64
    let run: StepRun = StepRun()
    /// What a waiter may read on meanwhile.
    let connection: Connection?
    private let identifier: Atomic<UInt64> = Atomic(0)
    private let objectID: Atomic<UInt64> = Atomic(0)
    private let state: Lock<State> = Lock(State())

    private init(_ submission: Submission, _ sidecar: SidecarObject, _ connection: Connection?) {
        delivery = submission.delivery
        tag = submission.tag
        self.sidecar = sidecar
        self.connection = connection
    }

    var id: UInt64 { identifier.load(ordering: .relaxed) }
    var object: UInt64 { objectID.load(ordering: .relaxed) }
    func setObject(_ id: UInt64) { objectID.store(id, ordering: .relaxed) }

    /// Accepts an operation. `bytes` are taken from the budget of its connection until it is complete.
    static func accept(
        _ submission: Submission,
        _ sidecar: SidecarObject,
        _ connection: Connection?,
        bytes: Int = 0
    ) throws(ClientError) -> Operation {
        let operation = Operation(submission, sidecar, connection)
        let reserved = OutgoingBudget.perRequest + bytes
        if let connection, !connection.budget.reserve(reserved) {
            throw ClientError(
                .busy,
                "the connection has \(OutgoingBudget.bound) bytes of requests under way: try again later"
            )
        }
        let release: @Sendable () -> Void = { connection?.budget.release(reserved) }
        switch submission.delivery {
        case .queue(let queue), .call(let queue, _):
            guard queue.reserve(operation) else {
                release()
                throw ClientError(.busy, "the queue is full: take events, then try again")
            }
        case .wait, .thread, .none: break
        }
        let takeBack: () -> Void = {
            release()
            operation.queueIfAny?.forget(operation)
        }
        guard let id = Identifiers.current.operations.add(operation) else {
            takeBack()
            throw ClientError(.noMemory, "too many operations")
        }
        operation.identifier.store(id, ordering: .relaxed)
        operation.state.withLock { $0.atEnd = release }
        if submission.deadline > 0 {
            let timer = operation.run.interrupt(
                ClientError(.timeout, "the operation ran out of time"),
                after: submission.deadline
            )
            guard timer.isSet else {
                takeBack()
                Identifiers.current.operations.remove(id)
                throw ClientError(.noMemory, "no thread can be had that would look at the deadline")
            }
            operation.state.withLock { $0.timer = timer }
        }
        return operation
    }

    private var queueIfAny: EventQueue? {
        switch delivery {
        case .queue(let queue), .call(let queue, _): queue
        case .wait, .thread, .none: nil
        }
    }

    func cancel() { run.interrupt(.cancelled) }

    /// Whether the thread that takes the events reads the connection meanwhile.
    var isReadByHost: Bool { queueIfAny?.isReadByHost ?? false }

    // MARK: Publishing

    func emit(_ record: EventRecord) { publish(record) }

    /// The last event.
    func complete(_ record: EventRecord) {
        var record = record
        record.isLast = true
        publish(record)
    }

    func complete<Output>(_ result: Result<Output, ClientError>, _ record: (Output) -> EventRecord) {
        switch result {
        case .success(let output): complete(record(output))
        case .failure(let error): complete(.failed(error.about(connection)))
        }
    }

    private func publish(_ record: EventRecord) {
        var record = record
        let keeps: Bool =
            switch delivery {
            case .wait, .thread: true
            case .queue, .call, .none: false
            }
        let outcome = state.withLock {
            state -> (
                waiters: [WakeWord], isOurs: Bool, timer: InterruptionTimer?, atEnd: (@Sendable () -> Void)?
            )? in
            guard !state.isComplete else { return nil }
            state.lastSequence += 1
            record.sequence = state.lastSequence
            state.isComplete = record.isLast
            let isOurs: Bool
            if keeps {
                state.pending.append(record)
                isOurs = !state.isScheduled
                state.isScheduled = true
            } else {
                // Two threads may publish at once, a loss and an end for instance: who comes second leaves its event
                // to the first.
                isOurs = !state.isPosting
                state.isPosting = true
                if !isOurs { state.outbox.append(record) }
            }
            let isLast = record.isLast
            defer {
                state.waiters = []
                if isLast { (state.timer, state.atEnd) = (nil, nil) }
            }
            return (state.waiters, isOurs, isLast ? state.timer : nil, isLast ? state.atEnd : nil)
        }
        guard let outcome else { return }
        if record.isLast {
            outcome.timer?.cancel()
            outcome.atEnd?()
            // Kept for whoever takes it, which nobody can without its handle.
            var isKept = false
            if case .wait = delivery { isKept = !sidecar.isReleased }
            if !isKept { Identifiers.current.operations.remove(id) }
        }
        switch delivery {
        case .wait: for word in outcome.waiters { wake(word) }
        case .thread: if outcome.isOurs { CallbackThreads.current.schedule(self) }
        case .queue, .call, .none: if outcome.isOurs { post(record) }
        }
    }

    /// Posts an event, and after it what others have left meanwhile.
    private func post(_ first: EventRecord) {
        var next: EventRecord? = first
        while let record = next {
            switch delivery {
            case .queue(let queue): queue.post(self, record)
            case .call(let queue, _): queue.postCall(self, record)
            case .none: record.credit?.giveBack()
            case .wait, .thread: break
            }
            // Behind the last one nothing comes.
            if record.isLast { return }
            next = state.withLock { state in
                let next = state.outbox.popFirst()
                if next == nil { state.isPosting = false }
                return next
            }
        }
    }

    private func wake(_ word: WakeWord) {
        guard let connection else { return word.wake(.done) }
        connection.finish(word)
    }

    // MARK: WAIT

    /// The next event, if there is one. Throws when somebody else has taken the last one.
    func take() throws(ClientError) -> EventRecord? {
        let (record, isOver, waiters) = state.withLock { state -> (EventRecord?, Bool, [WakeWord]) in
            if state.isTaken { return (nil, true, []) }
            let record = state.pending.popFirst()
            guard record?.isLast == true else { return (record, false, []) }
            state.isTaken = true
            defer { state.waiters = [] }
            return (record, false, state.waiters)
        }
        if isOver { throw Identifiers.noSuchOperation(id) }
        if record?.isLast == true {
            Identifiers.current.operations.remove(id)
            // What they wait for will not come.
            for word in waiters { wake(word) }
        }
        return record
    }

    /// Events that nobody can take any more, and with them what they keep: the connection of a sidecar.
    static func forgetUntaken(of sidecar: SidecarObject) {
        Identifiers.current.operations.removeAll { operation in
            operation.sidecar === sidecar && operation.state.withLock { $0.isComplete }
        }
    }

    /// Whether there is an event. Throws when somebody else has taken the last one.
    func hasEvent() throws(ClientError) -> Bool {
        let (isTaken, isThere) = state.withLock { ($0.isTaken, !$0.pending.isEmpty) }
        if isTaken { throw Identifiers.noSuchOperation(id) }
        return isThere
    }

    /// Wakes `word` at the next event. True if there is one already, or none will be any more.
    func register(_ word: WakeWord) -> Bool {
        state.withLock { state in
            if state.isTaken || !state.pending.isEmpty { return true }
            state.waiters.append(word)
            return false
        }
    }

    func unregister(_ word: WakeWord) { state.withLock { state in state.waiters.removeAll { $0 === word } } }

    /// Sleeps on `word`, which is registered with all of these, and reads meanwhile where they share a
    /// connection: a thread that reads one is not woken by another. False when the time was over.
    static func sleep(_ word: WakeWord, for operations: [Operation], until deadline: MonotonicTime?) -> Bool {
        let connection = operations.first?.connection
        guard let connection, operations.allSatisfy({ $0.connection === connection }) else {
            for operation in operations { operation.connection?.expectWithoutWaiting() }
            return word.sleep(until: deadline) == .done
        }
        return connection.wait(word, until: deadline)
    }

    // MARK: THREAD and CALL

    /// The next event for a callback thread; nil when there is none and the operation is not scheduled any
    /// more.
    func takeScheduled() -> EventRecord? {
        state.withLock { state in
            if let record = state.pending.popFirst() { return record }
            state.isScheduled = false
            return nil
        }
    }

    /// Calls the host with one event, and drops behind the last one.
    func call(_ callback: HostCallback, with record: EventRecord) {
        var event = record.event(of: self)
        ThreadRole.insideCallback(of: sidecar.serial) { callback.call(&event) }
        EventHandles.release(&event)
        record.credit?.giveBack()
        if record.isLast { ThreadRole.insideCallback(of: sidecar.serial) { callback.drop() } }
    }
}
