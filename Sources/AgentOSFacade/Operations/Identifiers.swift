// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem

/// A VM and the sidecar by which hosts reach it.
final class VMObject: Sendable {
    let vm: VM
    let sidecar: SidecarObject
    init(_ vm: VM, _ sidecar: SidecarObject) {
        self.vm = vm
        self.sidecar = sidecar
    }
}

/// A process that still runs.
final class ProcessObject: Sendable {
    let process: ProcessRecord
    let vm: VM
    let sidecar: SidecarObject
    init(_ process: ProcessRecord, _ vm: VM, _ sidecar: SidecarObject) {
        self.process = process
        self.vm = vm
        self.sidecar = sidecar
    }
}

/// The tables of ids, one of each kind for all sidecars of this process: a forked child has its own.
final class Identifiers: Sendable {
    private static let local: ForkLocal<Identifiers> = ForkLocal { Identifiers() }
    static var current: Identifiers { local.current }

    let vms: IdentifierTable<VMObject> = IdentifierTable(kind: 1)
    let processes: IdentifierTable<ProcessObject> = IdentifierTable(kind: 2)
    let operations: IdentifierTable<Operation> = IdentifierTable(kind: 3)

    private init() {}

    static func vm(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> VM {
        switch current.vms.find(id) {
        case .object(let object) where object.sidecar === sidecar: return object.vm
        case .finished: throw .vmDisposed
        case .object, .unknown: throw ClientError(.stale, "vm: no such VM in this sidecar: \(id)")
        }
    }

    /// Nil: it has ended.
    static func process(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> ProcessObject? {
        switch current.processes.find(id) {
        case .object(let object) where object.sidecar === sidecar: return object
        case .finished: return nil
        case .object, .unknown: throw ClientError(.stale, "process: no such process in this sidecar: \(id)")
        }
    }

    static func operation(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> Operation {
        if case .object(let operation) = current.operations.find(id), operation.sidecar === sidecar {
            return operation
        }
        throw ClientError(.stale, "op: no such operation in this sidecar, or it has completed: \(id)")
    }
}
