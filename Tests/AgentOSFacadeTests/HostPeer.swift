// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS

/// The peer of these tests, and operations on it that end in the ways that are needed.
enum HostPeer {
    /// `/hang` is never answered, `/late` is after some milliseconds, `/refuse` is refused, `/kill` ends the
    /// sidecar. A program `many` writes 20 lines and ends with 3; `lines` writes them, and `endless` one
    /// line, and both stay until they are killed; `minus` ends with -5.
    private static let rules: String = """
        [{"on":"guest_filesystem_call","where":{"path":"/hang"},"do":[{"nothing":true}]},
         {"on":"guest_filesystem_call","where":{"path":"/late"},"do":[{"delay":[1,8]},{"default":true}]},
         {"on":"guest_filesystem_call","where":{"path":"/refuse"},
          "do":[{"reject":["kernel_error","ENOENT: no such file or directory, '/refuse'"]}]},
         {"on":"guest_filesystem_call","where":{"path":"/kill"},"do":[{"stderr":"last words\\n"},{"signal":9}]},
         {"on":"execute","where":{"command":"many"},"do":[{"default":true},{"repeat":20,"do":[
          {"event":{"type":"process_output","process_id":"$processId","channel":"stdout",
           "chunk":{"text":"line $i"}}}]},
          {"event":{"type":"process_exited","process_id":"$processId","exit_code":3}}]},
         {"on":"execute","where":{"command":"lines"},"do":[{"default":true},{"repeat":20,"do":[
          {"event":{"type":"process_output","process_id":"$processId","channel":"stdout",
           "chunk":{"text":"line $i"}}}]}]},
         {"on":"execute","where":{"command":"minus"},"do":[{"default":true},
          {"event":{"type":"process_exited","process_id":"$processId","exit_code":-5}}]},
         {"on":"execute","where":{"command":"endless"},"do":[{"default":true},
          {"event":{"type":"process_output","process_id":"$processId","channel":"stdout","chunk":{"text":"here"}}}]},
         {"on":"kill_process","do":[{"default":true},
          {"event":{"type":"process_exited","process_id":"$processId","exit_code":143}}]}]
        """

    static func peer() -> ScriptedPeer { ScriptedPeer(rules) }

    static func sidecar() throws -> HostSidecar { try peer().sidecar(["stopGraceMs": .integer(500)]) }
}

extension HostVM {
    /// Submits `aos_fs_exists_async`.
    func exists(_ path: String, _ completion: aos_completion?) throws -> aos_id {
        var op: aos_id = 0
        try check { err in
            guard var completion else {
                return aos_fs_exists_async(sidecar.handle, id, path, path.utf8.count, nil, &op, err)
            }
            return aos_fs_exists_async(sidecar.handle, id, path, path.utf8.count, &completion, &op, err)
        }
        return op
    }

    /// Submits `aos_process_spawn`.
    func spawn(_ program: String, _ completion: aos_completion) throws -> (process: aos_id, op: aos_id) {
        var completion = completion
        var process: aos_id = 0
        var op: aos_id = 0
        let argv = "[\"\(program)\"]"
        try check {
            aos_process_spawn(
                sidecar.handle,
                id,
                argv,
                argv.utf8.count,
                nil,
                0,
                &completion,
                &process,
                &op,
                $0
            )
        }
        return (process, op)
    }
}

extension HostSidecar {
    /// Submits `aos_sidecar_subscribe`.
    func subscribe(
        _ completion: aos_completion?,
        kinds: UInt32 = 1 << AOS_EV_PROCESS_LOST | 1 << AOS_EV_CLOSED
    ) throws -> aos_id {
        var op: aos_id = 0
        try check { err in
            guard var completion else { return aos_sidecar_subscribe(handle, kinds, nil, &op, err) }
            return aos_sidecar_subscribe(handle, kinds, &completion, &op, err)
        }
        return op
    }

    /// Submits `aos_sidecar_dispose_async`.
    func disposeAsync(_ completion: aos_completion) throws -> aos_id {
        var completion = completion
        var op: aos_id = 0
        try check { aos_sidecar_dispose_async(handle, &completion, &op, $0) }
        return op
    }
}
