// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem

/// How many bytes of requests may be under way on one connection, from the call to the answer.
///
/// Past the bound an asynchronous call is refused and a blocking one waits (architecture decision 15). One
/// call alone always fits.
package final class OutgoingBudget: Sendable {
    package static let bound: Int = 32 << 20
    /// What a request costs beside its content.
    package static let perRequest: Int = 1024

    private struct State: Sendable {
        var used = 0
        var waiting: [(bytes: Int, word: WakeWord)] = []
    }

    private let state: Lock<State> = Lock(State())

    package init() {}

    package func reserve(_ bytes: Int) -> Bool {
        state.withLock { state in
            guard state.waiting.isEmpty, state.used == 0 || state.used + bytes <= Self.bound else {
                return false
            }
            state.used += bytes
            return true
        }
    }

    /// Waits for its turn. False when the time is over.
    package func reserve(_ bytes: Int, until deadline: MonotonicTime?) -> Bool {
        let word = WakeWord()
        let isReserved = state.withLock { state -> Bool in
            if state.waiting.isEmpty, state.used == 0 || state.used + bytes <= Self.bound {
                state.used += bytes
                return true
            }
            state.waiting.append((bytes, word))
            return false
        }
        if isReserved || word.sleep(until: deadline) == .done { return true }
        return state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.word === word }) else { return true }
            state.waiting.remove(at: index)
            return false
        }
    }

    package func release(_ bytes: Int) {
        let admitted = state.withLock { state -> [WakeWord] in
            state.used -= bytes
            var admitted: [WakeWord] = []
            while let first = state.waiting.first, state.used == 0 || state.used + first.bytes <= Self.bound {
                state.used += first.bytes
                admitted.append(first.word)
                state.waiting.removeFirst()
            }
            return admitted
        }
        for word in admitted { word.wake(.done) }
    }
}
