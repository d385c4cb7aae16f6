// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
package import CAgentOS

@_cdecl("aos_shell_resize")
package func shellResize(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ columns: UInt32,
    _ rows: UInt32,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let known = try Identifiers.openShell(shell, of: try Handles.sidecar(sidecar))
        known.shell.resize(
            columns: try Arguments.size(columns, "cols"),
            rows: try Arguments.size(rows, "rows")
        )
    }
}

@_cdecl("aos_shell_get")
package func shellGet(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let known = try Identifiers.shell(shell, of: try Handles.sidecar(sidecar))
        out.pointee = try Handles.publish(text: known.shell.json)
    }
}

@_cdecl("aos_shell_list")
package func shellList(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let vm = try Identifiers.vm(vm, of: try Handles.sidecar(sidecar))
        try vm.check()
        out.pointee = try Handles.publish(text: vm.shellListJSON)
    }
}

@_cdecl("aos_shell_subscribe")
package func shellSubscribe(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    ProcessEvents.subscribe(sidecar, shell, options, optionsLen, completion, op, err) {
        object throws(ClientError) in
        let known = try Identifiers.shell(shell, of: object)
        return (known.vm, known.shell.process)
    }
}
