// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// What the exports below do with a process that is known.
private enum Processes {
    static func exit(_ id: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<Int32> {
        let known = try Identifiers.knownProcess(id, of: object)
        return Prepared(known.vm, known.vm.waitForExit(known.process))
    }

    static func signals(_ id: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<String> {
        let known = try Identifiers.knownProcess(id, of: object)
        return Prepared(known.vm, try known.vm.signalStateJSON(known.process))
    }

    static func all(_ vm: aos_id, _ object: SidecarObject, asTree: Bool) throws(ClientError) -> Prepared<
        String
    > {
        let vm = try Identifiers.vm(vm, of: object)
        return Prepared(vm, vm.allProcessesJSON(asTree: asTree))
    }
}

@_cdecl("aos_process_wait")
package func processWait(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<Int32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "exit_code")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Processes.exit(process, object)
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_process_wait_async")
package func processWaitAsync(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Processes.exit(process, object)
    } _: {
        .complete(value: Int64($0))
    }
}

@_cdecl("aos_process_get")
package func processGet(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let known = try Identifiers.knownProcess(process, of: try Handles.sidecar(sidecar))
        out.pointee = try Handles.publish(text: VM.processJSON(known.process))
    }
}

@_cdecl("aos_process_list")
package func processList(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "out")
        let vm = try Identifiers.vm(vm, of: try Handles.sidecar(sidecar))
        try vm.check()
        out.pointee = try Handles.publish(text: vm.processListJSON)
    }
}

@_cdecl("aos_process_all")
package func processAll(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Processes.all(vm, object, asTree: false)
    }
}

@_cdecl("aos_process_all_async")
package func processAllAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Processes.all(vm, object, asTree: false)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_process_tree")
package func processTree(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Processes.all(vm, object, asTree: true)
    }
}

@_cdecl("aos_process_tree_async")
package func processTreeAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Processes.all(vm, object, asTree: true)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_process_signal_state")
package func processSignalState(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try Processes.signals(process, object)
    }
}

@_cdecl("aos_process_signal_state_async")
package func processSignalStateAsync(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Processes.signals(process, object)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

@_cdecl("aos_process_release")
package func processRelease(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let known = try Identifiers.knownProcess(process, of: try Handles.sidecar(sidecar))
        try known.vm.release(known.process)
    }
}

@_cdecl("aos_process_subscribe")
package func processSubscribe(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    ProcessEvents.subscribe(sidecar, process, options, optionsLen, completion, op, err) {
        object throws(ClientError) in
        let known = try Identifiers.knownProcess(process, of: object)
        return (known.vm, known.process)
    }
}
