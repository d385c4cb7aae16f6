// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Numbers for what lives in sidecars: below 2^53, of one kind each, never used twice.
final class IdentifierTable<Object: AnyObject & Sendable>: Sendable {
    enum Found: Sendable {
        /// It never was one of this kind.
        case unknown
        case finished
        case object(Object)
    }

    private struct Slot: Sendable {
        var generation: UInt64 = 1
        var object: Object?
    }

    private struct State: Sendable {
        var slots: [Slot] = []
        var free: [Int] = []
    }

    private static var kindBits: UInt64 { 3 }
    private static var slotBits: UInt64 { 20 }
    private static var generationLimit: UInt64 { 1 << 30 }

    private let kind: UInt64
    private let state: Lock<State> = Lock(State())

    /// `kind` is from 1 to 7.
    init(kind: UInt64) { self.kind = kind }

    /// A new number; nil when a million are in use.
    func add(_ object: Object) -> UInt64? {
        state.withLock { state in
            let index: Int
            if let free = state.free.popLast() {
                index = free
            } else {
                guard state.slots.count < 1 << Self.slotBits else { return nil }
                index = state.slots.count
                state.slots.append(Slot())
            }
            state.slots[index].object = object
            return (state.slots[index].generation << Self.slotBits | UInt64(index)) << Self.kindBits | kind
        }
    }

    private func parts(_ id: UInt64) -> (slot: Int, generation: UInt64)? {
        guard id & ((1 << Self.kindBits) - 1) == kind else { return nil }
        let rest = id >> Self.kindBits
        return (Int(rest & ((1 << Self.slotBits) - 1)), rest >> Self.slotBits)
    }

    func find(_ id: UInt64) -> Found {
        guard let (slot, generation) = parts(id), generation > 0 else { return .unknown }
        return state.withLock { state in
            guard slot < state.slots.count else { return .unknown }
            let entry = state.slots[slot]
            if generation == entry.generation, let object = entry.object { return .object(object) }
            return generation < entry.generation ? .finished : .unknown
        }
    }

    func remove(_ id: UInt64) {
        guard let (slot, generation) = parts(id) else { return }
        // Dies outside the lock.
        _ = state.withLock { state -> Object? in
            guard slot < state.slots.count, state.slots[slot].generation == generation else { return nil }
            return Self.clear(slot, &state)
        }
    }

    /// `condition` is asked without the lock of the table.
    func removeAll(where condition: (Object) -> Bool) {
        let entries = state.withLock { state in
            state.slots.enumerated().compactMap { slot, entry in
                entry.object.map { (slot: slot, generation: entry.generation, object: $0) }
            }
        }
        let over = entries.filter { condition($0.object) }
        state.withLock { state in
            for entry in over where state.slots[entry.slot].generation == entry.generation {
                _ = Self.clear(entry.slot, &state)
            }
        }
    }

    private static func clear(_ slot: Int, _ state: inout State) -> Object? {
        guard let object = state.slots[slot].object.take() else { return nil }
        state.slots[slot].generation += 1
        if state.slots[slot].generation < generationLimit { state.free.append(slot) }
        return object
    }
}
