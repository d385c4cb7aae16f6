// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import CAgentOS

/// Calls on one or two paths of a VM: what their exports have in common.
enum PathCalls {
    typealias Out = UnsafeMutablePointer<OpaquePointer?>
    typealias Text = UnsafePointer<CChar>

    static func one<Output>(
        _ object: SidecarObject,
        _ vm: aos_id,
        _ path: Text?,
        _ len: Int,
        _ steps: (VM, String) throws(ClientError) -> Steps<Output>
    ) throws(ClientError) -> Prepared<Output> {
        let vm = try Identifiers.vm(vm, of: object)
        return Prepared(vm, try steps(vm, try Arguments.text(path, len, "path")))
    }

    static func two<Output>(
        _ object: SidecarObject,
        _ vm: aos_id,
        _ first: (text: Text?, len: Int, name: StaticString),
        _ second: (text: Text?, len: Int, name: StaticString),
        _ steps: (VM, String, String) throws(ClientError) -> Steps<Output>
    ) throws(ClientError) -> Prepared<Output> {
        let vm = try Identifiers.vm(vm, of: object)
        return Prepared(
            vm,
            try steps(
                vm,
                try Arguments.text(first.text, first.len, first.name),
                try Arguments.text(second.text, second.len, second.name)
            )
        )
    }

    /// The blocking form of a call without a result.
    static func wait(
        _ err: Out?,
        _ timeout: UInt64,
        _ sidecar: OpaquePointer?,
        _ prepare: (SidecarObject) throws(ClientError) -> Prepared<Void>
    ) -> aos_status {
        boundary(err) { () throws(ClientError) in
            try prepare(try Handles.sidecar(sidecar)).wait(timeout)
        }
    }

    /// The blocking form of a call with a text as its result.
    static func wait(
        _ out: Out?,
        _ err: Out?,
        _ timeout: UInt64,
        _ sidecar: OpaquePointer?,
        _ prepare: (SidecarObject) throws(ClientError) -> Prepared<String>
    ) -> aos_status {
        boundary(err) { () throws(ClientError) in
            let out = try Arguments.required(out, "out")
            out.pointee = try Handles.publish(
                text: try prepare(try Handles.sidecar(sidecar)).wait(timeout)
            )
        }
    }
}
