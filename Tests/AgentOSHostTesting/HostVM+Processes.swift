// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
package import CAgentOS

/// The functions that look at processes.
extension HostVM {
    private func rows(_ value: JSONValue) -> [JSONValue] {
        guard case .array(let rows) = value else { return [] }
        return rows
    }

    /// What this client has spawned.
    package func spawnedProcesses() throws -> [JSONValue] {
        var out: OpaquePointer?
        try check { aos_process_list(sidecar.handle, id, &out, $0) }
        return rows(try takeJSON(out))
    }

    package func allProcesses() throws -> [JSONValue] {
        var out: OpaquePointer?
        try check { aos_process_all(sidecar.handle, id, HostSidecar.limit, &out, $0) }
        return rows(try takeJSON(out))
    }

    package func processTree() throws -> [JSONValue] {
        var out: OpaquePointer?
        try check { aos_process_tree(sidecar.handle, id, HostSidecar.limit, &out, $0) }
        return rows(try takeJSON(out))
    }

    /// Opens a shell with AOS_DELIVER_WAIT.
    package func openShell(_ options: JSONValue? = nil) throws -> HostShell {
        let document = options.map { JSONWriter.text($0) }
        var shell: aos_id = 0
        var op: aos_id = 0
        try check {
            aos_shell_open(
                sidecar.handle,
                id,
                document,
                document?.utf8.count ?? 0,
                nil,
                &shell,
                &op,
                $0
            )
        }
        return HostShell(sidecar: sidecar, id: shell, op: op)
    }

    /// The shells that are neither closed nor ended.
    package func shells() throws -> [JSONValue] {
        var out: OpaquePointer?
        try check { aos_shell_list(sidecar.handle, id, &out, $0) }
        return rows(try takeJSON(out))
    }
}

extension HostProcess {
    package func wait(limit: UInt64 = HostSidecar.limit) throws -> Int32 {
        var code: Int32 = 0
        try check { aos_process_wait(sidecar.handle, id, limit, &code, $0) }
        return code
    }

    package func submitWait() throws -> aos_id {
        try sidecar.submit { aos_process_wait_async(sidecar.handle, id, nil, $0, $1) }
    }

    package func describe() throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_process_get(sidecar.handle, id, &out, $0) }
        return try takeJSON(out)
    }

    package func signalState(limit: UInt64 = HostSidecar.limit) throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_process_signal_state(sidecar.handle, id, limit, &out, $0) }
        return try takeJSON(out)
    }

    package func release() throws {
        try check { aos_process_release(sidecar.handle, id, $0) }
    }

    /// A further consumer of its output: the same process, by the new operation.
    package func subscribe(
        _ options: JSONValue? = nil,
        completion given: aos_completion? = nil
    ) throws -> HostProcess {
        let document = options.map { JSONWriter.text($0) }
        var op: aos_id = 0
        try withCompletion(given) { completion in
            try check {
                aos_process_subscribe(
                    sidecar.handle,
                    id,
                    document,
                    document?.utf8.count ?? 0,
                    completion,
                    &op,
                    $0
                )
            }
        }
        return HostProcess(sidecar: sidecar, id: id, op: op)
    }
}

private func withCompletion(
    _ given: aos_completion?,
    _ body: (UnsafePointer<aos_completion>?) throws -> Void
) throws {
    guard var completion = given else { return try body(nil) }
    try body(&completion)
}

/// A shell in a test.
package struct HostShell: Sendable {
    package let sidecar: HostSidecar
    package let id: aos_id
    package let op: aos_id
    private static let limit: UInt64 = HostSidecar.limit

    package init(sidecar: HostSidecar, id: aos_id, op: aos_id) {
        self.sidecar = sidecar
        self.id = id
        self.op = op
    }

    package func write(_ text: String) throws {
        let bytes = Array(text.utf8)
        try check { aos_shell_write(sidecar.handle, id, bytes, bytes.count, Self.limit, $0) }
    }

    package func submitWrite(_ text: String) throws -> aos_id {
        let bytes = Array(text.utf8)
        return try sidecar.submit {
            aos_shell_write_async(sidecar.handle, id, bytes, bytes.count, nil, $0, $1)
        }
    }

    package func closeInput() throws {
        try check { aos_shell_close_stdin(sidecar.handle, id, Self.limit, $0) }
    }

    package func signal(_ signal: String?) throws {
        try check { aos_shell_signal(sidecar.handle, id, signal, Self.limit, $0) }
    }

    package func close() throws {
        try check { aos_shell_close(sidecar.handle, id, Self.limit, $0) }
    }

    package func wait(limit: UInt64 = HostSidecar.limit) throws -> Int32 {
        var code: Int32 = 0
        try check { aos_shell_wait(sidecar.handle, id, limit, &code, $0) }
        return code
    }

    package func submitWait() throws -> aos_id {
        try sidecar.submit { aos_shell_wait_async(sidecar.handle, id, nil, $0, $1) }
    }

    package func resize(_ columns: UInt32, _ rows: UInt32) throws {
        try check { aos_shell_resize(sidecar.handle, id, columns, rows, $0) }
    }

    package func describe() throws -> JSONValue {
        var out: OpaquePointer?
        try check { aos_shell_get(sidecar.handle, id, &out, $0) }
        return try takeJSON(out)
    }

    /// A further consumer of its output.
    package func subscribe(_ options: JSONValue? = nil) throws -> aos_id {
        let document = options.map { JSONWriter.text($0) }
        return try sidecar.submit { op, error in
            aos_shell_subscribe(
                sidecar.handle,
                id,
                document,
                document?.utf8.count ?? 0,
                nil,
                op,
                error
            )
        }
    }

    package func attach(
        input: Int32 = -1,
        output: Int32 = -1,
        error: Int32 = -1,
        limit: UInt64 = HostSidecar.limit
    ) throws -> Int32 {
        var code: Int32 = 0
        try check { aos_shell_attach(sidecar.handle, id, input, output, error, limit, &code, $0) }
        return code
    }

    package func submitAttach(input: Int32 = -1, output: Int32 = -1, error: Int32 = -1) throws -> aos_id {
        try sidecar.submit {
            aos_shell_attach_async(sidecar.handle, id, input, output, error, nil, $0, $1)
        }
    }
}
