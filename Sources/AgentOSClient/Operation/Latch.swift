// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// A value that comes once. Whoever waits for it is called when it is there, or at once if it is there
/// already.
package final class Latch<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var value: Value?
        var nextToken: UInt64 = 1
        var waiting: [(token: UInt64, callback: @Sendable (Value) -> Void)] = []
    }

    private let state: Lock<State> = Lock(State())

    package init() {}

    package var value: Value? { state.withLock { $0.value } }

    /// Sets the value and calls everybody who waits, in the order in which they came. False if it was set
    /// before.
    @discardableResult
    package func set(_ value: Value) -> Bool {
        let waiting = state.withLock { state -> [(token: UInt64, callback: @Sendable (Value) -> Void)]? in
            guard state.value == nil else { return nil }
            state.value = value
            defer { state.waiting = [] }
            return state.waiting
        }
        guard let waiting else { return false }
        for entry in waiting { entry.callback(value) }
        return true
    }

    /// Calls `callback` once. The token takes it back.
    @discardableResult
    package func whenSet(_ callback: @escaping @Sendable (Value) -> Void) -> UInt64 {
        let (value, token) = state.withLock { state -> (Value?, UInt64) in
            if let value = state.value { return (value, 0) }
            let token = state.nextToken
            state.nextToken += 1
            state.waiting.append((token, callback))
            return (nil, token)
        }
        if let value { callback(value) }
        return token
    }

    /// True if the callback was still waiting: it will not be called any more.
    @discardableResult
    package func cancel(_ token: UInt64) -> Bool {
        state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.token == token }) else { return false }
            state.waiting.remove(at: index)
            return true
        }
    }
}
