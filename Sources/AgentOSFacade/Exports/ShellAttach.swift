// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
package import CAgentOS

@_cdecl("aos_shell_attach")
package func shellAttach(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ input: Int32,
    _ output: Int32,
    _ error: Int32,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<Int32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "exit_code")
        let object = try Handles.sidecar(sidecar)
        let prepared = try ShellAttachment.prepare(shell, object, (input, output, error))
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_shell_attach_async")
package func shellAttachAsync(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ input: Int32,
    _ output: Int32,
    _ error: Int32,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try ShellAttachment.prepare(shell, object, (input, output, error))
    } _: {
        .complete(value: Int64($0))
    }
}
