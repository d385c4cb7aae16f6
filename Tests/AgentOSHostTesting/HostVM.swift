// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
package import CAgentOS

/// What a command that ran to its end gave.
package struct HostExecution: Sendable {
    package let code: Int32
    package let output: [UInt8]
    package let error: [UInt8]
    package let flags: UInt32
    package var outputText: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: error, as: UTF8.self) }
}

/// A VM in a test.
package struct HostVM: Sendable {
    package let sidecar: HostSidecar
    package let id: aos_id
    private static let limit: UInt64 = HostSidecar.limit

    package init(_ sidecar: HostSidecar, _ id: aos_id) {
        self.sidecar = sidecar
        self.id = id
    }

    private var handle: OpaquePointer? { sidecar.handle }

    package func shutdown(limit: UInt64 = HostSidecar.limit) throws {
        try check { aos_vm_shutdown(handle, id, limit, $0) }
    }

    package func configure(_ config: JSONValue) throws {
        let text = JSONWriter.text(config)
        try check { aos_vm_configure(handle, id, text, text.utf8.count, Self.limit, $0) }
    }

    package func read(_ path: String, limit: UInt64 = HostSidecar.limit) throws -> [UInt8] {
        var out: OpaquePointer?
        try check { aos_fs_read(handle, id, path, path.utf8.count, limit, &out, $0) }
        return takeBytes(out)
    }

    package func readText(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    package func write(_ path: String, _ bytes: [UInt8], limit: UInt64 = HostSidecar.limit) throws {
        try check { aos_fs_write(handle, id, path, path.utf8.count, bytes, bytes.count, limit, $0) }
    }

    package func write(_ path: String, _ text: String) throws { try write(path, Array(text.utf8)) }

    package func stat(_ path: String) throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_fs_stat(handle, id, path, path.utf8.count, Self.limit, &out, $0) }
        return try takeJSON(out)
    }

    package func list(_ path: String) throws -> [String] {
        var out: OpaquePointer?
        try check { aos_fs_read_dir(handle, id, path, path.utf8.count, Self.limit, &out, $0) }
        guard case .array(let names) = try takeJSON(out) else { return [] }
        return names.compactMap(\.stringValue)
    }

    package func exists(_ path: String) throws -> Bool {
        var exists: Int32 = -1
        try check { aos_fs_exists(handle, id, path, path.utf8.count, Self.limit, &exists, $0) }
        return exists == 1
    }

    package func makeDirectory(_ path: String, recursive: Bool = false) throws {
        try check {
            aos_fs_mkdir(handle, id, path, path.utf8.count, recursive ? AOS_FS_RECURSIVE : 0, Self.limit, $0)
        }
    }

    package func remove(_ path: String, recursive: Bool = false) throws {
        try check {
            aos_fs_remove(handle, id, path, path.utf8.count, recursive ? AOS_FS_RECURSIVE : 0, Self.limit, $0)
        }
    }

    package func run(
        _ command: String,
        _ options: JSONValue? = nil,
        stdin: [UInt8] = [],
        limit: UInt64 = HostSidecar.limit
    ) throws -> HostExecution {
        try run(command, options, stdin, limit, aos_process_exec)
    }

    package func run(
        argv: [String],
        _ options: JSONValue? = nil,
        stdin: [UInt8] = [],
        limit: UInt64 = HostSidecar.limit
    ) throws -> HostExecution {
        let text = JSONWriter.text(.array(argv.map { .string($0) }))
        return try run(text, options, stdin, limit, aos_process_exec_argv)
    }

    private typealias Exec = (
        OpaquePointer?, aos_id, UnsafePointer<CChar>?, Int, UnsafePointer<CChar>?, Int, UnsafeRawPointer?,
        Int, UInt64,
        UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<OpaquePointer?>?,
        UnsafeMutablePointer<OpaquePointer?>?,
        UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    private func run(
        _ command: String,
        _ options: JSONValue?,
        _ stdin: [UInt8],
        _ limit: UInt64,
        _ exec: Exec
    ) throws -> HostExecution {
        var code: Int32 = 0
        var output: OpaquePointer?
        var error: OpaquePointer?
        var flags: UInt32 = 0
        let document = options.map { JSONWriter.text($0) }
        try check {
            exec(
                handle,
                id,
                command,
                command.utf8.count,
                document,
                document?.utf8.count ?? 0,
                stdin,
                stdin.count,
                limit,
                &code,
                &output,
                &error,
                &flags,
                $0
            )
        }
        return HostExecution(code: code, output: takeBytes(output), error: takeBytes(error), flags: flags)
    }

    /// Starts a program with AOS_DELIVER_WAIT.
    package func spawn(_ argv: [String], _ options: JSONValue? = nil) throws -> HostProcess {
        let text = JSONWriter.text(.array(argv.map { .string($0) }))
        let document = options.map { JSONWriter.text($0) }
        var process: aos_id = 0
        var op: aos_id = 0
        try check {
            aos_process_spawn(
                handle,
                id,
                text,
                text.utf8.count,
                document,
                document?.utf8.count ?? 0,
                nil,
                &process,
                &op,
                $0
            )
        }
        return HostProcess(sidecar: sidecar, id: process, op: op)
    }

    package func request(_ payload: JSONValue) throws -> JSONValue {
        var out: OpaquePointer?
        let text = JSONWriter.text(payload)
        try check { aos_request_json(handle, id, text, text.utf8.count, Self.limit, &out, $0) }
        return try takeJSON(out)
    }
}

/// A spawned process in a test.
package struct HostProcess: Sendable {
    package let sidecar: HostSidecar
    package let id: aos_id
    package let op: aos_id
    private static let limit: UInt64 = HostSidecar.limit

    package init(sidecar: HostSidecar, id: aos_id, op: aos_id) {
        self.sidecar = sidecar
        self.id = id
        self.op = op
    }

    package func write(_ bytes: [UInt8]) throws {
        try check { aos_process_write_stdin(sidecar.handle, id, bytes, bytes.count, Self.limit, $0) }
    }

    package func closeInput() throws {
        try check { aos_process_close_stdin(sidecar.handle, id, Self.limit, $0) }
    }

    package func kill(_ signal: String?) throws {
        try check { aos_process_kill(sidecar.handle, id, signal, Self.limit, $0) }
    }

    /// Everything up to the end: output of both channels, and the last event.
    package func finish(limit: UInt64 = HostSidecar.limit) throws -> (
        output: [UInt8], error: [UInt8], last: HostEvent
    ) {
        let events = try sidecar.events(of: op, limit: limit)
        guard let last = events.last else { throw HostError(aos_status(AOS_E_TIMEOUT), nil) }
        return (
            events.filter { $0.kind == AOS_EV_STDOUT }.flatMap(\.data),
            events.filter { $0.kind == AOS_EV_STDERR }.flatMap(\.data), last
        )
    }

    /// Waits until stdout has brought `text`, and gives all that came on it so far.
    package func waitForOutput(_ text: String, limit: UInt64 = HostSidecar.limit) throws -> String {
        var seen = ""
        while let event = try sidecar.take(op, limit: limit), !event.isLast {
            if event.kind == AOS_EV_STDOUT { seen += event.text }
            if seen.contains(text) { return seen }
        }
        throw HostError(aos_status(AOS_E_TIMEOUT), nil)
    }
}
