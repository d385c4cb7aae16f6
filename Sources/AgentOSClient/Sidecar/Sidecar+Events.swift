// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// What happens to a handle, for those who asked to be told.
package enum SidecarEvent: Sendable {
    /// Its process ended or was given up; the handle goes on.
    case processLost(ClientError)
    /// It is disposed: the last event.
    case closed
}

extension Sidecar {
    /// Tells `observer` what happens from now on. It is called by whoever reads: it must not wait or call
    /// out.
    package func observe(_ observer: @escaping @Sendable (SidecarEvent) -> Void) -> UInt64 {
        let id = observers.withLock { observers in
            defer { observers.next += 1 }
            observers.list.append((observers.next, observer))
            return observers.next
        }
        // Disposed meanwhile or long ago: its last event is not to be missed.
        if isDisposed, stopObserving(id) { observer(.closed) }
        return id
    }

    @discardableResult
    package func stopObserving(_ id: UInt64) -> Bool {
        observers.withLock { observers in
            guard let index = observers.list.firstIndex(where: { $0.id == id }) else { return false }
            observers.list.remove(at: index)
            return true
        }
    }

    func publish(_ event: SidecarEvent) {
        let all = observers.withLock { observers in
            defer {
                if case .closed = event { observers.list = [] }
            }
            return observers.list
        }
        for entry in all { entry.observer(event) }
    }
}
