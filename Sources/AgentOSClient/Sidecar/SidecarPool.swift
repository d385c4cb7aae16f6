// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// The shared handles of this process, by pool name: a forked child begins with none.
package final class SidecarPool: Sendable {
    private static let shared: ForkLocal<SidecarPool> = ForkLocal { SidecarPool() }
    package static var current: SidecarPool { shared.current }

    private let handles: Lock<[ByteKey: Sidecar]> = Lock([:])

    private init() {}

    /// The live handle of a pool: one and the same for all callers that race for it. Nil: the pool `default`.
    package func handle(_ pool: String?, options: SidecarOptions) -> Sidecar {
        let pool = pool ?? SidecarID.defaultPool
        let candidate = Sidecar(id: SidecarID.shared(pool), placement: .shared(pool: pool), options: options)
        return handles.withLock { handles in
            if let present = handles[ByteKey(pool)], present.isReady { return present }
            handles[ByteKey(pool)] = candidate
            return candidate
        }
    }

    /// Takes a handle out, if it is that very one that is in: never its successor.
    func remove(_ sidecar: Sidecar, from pool: String) {
        handles.withLock { handles in
            if handles[ByteKey(pool)] === sidecar { handles[ByteKey(pool)] = nil }
        }
    }

    /// Disposes every shared handle, one after the other.
    package var disposeAll: Steps<Void> {
        Steps.begin { [self] in
            let all = handles.withLock { handles in
                defer { handles = [:] }
                return handles.sorted { $0.key.text < $1.key.text }.map(\.value)
            }
            return Steps<[ClientError]>.loop((index: 0, errors: [ClientError]())) { state in
                guard state.index < all.count else { return .done(.done(state.errors)) }
                return all[state.index].dispose.map { .again((state.index + 1, state.errors)) }.recover {
                    error in
                    .done(.again((state.index + 1, state.errors + [error])))
                }
            }.map { errors throws(ClientError) in
                guard !errors.isEmpty else { return }
                let text = errors.map(\.batchMessage).joined(separator: "; ")
                throw ClientError(.aggregate, "failed to dispose shared sidecars: \(text)") {
                    $0.parts = errors
                }
            }
        }
    }
}

extension Sidecar {
    var isReady: Bool { withState { $0.phase == .ready } }
}
