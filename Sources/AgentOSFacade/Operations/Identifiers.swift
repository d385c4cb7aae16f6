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

/// A process, until it is forgotten.
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
    let shells: IdentifierTable<ShellObject> = IdentifierTable(kind: 4)
    let layers: IdentifierTable<LayerObject> = IdentifierTable(kind: 5)

    private init() {}

    static func vm(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> VM {
        switch current.vms.find(id) {
        case .object(let object) where object.sidecar === sidecar: return object.vm
        case .finished: throw .vmDisposed
        case .object, .unknown: throw ClientError(.stale, "vm: no such VM in this sidecar: \(id)")
        }
    }

    /// Nil: it has ended, and is forgotten.
    static func process(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> ProcessObject? {
        switch current.processes.find(id) {
        case .object(let object) where object.sidecar === sidecar: return object
        case .finished: return nil
        case .object, .unknown: throw ClientError(.stale, "process: no such process in this sidecar: \(id)")
        }
    }

    /// One that is known, also after its end.
    static func knownProcess(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> ProcessObject {
        guard let process = try process(id, of: sidecar) else {
            throw ClientError(.processNotFound, "Process not found: \(id)")
        }
        return process
    }

    /// One that is known, also after its end.
    static func shell(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> ShellObject {
        switch current.shells.find(id) {
        case .object(let object) where object.sidecar === sidecar: return object
        case .finished: throw shellNotFound(id)
        case .object, .unknown: throw ClientError(.stale, "shell: no such shell in this sidecar: \(id)")
        }
    }

    /// One that takes something.
    static func openShell(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> ShellObject {
        let known = try shell(id, of: sidecar)
        guard known.shell.isOpen else { throw shellNotFound(id) }
        return known
    }

    static func shellNotFound(_ id: UInt64) -> ClientError {
        ClientError(.shellNotFound, "Shell not found: \(id)")
    }

    static func layer(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> LayerObject {
        switch current.layers.find(id) {
        case .object(let object) where object.sidecar === sidecar: return object
        case .finished: throw ClientError(.stale, "layer: it is gone: \(id)")
        case .object, .unknown: throw ClientError(.stale, "layer: no such layer in this sidecar: \(id)")
        }
    }

    static func operation(_ id: UInt64, of sidecar: SidecarObject) throws(ClientError) -> Operation {
        if case .object(let operation) = current.operations.find(id), operation.sidecar === sidecar {
            return operation
        }
        throw noSuchOperation(id)
    }

    static func noSuchOperation(_ id: UInt64) -> ClientError {
        ClientError(.stale, "op: no such operation in this sidecar, or it has completed: \(id)")
    }
}

/// A shell, until it is forgotten.
final class ShellObject: Sendable {
    let shell: Shell
    let vm: VM
    let sidecar: SidecarObject
    init(_ shell: Shell, _ vm: VM, _ sidecar: SidecarObject) {
        self.shell = shell
        self.vm = vm
        self.sidecar = sidecar
    }
}

/// A layer of a VM, until that is shut down.
final class LayerObject: Sendable {
    let layer: Layer
    let vm: VM
    let sidecar: SidecarObject
    init(_ layer: Layer, _ vm: VM, _ sidecar: SidecarObject) {
        self.layer = layer
        self.vm = vm
        self.sidecar = sidecar
    }
}
