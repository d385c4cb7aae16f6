// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Who reads a channel: the I/O thread, or one of the host's threads that waits for an answer on it.
///
/// A waiter that reads for itself saves two wake-ups. The others sleep, and whoever stops reading tells the
/// next one to go on. A value: the channel does what the answers say, outside the lock.
struct ReaderRole: Sendable {
    enum Holder: Sendable {
        case nobody
        case ioThread
        /// A thread that waits for `word`; it has the role even before it wakes up.
        case waiter(WakeWord)
    }

    enum Entry: Sendable {
        /// Read; if `disarm`, first take the descriptor from the I/O thread.
        case read(disarm: Bool)
        case sleep
    }

    enum Succession: Sendable {
        case handOver(WakeWord)
        /// Nobody waits: look again soon whether the I/O thread must take over.
        case tick(Tick)
        /// The I/O thread takes over now.
        case arm
        case nothing
    }

    /// One look, which counts only while no later one was asked for.
    struct Tick: Sendable {
        let number: UInt64
        let nanoseconds: UInt64
    }

    private var holder: Holder = .nobody
    private var sleepers: [(word: WakeWord, deadline: MonotonicTime?)] = []
    /// Whether the I/O thread is told when bytes come.
    private(set) var isArmed = false
    private var lastTick: UInt64 = 0
    private var dueTick: Tick?
    private var hasBeenReadSinceTick = false
    /// Looks in a row that found the waiters still coming: each wakes the I/O thread for nothing, so they get
    /// rarer.
    private var busyTicks = 0
    /// Something that nobody waits for may be on its way: the I/O thread was asked for, or has found something.
    private var isUrgent = false
    /// A waiter took the descriptor out of the I/O thread's hands although that was urgent.
    private var wasTakenFromIOThread = false
    /// The I/O thread was asked for while a waiter read.
    private var isWished = false
    private var isPaused = false

    mutating func enter(_ word: WakeWord, until deadline: MonotonicTime? = nil) -> Entry {
        guard case .nobody = holder else {
            sleepers.append((word, deadline))
            return .sleep
        }
        return take(word)
    }

    /// The same for who does not wait for others: nil when somebody reads.
    mutating func enterIfFree(_ word: WakeWord) -> Entry? {
        guard case .nobody = holder else { return nil }
        return take(word)
    }

    /// Somebody will come to read soon. Unless he does, the I/O thread takes over at the next look.
    mutating func expectReader() -> Succession {
        guard case .nobody = holder, !isArmed, !isPaused, dueTick == nil else { return .nothing }
        return .tick(nextTick())
    }

    private mutating func take(_ word: WakeWord) -> Entry {
        holder = .waiter(word)
        hasBeenReadSinceTick = true
        return .read(disarm: disarmForWaiter())
    }

    /// A sleeper is awake. True if it has the role, which it must then use or give on.
    mutating func awake(_ word: WakeWord) -> Bool {
        if case .waiter(let holding) = holder, holding === word { return true }
        sleepers.removeAll { $0.word === word }
        return false
    }

    /// The holder stops reading, which it has done for so many nanoseconds.
    mutating func leave(after nanoseconds: UInt64 = 0) -> Succession {
        if !sleepers.isEmpty {
            let next = sleepers.removeFirst().word
            holder = .waiter(next)
            hasBeenReadSinceTick = true
            return .handOver(next)
        }
        holder = .nobody
        // Behind a pause the I/O thread is armed anyway.
        if isArmed || isPaused { return .nothing }
        if isWished { return arm() ? .arm : .nothing }
        if nanoseconds >= Self.longRead {
            isArmed = true
            return .arm
        }
        if wasTakenFromIOThread {
            wasTakenFromIOThread = false
            busyTicks = 0
            if let dueTick, dueTick.nanoseconds <= Self.shortestTick { return .nothing }
        } else if dueTick != nil {
            return .nothing
        }
        return .tick(nextTick())
    }

    /// A millisecond; sixteen at most while waiters keep coming.
    private static let shortestTick: UInt64 = 1_000_000
    private static let ticksOfOneLength = 4
    /// Behind so long a wait, arming costs less than the part of a look that falls to it.
    private static let longRead: UInt64 = 4_000_000

    private mutating func nextTick() -> Tick {
        lastTick += 1
        hasBeenReadSinceTick = false
        let doublings = min(busyTicks / Self.ticksOfOneLength, 4)
        let tick = Tick(number: lastTick, nanoseconds: Self.shortestTick << UInt64(doublings))
        dueTick = tick
        return tick
    }

    /// The I/O thread found bytes. False if somebody else reads.
    mutating func enterAsIOThread() -> Bool {
        guard case .nobody = holder else { return false }
        holder = .ioThread
        isUrgent = true
        return true
    }

    /// Whether the role, when given on after the I/O thread's turn, must be taken out of its hands.
    mutating func disarmForWaiter() -> Bool {
        defer { isArmed = false }
        if isArmed, isUrgent { (isUrgent, wasTakenFromIOThread) = (false, true) }
        return isArmed
    }

    /// Frames are to gather: the I/O thread is not told of them before the end of the pause. True if it must be told
    /// so now; otherwise there is no pause.
    mutating func pause() -> Bool {
        guard isArmed else { return false }
        (isArmed, isPaused) = (false, true)
        return true
    }

    /// True if the I/O thread must be told now.
    mutating func endPause() -> Bool {
        isPaused = false
        return arm()
    }

    /// The moment for a look has come.
    mutating func tick(_ number: UInt64) -> Succession {
        guard dueTick?.number == number else { return .nothing }
        dueTick = nil
        if isArmed || isPaused { return .nothing }
        if hasBeenReadSinceTick {
            busyTicks += 1
            return .tick(nextTick())
        }
        // Who reads for so long starts the next look when it leaves.
        if case .waiter = holder {
            busyTicks += Self.ticksOfOneLength
            return .nothing
        }
        busyTicks = 0
        isArmed = true
        return .arm
    }

    /// The I/O thread shall read unless a waiter does. True if it must be told now.
    mutating func arm() -> Bool {
        if case .waiter = holder {
            isWished = true
            return false
        }
        if isPaused { return false }
        isWished = false
        isUrgent = true
        busyTicks = 0
        guard !isArmed else { return false }
        isArmed = true
        return true
    }

    /// When the first of those that sleep gives up.
    var nearestDeadline: MonotonicTime? { sleepers.lazy.compactMap(\.deadline).min() }

    /// The word of the waiter that reads, to be interrupted when its wait ends otherwise.
    var readingWaiter: WakeWord? {
        if case .waiter(let word) = holder { return word }
        return nil
    }
}
