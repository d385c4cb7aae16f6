// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Keys that a host holds instead of addresses: a stale, foreign or made-up one finds nothing and crashes
/// nothing.
///
/// A key is slot, generation and type in the bits of a pointer, at least 65,536 and below 2^47, for runtimes
/// that look at pointers. A slot whose generations are used up is left empty for ever: no key comes twice.
package final class HandleTable<Object: AnyObject & Sendable>: Sendable {
    private struct Slot: Sendable {
        var generation: UInt64 = 1
        var references: UInt32 = 0
        var fork: UInt32 = 0
        var object: Object?
    }

    private struct State: Sendable {
        var slots: [Slot] = []
        var free: [Int] = []
    }

    package enum Found: Sendable {
        case nothing
        /// It belongs to a parent of this process.
        case forked
        case object(Object)
    }

    private static var slotBits: UInt64 { 20 }
    private static var generationLimit: UInt64 { 1 << 24 }
    private static var typeBits: UInt64 { 2 }

    private let type: UInt64
    private let state: Lock<State> = Lock(State())

    /// `type` is below 4 and tells the tables apart.
    package init(type: UInt64) {
        self.type = type
        // Readable in a forked child: the lock is held across the fork.
        ForkGeneration.register(
            ForkGeneration.Handlers(
                prepare: { [state] in state.lockForFork() },
                parent: { [state] in state.unlockAfterFork() },
                child: { [state] in state.unlockAfterFork() }
            )
        )
    }

    private func key(_ slot: Int, _ generation: UInt64) -> OpaquePointer? {
        OpaquePointer(bitPattern: UInt((generation << Self.slotBits | UInt64(slot)) << Self.typeBits | type))
    }

    private func parts(_ key: OpaquePointer?) -> (slot: Int, generation: UInt64)? {
        let bits = UInt64(UInt(bitPattern: key))
        guard bits & ((1 << Self.typeBits) - 1) == type else { return nil }
        let rest = bits >> Self.typeBits
        return (Int(rest & ((1 << Self.slotBits) - 1)), rest >> Self.slotBits)
    }

    /// A new key with one reference; nil when there are too many.
    package func publish(_ object: Object) -> OpaquePointer? {
        let fork = ForkGeneration.current
        return state.withLock { state in
            let index: Int
            if let free = state.free.popLast() {
                index = free
            } else {
                guard state.slots.count < 1 << Self.slotBits else { return nil }
                index = state.slots.count
                state.slots.append(Slot())
            }
            state.slots[index].references = 1
            state.slots[index].fork = fork
            state.slots[index].object = object
            return key(index, state.slots[index].generation)
        }
    }

    private func find(_ key: OpaquePointer?, _ state: inout State) -> Int? {
        guard let (slot, generation) = parts(key), slot < state.slots.count,
            state.slots[slot].generation == generation, state.slots[slot].object != nil
        else { return nil }
        return slot
    }

    package func find(_ key: OpaquePointer?) -> Found {
        state.withLock { state in
            guard let slot = find(key, &state), let object = state.slots[slot].object else { return .nothing }
            return state.slots[slot].fork == ForkGeneration.current ? .object(object) : .forked
        }
    }

    /// The object, also one of a parent process: for objects that never change.
    package func findImmutable(_ key: OpaquePointer?) -> Object? {
        state.withLock { state in find(key, &state).flatMap { state.slots[$0].object } }
    }

    package func retain(_ key: OpaquePointer?) -> Bool {
        state.withLock { state in
            guard let slot = find(key, &state), state.slots[slot].references < .max else { return false }
            state.slots[slot].references += 1
            return true
        }
    }

    /// One reference less. The object, if that was the last one and it was made in this process.
    package func release(_ key: OpaquePointer?) -> Object? {
        // What is taken out dies outside the lock: its end may call back in here.
        let released = state.withLock { state -> Object? in
            guard let slot = find(key, &state) else { return nil }
            // A forked child ends nothing of its parent's, however often it tries.
            guard state.slots[slot].fork == ForkGeneration.current else { return nil }
            state.slots[slot].references -= 1
            guard state.slots[slot].references == 0 else { return nil }
            defer {
                state.slots[slot].object = nil
                state.slots[slot].generation += 1
                if state.slots[slot].generation < Self.generationLimit { state.free.append(slot) }
            }
            return state.slots[slot].object
        }
        return released
    }
}
