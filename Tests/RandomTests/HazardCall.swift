// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS

/// One call that may be right or wrong; what it gives does not matter, what becomes of the sidecar does.
enum HazardCall: Sendable {
    /// A call on files, by its name in the generator.
    case file(FileStep)
    case owner(String, UInt32)
    case times(String, UInt64)
    /// The whole range of sizes and of mode bits, which `FileStep` does not have.
    case truncate(String, UInt64)
    case changeMode(String, UInt32)
    case readFiles([String])
    /// A file call by its JSON form: operation, path, second path.
    case request(String, String, String)
    /// A program that ends with 0 whatever fails in it.
    case program(String)
    case process(ProcessCall, Target)
    case fetch(UInt32)
    case findListener(String)
    case layer(LayerCall, Int)

    enum ProcessCall: CaseIterable, Sendable {
        case write, closeInput, kill, wait, get, subscribe, release, signalState
    }

    /// Which process is meant.
    enum Target: Sendable {
        case ended, released
        case id(UInt64)
    }

    enum LayerCall: CaseIterable, Sendable { case create, seal, export, importing, overlay }
}

/// What calls leave behind for later ones, and how they are made.
final class HazardRun {
    let vm: HostVM
    private var ended: aos_id = 0
    private var released: aos_id = 0
    private var layers: [aos_id] = [0, 12345]
    private static let limit: UInt64 = HostSidecar.limit

    init(_ vm: HostVM) { self.vm = vm }

    /// Nil if the sidecar has taken it well: any refusal is.
    func failure(of call: HazardCall) -> String? {
        do { try run(call) } catch let error as HostError {
            let fatal = [AOS_E_SIDECAR, AOS_E_DEADLINE, AOS_E_TIMEOUT, AOS_E_DEADLOCK]
            return fatal.contains(error.status) ? "\(call): \(error)" : nil
        } catch { return "\(call): \(error)" }
        return nil
    }

    private func run(_ call: HazardCall) throws {
        switch call {
        case .file(let step):
            let outcome = try step.found(vm)
            if outcome.description.hasPrefix("AOS_E_SIDECAR")
                || outcome.description.hasPrefix("AOS_E_DEADLINE")
            {
                throw HazardFailure(outcome.description)
            }
        case .owner(let path, let id): try vm.chown(path, id, id)
        case .times(let path, let time): try vm.utimes(path, time, time)
        case .truncate(let path, let size): try vm.truncate(path, size)
        case .changeMode(let path, let mode): try vm.chmod(path, mode)
        case .readFiles(let paths): _ = try vm.readFiles(paths)
        case .request(let operation, let path, let second): try request(operation, path, second)
        case .program(let code):
            let done = try vm.run(argv: ["node", "-e", code])
            if done.code != 0 {
                throw HazardFailure("the program ended with \(done.code): \(done.errorText)")
            }
        case .process(let call, let target): try process(call, target)
        case .fetch(let port): try fetch(port)
        case .findListener(let query):
            var out: OpaquePointer?
            try check {
                aos_net_find_listener(vm.sidecar.handle, vm.id, query, query.utf8.count, Self.limit, &out, $0)
            }
            aos_bytes_release(out)
        case .layer(let call, let number): try layer(call, number)
        }
    }

    private func request(_ operation: String, _ path: String, _ second: String) throws {
        _ = try vm.request(
            .members([
                "type": .string("guest_filesystem_call"), "operation": .string(operation),
                "path": .string(path), "destination_path": .string(second), "target": .string(second),
                "content": .string("by request"), "recursive": .bool(false), "mode": .integer(0o700),
                "uid": .integer(0), "gid": .integer(0), "atime_ms": .integer(1), "mtime_ms": .integer(1),
                "len": .integer(7),
            ])
        )
    }

    private func fetch(_ port: UInt32) throws {
        var status: Int32 = 0
        var head: OpaquePointer?
        var body: OpaquePointer?
        try check {
            aos_net_fetch(
                vm.sidecar.handle,
                vm.id,
                port,
                nil,
                0,
                nil,
                0,
                Self.limit,
                &status,
                &head,
                &body,
                $0
            )
        }
        aos_bytes_release(head)
        aos_bytes_release(body)
    }

    private func processID(_ target: HazardCall.Target) throws -> aos_id {
        switch target {
        case .id(let id): return id
        case .ended:
            if ended == 0 {
                let process = try vm.spawn(["node", "-e", "1"])
                _ = try process.finish()
                ended = process.id
            }
            return ended
        case .released:
            if released == 0 {
                let process = try vm.spawn(["node", "-e", "1"])
                _ = try process.finish()
                try check { aos_process_release(vm.sidecar.handle, process.id, $0) }
                released = process.id
            }
            return released
        }
    }

    private func process(_ call: HazardCall.ProcessCall, _ target: HazardCall.Target) throws {
        let id = try processID(target)
        let handle = vm.sidecar.handle
        let process = HostProcess(sidecar: vm.sidecar, id: id, op: 0)
        var out: OpaquePointer?
        defer { aos_bytes_release(out) }
        switch call {
        case .write: try process.write(Array("late".utf8))
        case .closeInput: try process.closeInput()
        case .kill: try process.kill("SIGKILL")
        case .wait:
            var code: Int32 = 0
            try check { aos_process_wait(handle, id, Self.limit, &code, $0) }
        case .get: try check { aos_process_get(handle, id, &out, $0) }
        case .signalState: try check { aos_process_signal_state(handle, id, Self.limit, &out, $0) }
        case .subscribe:
            let op = try vm.sidecar.submit { aos_process_subscribe(handle, id, nil, 0, nil, $0, $1) }
            _ = try vm.sidecar.events(of: op)
        case .release:
            if case .ended = target { ended = 0 }
            try check { aos_process_release(handle, id, $0) }
        }
    }

    private func layer(_ call: HazardCall.LayerCall, _ number: Int) throws {
        let (handle, id) = (vm.sidecar.handle, layers[number % layers.count])
        var new: aos_id = 0
        switch call {
        case .create: try check { aos_layer_create(handle, vm.id, Self.limit, &new, $0) }
        // The id stays in the list: it is sealed again later.
        case .seal: try check { aos_layer_seal(handle, id, Self.limit, &new, $0) }
        case .export:
            var out: OpaquePointer?
            try check { aos_layer_export(handle, id, Self.limit, &out, $0) }
            aos_bytes_release(out)
        case .importing:
            let text = HazardPaths.exports[number % HazardPaths.exports.count]
            try check { aos_layer_import(handle, vm.id, text, text.utf8.count, Self.limit, &new, $0) }
        case .overlay:
            let lowers = [id, layers[number / 3 % layers.count]]
            try check {
                aos_layer_overlay(handle, vm.id, 0, id, lowers, lowers.count, Self.limit, &new, $0)
            }
        }
        if new != 0, layers.count < 30 { layers.append(new) }
    }
}

/// What is wrong beside a status.
struct HazardFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
