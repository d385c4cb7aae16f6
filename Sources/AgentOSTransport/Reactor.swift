// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import CAgentOSShims

/// Somebody whose descriptor is watched.
package protocol ReactorSource: AnyObject, Sendable {
    /// On the I/O thread; late calls for a source that was removed meanwhile are possible.
    func descriptorReady(readable: Bool, writable: Bool)
}

/// The I/O thread of the process: descriptors, timers and small jobs, for all connections.
///
/// The thread starts with the first thing to watch and ends when there is nothing left, so an idle library
/// has no thread and no descriptor. Nothing of the host's is ever run on it.
package final class Reactor: Sendable {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable: Interest = Interest(rawValue: AOS_SHIM_READABLE)
        package static let writable: Interest = Interest(rawValue: AOS_SHIM_WRITABLE)
    }

    private struct Watched: Sendable {
        let fd: Int32
        let source: any ReactorSource
    }

    private final class Descriptors: Sendable {
        let epoll: OwnedDescriptor
        let wake: OwnedDescriptor
        init() throws(SystemError) {
            let fd = aos_shim_epoll_create()
            guard fd >= 0 else { throw .current }
            epoll = OwnedDescriptor(fd)
            wake = try SystemCall.eventDescriptor()
            guard aos_shim_epoll_control(fd, AOS_SHIM_EPOLL_ADD, wake.number, AOS_SHIM_READABLE, 0) == 0
            else { throw .current }
        }
    }

    private struct State: Sendable {
        var descriptors: Descriptors?
        var watched: [UInt64: Watched] = [:]
        var timers: TimerQueue = TimerQueue()
        var jobs: [@Sendable () -> Void] = []
        var nextToken: UInt64 = 1
        /// Until when the thread sleeps; nil while it is awake and will look again by itself.
        var sleepsUntil: MonotonicTime?
    }

    /// What one look found, in room that is used again.
    private struct Ready {
        private var tokens = [UInt64](repeating: 0, count: 64)
        private var events = [UInt32](repeating: 0, count: 64)
        private(set) var count = 0

        mutating func wait(_ epoll: OwnedDescriptor, _ timeout: Int32) {
            let room = Int32(tokens.count)
            count = max(Int(aos_shim_epoll_wait(epoll.number, &tokens, &events, room, timeout)), 0)
        }

        var list: Zip2Sequence<ArraySlice<UInt64>, ArraySlice<UInt32>> {
            zip(tokens[..<count], events[..<count])
        }
        var isFull: Bool { count == tokens.count }
    }

    private static let shared: ForkLocal<Reactor> = ForkLocal { Reactor() }

    /// The reactor of this process; a forked child has another one than its parent.
    package static var current: Reactor { shared.current }

    private let state: Lock<State> = Lock(State())

    private init() {}

    /// Watches `fd` for `interest` until `remove`. The token names the watch.
    package func add(_ fd: Int32, _ interest: Interest, _ source: any ReactorSource) throws(SystemError)
        -> UInt64
    {
        let (token, started) = try insert { state in
            state.watched[state.nextToken] = Watched(fd: fd, source: source)
        }
        if interest.isEmpty { return token }
        let epoll = started.epoll.number
        guard aos_shim_epoll_control(epoll, AOS_SHIM_EPOLL_ADD, fd, interest.rawValue, token) == 0 else {
            let error = SystemError.current
            state.withLock { _ = $0.watched.removeValue(forKey: token) }
            throw error
        }
        return token
    }

    /// Changes what a watch waits for. An empty interest still reports nothing, not even a hang-up.
    package func change(_ token: UInt64, _ interest: Interest) {
        guard let (epoll, fd) = find(token) else { return }
        if interest.isEmpty {
            _ = aos_shim_epoll_control(epoll.number, AOS_SHIM_EPOLL_DELETE, fd, 0, token)
        } else if aos_shim_epoll_control(epoll.number, AOS_SHIM_EPOLL_ADD, fd, interest.rawValue, token) != 0
        {
            _ = aos_shim_epoll_control(epoll.number, AOS_SHIM_EPOLL_MODIFY, fd, interest.rawValue, token)
        }
    }

    /// Ends a watch. The descriptor may be closed afterwards.
    package func remove(_ token: UInt64) {
        guard let (epoll, fd) = find(token) else { return }
        _ = aos_shim_epoll_control(epoll.number, AOS_SHIM_EPOLL_DELETE, fd, 0, token)
        state.withLock { _ = $0.watched.removeValue(forKey: token) }
        wake()
    }

    /// Runs `action` on the I/O thread at `deadline` or soon after.
    package func schedule(_ deadline: MonotonicTime, _ action: @escaping @Sendable () -> Void) -> UInt64? {
        var id: UInt64?
        let inserted = try? insert { state in id = state.timers.add(deadline, action) }
        guard inserted != nil else { return nil }
        let mustWake = state.withLock { state in state.sleepsUntil.map { deadline < $0 } ?? false }
        if mustWake { wake() }
        return id
    }

    /// When the next timer is due.
    package var nextDeadline: MonotonicTime? { state.withLock { $0.timers.nextDeadline() } }

    package func cancel(timer id: UInt64?) {
        guard let id else { return }
        let isLast = state.withLock { state in
            state.timers.cancel(id)
            return state.timers.isEmpty && state.watched.isEmpty
        }
        if isLast { wake() }
    }

    /// Runs `job` on the I/O thread, soon. Without a thread to be had it runs here.
    package func perform(_ job: @escaping @Sendable () -> Void) {
        guard (try? insert { $0.jobs.append(job) }) != nil else { return job() }
        wake()
    }

    // MARK: The thread

    private func find(_ token: UInt64) -> (epoll: OwnedDescriptor, fd: Int32)? {
        state.withLock { state in
            guard let watched = state.watched[token], let descriptors = state.descriptors else { return nil }
            return (descriptors.epoll, watched.fd)
        }
    }

    /// Puts something in, and starts the thread if there was none. What is in keeps the thread alive.
    private func insert(_ body: (inout State) -> Void) throws(SystemError) -> (token: UInt64, Descriptors) {
        let running = state.withLock { $0.descriptors }
        let fresh: Descriptors? = running == nil ? try Descriptors() : nil
        let (token, descriptors, mustStart) = state.withLock { state -> (UInt64, Descriptors?, Bool) in
            body(&state)
            let token = state.nextToken
            state.nextToken += 1
            if let descriptors = state.descriptors { return (token, descriptors, false) }
            state.descriptors = fresh
            return (token, fresh, fresh != nil)
        }
        guard let descriptors else {
            // The thread ended between the two looks: once more, with descriptors of our own.
            let fresh = try Descriptors()
            let (kept, isOurs) = state.withLock { state -> (Descriptors, Bool) in
                if let descriptors = state.descriptors { return (descriptors, false) }
                state.descriptors = fresh
                return (fresh, true)
            }
            if isOurs { try start(kept) }
            return (token, kept)
        }
        if mustStart { try start(descriptors) }
        return (token, descriptors)
    }

    private func start(_ descriptors: Descriptors) throws(SystemError) {
        do {
            try NamedThread.start("aos-io") { ThreadRole.asReader { self.run(descriptors) } }
        } catch {
            state.withLock { state in
                state = State()
            }
            throw error
        }
    }

    private func wake() {
        // Holding the descriptor keeps its number from being closed and reused under the write.
        guard let descriptors = state.withLock({ $0.descriptors }) else { return }
        SystemCall.signalEvent(descriptors.wake.number)
    }

    /// Descriptors are looked at before what is due: a thread that got its turn late would otherwise tell that
    /// a wait is over although what was waited for has come in time.
    private func run(_ descriptors: Descriptors) {
        var ready = Ready()
        while true {
            let now = MonotonicTime.now
            guard let look = nextLook(now) else { return }
            var told = 0
            repeat {
                ready.wait(descriptors.epoll, told == 0 ? look.timeout : 0)
                for (token, events) in ready.list {
                    if token == 0 {
                        SystemCall.clearEvent(descriptors.wake.number)
                    } else {
                        tell(token, events)
                    }
                }
                told += ready.count
                // A full list may have left some out. All have had their turn once more were told than are watched:
                // those that stay ready all the time keep no timer waiting.
            } while ready.isFull && told <= look.watched
            // Of the timers those alone that were due before the look: it has seen all that came until then.
            let actions = state.withLock { state -> [TimerQueue.Action] in
                state.sleepsUntil = nil
                let actions = state.timers.due(now) + state.jobs
                state.jobs = []
                return actions
            }
            for action in actions { action() }
        }
    }

    /// How long to wait, in milliseconds and -1 for ever, and how many descriptors are watched; nil if nothing is
    /// left to wait for, and then the thread counts as gone.
    private func nextLook(_ now: MonotonicTime) -> (timeout: Int32, watched: Int)? {
        state.withLock { state in
            let watched = state.watched.count
            if !state.jobs.isEmpty { return (0, watched) }
            guard let next = state.timers.nextDeadline() else {
                if watched == 0 {
                    state.descriptors = nil
                    return nil
                }
                state.sleepsUntil = MonotonicTime(nanoseconds: .max)
                return (-1, watched)
            }
            if next <= now { return (0, watched) }
            state.sleepsUntil = next
            return (Int32(clamping: (next.since(now) + 999_999) / 1_000_000), watched)
        }
    }

    private func tell(_ token: UInt64, _ events: UInt32) {
        guard let watched = state.withLock({ $0.watched[token] }) else { return }
        let failed = events & AOS_SHIM_FAILED != 0
        watched.source.descriptorReady(
            readable: failed || events & AOS_SHIM_READABLE != 0,
            writable: failed || events & AOS_SHIM_WRITABLE != 0
        )
    }
}
