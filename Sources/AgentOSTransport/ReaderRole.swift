// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Who reads a channel: the I/O thread, or one of the host's threads that waits for an answer on it.
///
/// A waiter that reads for itself saves two wake-ups. The others sleep, and whoever stops reading tells the next one
/// to go on. A value: the channel does what the answers say, outside the lock.
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
        case tick
        case nothing
    }

    private var holder: Holder = .nobody
    private var sleepers: [WakeWord] = []
    /// Whether the I/O thread is told when bytes come.
    private(set) var isArmed = false
    private var tickIsDue = false
    private var hasBeenReadSinceTick = false

    mutating func enter(_ word: WakeWord) -> Entry {
        guard case .nobody = holder else {
            sleepers.append(word)
            return .sleep
        }
        return take(word)
    }

    private mutating func take(_ word: WakeWord) -> Entry {
        holder = .waiter(word)
        hasBeenReadSinceTick = true
        defer { isArmed = false }
        return .read(disarm: isArmed)
    }

    /// A sleeper is awake. True if it has the role, which it must then use or give on.
    mutating func awake(_ word: WakeWord) -> Bool {
        if case .waiter(let holding) = holder, holding === word { return true }
        sleepers.removeAll { $0 === word }
        return false
    }

    /// The holder stops reading.
    mutating func leave() -> Succession {
        if !sleepers.isEmpty {
            let next = sleepers.removeFirst()
            holder = .waiter(next)
            hasBeenReadSinceTick = true
            return .handOver(next)
        }
        holder = .nobody
        if isArmed || tickIsDue { return .nothing }
        tickIsDue = true
        return .tick
    }

    /// The I/O thread found bytes. False if somebody else reads.
    mutating func enterAsIOThread() -> Bool {
        guard case .nobody = holder else { return false }
        holder = .ioThread
        return true
    }

    /// Whether the role, when given on after the I/O thread's turn, must be taken out of its hands.
    mutating func disarmForWaiter() -> Bool {
        defer { isArmed = false }
        return isArmed
    }

    /// The moment after the last waiter left. True: the I/O thread takes over. Nil: look again later.
    mutating func tick() -> Bool? {
        if case .waiter = holder {
            // Who reads now starts the next look when it leaves.
            tickIsDue = false
            return false
        }
        if hasBeenReadSinceTick {
            hasBeenReadSinceTick = false
            return nil
        }
        tickIsDue = false
        return arm()
    }

    /// The I/O thread shall read unless a waiter does. True if it must be told now.
    mutating func arm() -> Bool {
        if case .waiter = holder { return false }
        guard !isArmed else { return false }
        isArmed = true
        return true
    }

    /// The word of the waiter that reads, to be interrupted when its wait ends otherwise.
    var readingWaiter: WakeWord? {
        if case .waiter(let word) = holder { return word }
        return nil
    }
}
