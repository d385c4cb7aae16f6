// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc

/// Values that several threads put together.
///
/// `@unchecked Sendable`: a pthread mutex guards them. Not `Mutex`, which ThreadSanitizer does not
/// understand.
final class Collected<Element: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
    private var elements: [Element] = []

    init() { pthread_mutex_init(mutex, nil) }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func append(_ element: Element) {
        pthread_mutex_lock(mutex)
        elements.append(element)
        pthread_mutex_unlock(mutex)
    }

    var all: [Element] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return elements
    }
}

/// How long a body took.
func duration(of body: () throws -> Void) rethrows -> Duration { try ContinuousClock().measure(body) }

extension HostSidecar {
    /// The last event of a call with AOS_DELIVER_WAIT.
    func end(of op: aos_id, limit: UInt64 = HostSidecar.limit) throws -> HostEvent {
        guard let last = try events(of: op, limit: limit).last else {
            throw HostError(aos_status(AOS_E_TIMEOUT), nil)
        }
        return last
    }

    func createVMAsync(_ config: JSONValue? = nil) throws -> aos_id {
        let text = config.map { JSONWriter.text($0) }
        return try submit { aos_vm_create_async(handle, text, text?.utf8.count ?? 0, nil, $0, $1) }
    }

    func disposeAsync() throws -> aos_id { try submit { aos_sidecar_dispose_async(handle, nil, $0, $1) } }

    func cancel(_ op: aos_id) { _ = aos_op_cancel(handle, op) }

    func diagnostic(_ name: String) -> Int64? { (try? diagnostics())?[name]?.integerValue }

    func subscribe() throws -> aos_id {
        let kinds = UInt32(1) << AOS_EV_PROCESS_LOST | UInt32(1) << AOS_EV_CLOSED
        return try submit { aos_sidecar_subscribe(handle, kinds, nil, $0, $1) }
    }
}

extension HostVM {
    func existsAsync(_ path: String, deadline: UInt64 = 0) throws -> aos_id {
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = AOS_DELIVER_WAIT
        completion.deadline_ns = deadline
        return try sidecar.submit {
            aos_fs_exists_async(sidecar.handle, id, path, path.utf8.count, &completion, $0, $1)
        }
    }

    func exists(_ path: String, limit: UInt64) throws -> Bool {
        var exists: Int32 = -1
        try check { aos_fs_exists(sidecar.handle, id, path, path.utf8.count, limit, &exists, $0) }
        return exists == 1
    }

    /// Its answer says the path back: what tells one answer from another.
    func realPathAsync(_ path: String, queue: HostQueue? = nil, tag: UInt64 = 0) throws -> aos_id {
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = queue == nil ? AOS_DELIVER_WAIT : AOS_DELIVER_QUEUE
        completion.queue = queue?.handle
        completion.tag = tag
        return try sidecar.submit {
            aos_fs_realpath_async(sidecar.handle, id, path, path.utf8.count, &completion, $0, $1)
        }
    }

    func writeAsync(_ path: String, _ bytes: [UInt8]) throws -> aos_id {
        try sidecar.submit {
            aos_fs_write_async(sidecar.handle, id, path, path.utf8.count, bytes, bytes.count, nil, $0, $1)
        }
    }

    func requestAsync(_ type: String) throws -> aos_id {
        let text = "{\"type\":\"\(type)\"}"
        return try sidecar.submit {
            aos_request_json_async(sidecar.handle, id, text, text.utf8.count, nil, $0, $1)
        }
    }

    func shutdownAsync() throws -> aos_id {
        try sidecar.submit { aos_vm_shutdown_async(sidecar.handle, id, nil, $0, $1) }
    }

    func execAsync(_ argv: String) throws -> aos_id {
        try sidecar.submit {
            aos_process_exec_argv_async(
                sidecar.handle,
                id,
                argv,
                argv.utf8.count,
                nil,
                0,
                nil,
                0,
                nil,
                $0,
                $1
            )
        }
    }
}

extension ScriptedPeer {
    /// Options of a handle that sends one request for one call: nothing is asked beforehand.
    func plainOptions(_ more: KeyValuePairs<String, JSONValue?> = [:]) -> JSONValue {
        guard case .object(let members) = options(more) else { return .null }
        return .object(members + [JSONMember("fileGuards", .string("off"))])
    }

    func plainSidecar(_ more: KeyValuePairs<String, JSONValue?> = [:]) throws -> HostSidecar {
        try HostSidecar(options: plainOptions(more))
    }

    /// A request of a VM that is answered by `actions` when it asks for `path`.
    static func onPath(_ path: String, _ actions: String, nth: Int? = nil) -> String {
        let count = nth.map { "\"nth\":\($0)," } ?? ""
        return
            "{\"on\":\"guest_filesystem_call\",\(count)\"where\":{\"path\":\"\(path)\"},\"do\":[\(actions)]}"
    }

    static func on(_ type: String, _ actions: String, nth: Int? = nil) -> String {
        "{\"on\":\"\(type)\",\(nth.map { "\"nth\":\($0)," } ?? "")\"do\":[\(actions)]}"
    }

    /// The paths of the file requests that it got.
    var paths: [String] { requests("guest_filesystem_call").compactMap { $0["path"]?.stringValue } }
    var hasEnded: Bool { runningProcessIDs.isEmpty }
    var exits: [Int64] { events("exit").compactMap { $0["code"]?.integerValue } }
}

extension HostError {
    var exitCode: Int64? { detail["exitCode"]?.integerValue }
    var stderr: String? { detail["stderr"]?.stringValue }
}
