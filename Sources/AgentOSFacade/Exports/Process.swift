// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

// MARK: spawn

@_cdecl("aos_process_spawn")
package func processSpawn(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ argv: UnsafePointer<CChar>?,
    _ argvLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ process: UnsafeMutablePointer<aos_id>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
        let vm = try Identifiers.vm(vm, of: object)
        let command = try VM.command(argumentsJSON: try Arguments.text(argv, argvLen, "argv_json"))
        let options = try ProcessOptions(
            document: try Arguments.optionalText(options, optionsLen, "options_json"),
            forSpawn: true
        )
        try vm.check()
        let operation = try Operation.accept(submission, object, vm.connection)
        return (
            operation,
            {
                do throws(ClientError) {
                    let begin = try ProcessEvents(operation).prepare(vm, command, options)
                    // Known to the host before the first event can be.
                    process?.pointee = operation.object
                    begin()
                    vm.connection.expectWithoutWaiting()
                } catch {
                    operation.complete(.failed(error))
                }
            }
        )
    }
}

// MARK: stdin, signals

/// What is done to a process that may have ended: then `ended` says what that means.
private func act(
    _ object: SidecarObject,
    _ id: aos_id,
    ended: ClientError?,
    bytes: Int = 0,
    _ body: (ProcessObject) throws(ClientError) -> Steps<Void>
) throws(ClientError) -> Prepared<Void> {
    guard let process = try Identifiers.process(id, of: object) else {
        if let ended { throw ended }
        return Prepared(object, .done(()))
    }
    return Prepared(process.vm, bytes: bytes, try body(process))
}

private func writeStdin(
    _ object: SidecarObject,
    _ id: aos_id,
    _ data: UnsafeRawPointer?,
    _ len: Int
) throws(ClientError) -> Prepared<Void> {
    let bytes = try Arguments.bytes(data, len, "data")
    return try act(object, id, ended: ClientError(.processNotFound, "process already exited"), bytes: len) {
        process throws(ClientError) in
        try process.vm.write([UInt8](bytes), to: process.process)
    }
}

@_cdecl("aos_process_write_stdin")
package func processWriteStdin(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ data: UnsafeRawPointer?,
    _ len: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let prepared = try writeStdin(try Handles.sidecar(sidecar), process, data, len)
        try prepared.wait(timeout)
    }
}

@_cdecl("aos_process_write_stdin_async")
package func processWriteStdinAsync(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ data: UnsafeRawPointer?,
    _ len: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try writeStdin(object, process, data, len)
    } _: { _ in
        .complete(object: process)
    }
}

private func closeStdin(_ object: SidecarObject, _ id: aos_id) throws(ClientError) -> Prepared<Void> {
    try act(object, id, ended: nil) { process throws(ClientError) in
        try process.vm.closeInput(of: process.process)
    }
}

@_cdecl("aos_process_close_stdin")
package func processCloseStdin(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let prepared = try closeStdin(try Handles.sidecar(sidecar), process)
        try prepared.wait(timeout)
    }
}

@_cdecl("aos_process_close_stdin_async")
package func processCloseStdinAsync(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try closeStdin(object, process)
    } _: { _ in
        .complete(object: process)
    }
}

private func kill(
    _ object: SidecarObject,
    _ id: aos_id,
    _ signal: UnsafePointer<CChar>?
) throws(ClientError) -> Prepared<Void> {
    let name = try Arguments.optionalText(signal, -1, "signal") ?? "SIGTERM"
    try VM.checkSignal(name)
    return try act(object, id, ended: nil) { process throws(ClientError) in
        try process.vm.kill(process.process, signal: name)
    }
}

@_cdecl("aos_process_kill")
package func processKill(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ signal: UnsafePointer<CChar>?,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let prepared = try kill(try Handles.sidecar(sidecar), process, signal)
        try prepared.wait(timeout)
    }
}

@_cdecl("aos_process_kill_async")
package func processKillAsync(
    _ sidecar: OpaquePointer?,
    _ process: aos_id,
    _ signal: UnsafePointer<CChar>?,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try kill(object, process, signal)
    } _: { _ in
        .complete(object: process)
    }
}
