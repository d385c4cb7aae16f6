// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS
internal import CAgentOSShims

/// A queue of events with a descriptor that is readable exactly while something is in it.
package final class EventQueue: Sendable {
    private struct Item: Sendable {
        let operation: Operation
        let record: EventRecord
    }

    private struct State: Sendable {
        var events = Fifo<Item>()
        var calls = Fifo<Item>()
        /// Operations that are not over for this queue.
        var outstanding = 0
        /// CALL operations whose `drop` has not been called.
        var callOperations: [ObjectIdentifier: Operation] = [:]
        /// Operations whose function runs at this moment.
        var running: Set<ObjectIdentifier> = []
        var dispatchers: [ThreadIdentity] = []
        /// Threads that wait beside items that are not theirs to take.
        var sleepers: [WakeWord] = []
        var isClosed = false
        /// The connection of all operations that are not over; nil when they have several.
        var connection: Connection?
        /// Of the thread that reads that connection while it waits here.
        var reader: WakeWord?
        /// Items of that thread's own, which the bell was not told of: it takes them as soon as it is back.
        var unrung: Int32 = 0
        /// Whether the host has waited here so that it read, if nobody else did.
        var isReadByHost = false

        mutating func operationIsOver() {
            outstanding -= 1
            if outstanding == 0 { connection = nil }
        }

        /// What the bell is to be told when `count` items were taken out.
        mutating func taken(_ count: Int) -> Int32 {
            defer { unrung = 0 }
            return unrung - Int32(count)
        }
    }

    /// A wake cannot be seen while the descriptor is readable anyway: then it is looked for this often.
    private static let wakeLook: UInt64 = 10_000_000

    static let defaultCapacity: UInt32 = 65_536
    static let largestCapacity: UInt32 = 1 << 24
    private let capacity: Int
    private let bell: Int32
    private let state: Lock<State> = Lock(State())

    init(capacity: UInt32) throws(ClientError) {
        guard capacity <= Self.largestCapacity else {
            throw .invalid("capacity: at most \(Self.largestCapacity), found \(capacity)")
        }
        self.capacity = Int(capacity == 0 ? Self.defaultCapacity : capacity)
        bell = aos_shim_doorbell_create()
        guard bell >= 0 else {
            let full = "too many queues: at most \(aos_shim_doorbell_capacity()) at a time"
            throw ClientError(
                .noMemory,
                bell == -2 ? full : "no descriptor for a queue: \(SystemError.current.text)"
            )
        }
    }

    deinit { if bell >= 0 { aos_shim_doorbell_destroy(bell) } }

    /// Lets a signal handler find the bell by the handle alone.
    func setKey(_ key: OpaquePointer) { aos_shim_doorbell_set_key(bell, UInt64(UInt(bitPattern: key))) }

    var descriptor: Int32 { aos_shim_doorbell_fd(bell) }

    // MARK: Operations

    /// Room for the events of one more operation. False when the queue is full, or released.
    func reserve(_ operation: Operation) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.outstanding < capacity else { return false }
            if state.outstanding == 0 {
                state.connection = operation.connection
            } else if state.connection !== operation.connection {
                state.connection = nil
            }
            state.outstanding += 1
            if case .call = operation.delivery {
                state.callOperations[ObjectIdentifier(operation)] = operation
            }
            return true
        }
    }

    func forget(_ operation: Operation) {
        state.withLock { state in
            state.operationIsOver()
            state.callOperations[ObjectIdentifier(operation)] = nil
        }
    }

    func post(_ operation: Operation, _ record: EventRecord) {
        announce(record) { state in
            state.events.append(Item(operation: operation, record: record))
            return true
        }
    }

    func postCall(_ operation: Operation, _ record: EventRecord) {
        announce(record) { state in
            guard state.callOperations[ObjectIdentifier(operation)] != nil else { return false }
            state.calls.append(Item(operation: operation, record: record))
            return true
        }
    }

    /// Puts something in, and tells whoever waits for it.
    private func announce(_ record: EventRecord, _ add: (inout State) -> Bool) {
        let (isIn, reader) = state.withLock { state -> (Bool, WakeWord?) in
            guard !state.isClosed, add(&state) else { return (false, nil) }
            guard let reader = state.reader, reader.isOfThisThread else { return (true, nil) }
            state.unrung += 1
            return (true, reader)
        }
        // Nobody will take it, and more may wait for the room that it has.
        guard isIn else {
            record.credit?.giveBack()
            return
        }
        if let reader { reader.wake(.done) } else { aos_shim_doorbell_add(bell, 1) }
        wakeSleepers()
    }

    private func wakeSleepers() {
        let sleepers = state.withLock { state -> [WakeWord] in
            guard !state.sleepers.isEmpty else { return [] }
            defer { state.sleepers = [] }
            return state.sleepers
        }
        for word in sleepers { word.wake(.done) }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    var isReadByHost: Bool { state.withLock { $0.isReadByHost } }

    // MARK: Taking

    /// Waits for something, and says whether to look again: not after a wake, nor when the time is over.
    private func sleep(until deadline: MonotonicTime?) -> Bool {
        if isClosed || aos_shim_doorbell_take_wake(bell) != 0 { return false }
        if let deadline, deadline <= .now { return false }
        if !readMeanwhile(until: deadline) { SystemCall.waitReadable(descriptor, until: deadline) }
        return true
    }

    /// Waits as the reader of the connection on which everything will come: without a thread between. False when that
    /// cannot be.
    private func readMeanwhile(until deadline: MonotonicTime?) -> Bool {
        let word = WakeWord()
        let connection = state.withLock { state -> Connection? in
            guard state.reader == nil, let connection = state.connection else { return nil }
            // What has come in since the last look is not waited for.
            if !state.events.isEmpty || !state.calls.isEmpty { word.wake(.done) }
            (state.reader, state.isReadByHost) = (word, true)
            return connection
        }
        guard let connection else { return false }
        defer { state.withLock { $0.reader = nil } }
        if connection.read(for: word, beside: descriptor, until: deadline) { return true }
        // Somebody else reads. When that is over, the I/O thread shall at once.
        connection.expectWithoutWaiting()
        return word.isDone
    }

    /// The same while the descriptor is readable for what is not to be taken here.
    private func sleepBesideOthers(until deadline: MonotonicTime?) -> Bool {
        if isClosed || aos_shim_doorbell_take_wake(bell) != 0 { return false }
        if let deadline, deadline <= .now { return false }
        let word = WakeWord()
        state.withLock { $0.sleepers.append(word) }
        let look = MonotonicTime.now.adding(Self.wakeLook)
        _ = word.sleep(until: min(look, deadline ?? look))
        state.withLock { state in state.sleepers.removeAll { $0 === word } }
        return true
    }

    /// A host that never waits here, because the descriptor tells it when to come: it does not read.
    func polled() { state.withLock { $0.isReadByHost = false } }

    /// Up to `count` events for `AOS_DELIVER_QUEUE`. Empty when the time is over or somebody woke the queue.
    func drain(upTo count: Int, until deadline: MonotonicTime?) -> [(
        operation: Operation, record: EventRecord
    )] {
        while true {
            let (items, hasCalls, change) = state.withLock { state -> ([Item], Bool, Int32) in
                let items = state.events.removeFirst(count)
                for item in items where item.record.isLast { state.operationIsOver() }
                return (items, !state.calls.isEmpty, state.taken(items.count))
            }
            tellBell(change)
            if !items.isEmpty { return items.map { ($0.operation, $0.record) } }
            if !(hasCalls ? sleepBesideOthers(until: deadline) : sleep(until: deadline)) { return [] }
        }
    }

    private func tellBell(_ change: Int32) { if change != 0 { aos_shim_doorbell_add(bell, change) } }

    /// Runs up to `count` calls on this thread. Nil: this thread is inside a call of this queue.
    func dispatch(upTo count: Int, until deadline: MonotonicTime?) -> Int? {
        let thread = ThreadIdentity.current
        let isNested = state.withLock { state in
            if state.dispatchers.contains(thread) { return true }
            state.dispatchers.append(thread)
            return false
        }
        if isNested { return nil }
        defer {
            state.withLock { state in state.dispatchers.removeAll { $0 == thread } }
        }
        var done = 0
        while done < count {
            let (next, isBlocked) = takeCall()
            if let next {
                run(next)
                done += 1
            } else if done > 0 || !(isBlocked ? sleepBesideOthers(until: deadline) : sleep(until: deadline)) {
                break
            }
        }
        return done
    }

    /// The first call whose operation is not running on another thread: two at a time would break the order.
    private func takeCall() -> (item: Item?, isBlocked: Bool) {
        let (item, isBlocked, change) = state.withLock { state -> (Item?, Bool, Int32) in
            let running = state.running
            guard
                let item = state.calls.removeFirst(where: {
                    !running.contains(ObjectIdentifier($0.operation))
                })
            else {
                return (nil, !state.calls.isEmpty || !state.events.isEmpty, state.taken(0))
            }
            state.running.insert(ObjectIdentifier(item.operation))
            return (item, false, state.taken(1))
        }
        tellBell(change)
        return (item, isBlocked)
    }

    private func run(_ item: Item) {
        guard case .call(_, let callback) = item.operation.delivery else { return }
        let id = ObjectIdentifier(item.operation)
        item.operation.call(callback, with: item.record)
        let mustDrop = state.withLock { state in
            state.running.remove(id)
            if item.record.isLast {
                state.operationIsOver()
                state.callOperations[id] = nil
                return false
            }
            // Released under it: this was the last call.
            return state.isClosed
        }
        wakeSleepers()
        if mustDrop { callback.drop() }
    }

    /// The last handle is gone: nothing is delivered any more, and what waits for its `drop` gets it here.
    func close() {
        let (operations, dropped) = state.withLock { state -> ([Operation], [Item]) in
            state.isClosed = true
            state.connection = nil
            let running = state.running
            let operations = state.callOperations.values.filter { !running.contains(ObjectIdentifier($0)) }
            state.callOperations = [:]
            return (operations, state.events.removeAll() + state.calls.removeAll())
        }
        // Readable from here on: whoever still waits comes back, and finds it closed.
        aos_shim_doorbell_add(bell, Int32.max / 2 - Int32(dropped.count))
        wakeSleepers()
        for item in dropped { item.record.credit?.giveBack() }
        for operation in operations {
            if case .call(_, let callback) = operation.delivery { callback.drop() }
        }
    }
}
