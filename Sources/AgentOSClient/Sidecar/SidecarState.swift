// SPDX-License-Identifier: Apache-2.0

/// What a handle knows of itself, all under one lock.
struct SidecarState: Sendable {
    enum Phase: String, Sendable, CaseIterable { case ready, disposing, disposed }

    /// The handle's connection (sidecar-lifecycle.md 7.1).
    enum Slot: Sendable {
        case empty
        case connecting(ConnectAttempt)
        /// `users`: leases, creations and reservations on it.
        case up(Connection, users: Int)
        case closing(Connection)
    }

    var phase: Phase = .ready
    var slot: Slot = .empty
    /// In the order in which they were taken. Their number is the VM count.
    var leases: [VM] = []
    var creations: [CreationInProgress] = []
    /// What `connect` holds, so that a connected handle without VMs stays connected.
    var reservation: ConnectionUse?
    /// All that were begun and whose process, if there was one, is not gone yet. Some have lost the slot.
    var unfinished: [ConnectAttempt] = []
    var disposal: Latch<Result<Void, ClientError>>?

    /// The connection is of no more use: the next one who wants it starts another process.
    mutating func forget(_ connection: Connection) {
        if case .up(let current, _) = slot, current === connection { slot = .empty }
    }

    /// One user less. True when that was the last and the connection is to be closed by the caller.
    mutating func release(_ connection: Connection) -> Bool {
        guard case .up(let current, let users) = slot, current === connection else { return false }
        // It has failed just now: there is nothing to close, and its end is no error of whoever lets go.
        guard connection.isUsable else {
            slot = .empty
            return false
        }
        if users > 1 {
            slot = .up(current, users: users - 1)
            return false
        }
        slot = .closing(current)
        return true
    }
}

/// One attempt to start a process, shared by all who wait for it.
final class ConnectAttempt: Sendable {
    let outcome: Latch<Result<Connection, ClientError>> = Latch()
    /// Set when its process is gone, or was never there.
    let over: Latch<Void> = Latch()
    let run: StepRun = StepRun()
    /// Guarded by the handle's lock.
    let claims: Claims = Claims()
}

/// A VM that is being created.
final class CreationInProgress: Sendable {
    let run: StepRun
    let finished: Latch<Void> = Latch()
    init(_ run: StepRun) { self.run = run }
}
