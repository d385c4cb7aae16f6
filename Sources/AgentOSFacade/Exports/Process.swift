// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

// MARK: exec

private struct ExecArguments {
    let options: UnsafePointer<CChar>?
    let optionsLength: Int
    let input: UnsafeRawPointer?
    let inputLength: Int
}

private func execute(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ arguments: ExecArguments,
    _ command: () throws(ClientError) -> CommandLine
) throws(ClientError) -> Prepared<ExecutionResult> {
    let vm = try Identifiers.vm(vm, of: object)
    let command = try command()
    let document = try Arguments.optionalText(arguments.options, arguments.optionsLength, "options_json")
    let options = try ProcessOptions(document: document, forSpawn: false)
    let input = [UInt8](try Arguments.bytes(arguments.input, arguments.inputLength, "stdin_data"))
    return Prepared(vm, bytes: input.count, vm.execute(command, options, stdin: input))
}

private struct ExecOutputs {
    let exitCode: UnsafeMutablePointer<Int32>?
    let output: UnsafeMutablePointer<OpaquePointer?>?
    let error: UnsafeMutablePointer<OpaquePointer?>?
    let flags: UnsafeMutablePointer<UInt32>?

    /// All or nothing: an output that cannot be given leaves the others untouched.
    func fill(_ result: ExecutionResult) throws(ClientError) {
        let outputKey = output == nil ? nil : try Handles.publish(result.output)
        var errorKey: OpaquePointer?
        if error != nil {
            do throws(ClientError) { errorKey = try Handles.publish(result.error) } catch {
                _ = Handles.bytes.release(outputKey)
                throw error
            }
        }
        output?.pointee = outputKey
        error?.pointee = errorKey
        exitCode?.pointee = result.exitCode
        flags?.pointee = Self.bits(result)
    }

    private static func bits(_ result: ExecutionResult) -> UInt32 {
        var bits: UInt32 = 0
        if result.timedOut { bits |= AOS_EXEC_TIMED_OUT }
        if result.outputTruncated { bits |= AOS_EXEC_STDOUT_TRUNCATED }
        if result.errorTruncated { bits |= AOS_EXEC_STDERR_TRUNCATED }
        if result.inputError != nil { bits |= AOS_EXEC_STDIN_FAILED }
        if result.endedWithVM { bits |= AOS_EXEC_ENDED_WITH_VM }
        return bits
    }
}

private func executeAndWait(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ arguments: ExecArguments,
    _ timeout: UInt64,
    _ outputs: ExecOutputs,
    _ err: UnsafeMutablePointer<OpaquePointer?>?,
    _ command: () throws(ClientError) -> CommandLine
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let prepared = try execute(try Handles.sidecar(sidecar), vm, arguments, command)
        try outputs.fill(
            try BlockingCall.run(
                prepared.steps,
                on: prepared.connection,
                bytes: prepared.bytes,
                timeout: timeout
            )
        )
    }
}

/// Two events with all output, then the last one with code and flags.
private func executeAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ arguments: ExecArguments,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?,
    _ command: () throws(ClientError) -> CommandLine
) -> aos_status {
    Submit.start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
        let prepared = try execute(object, vm, arguments, command)
        let operation = try Operation.accept(submission, object, prepared.connection, bytes: prepared.bytes)
        return (
            operation,
            {
                prepared.steps.run(operation.run) { result in
                    if case .success(let outcome) = result {
                        for (kind, block) in [
                            (AOS_EV_STDOUT, outcome.output), (AOS_EV_STDERR, outcome.error),
                        ] {
                            var record = EventRecord(UInt32(kind))
                            record.block = block
                            operation.emit(record)
                        }
                    }
                    operation.complete(result) { outcome in
                        var record = EventRecord.complete(
                            block: ByteBlock.text(outcome.flagsJSON),
                            isJSON: true
                        )
                        record.value = Int64(outcome.exitCode)
                        return record
                    }
                }
                prepared.connection?.expectWithoutWaiting()
            }
        )
    }
}

@_cdecl("aos_process_exec")
package func processExec(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ command: UnsafePointer<CChar>?,
    _ commandLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ stdinData: UnsafeRawPointer?,
    _ stdinLen: Int,
    _ timeout: UInt64,
    _ exitCode: UnsafeMutablePointer<Int32>?,
    _ outData: UnsafeMutablePointer<OpaquePointer?>?,
    _ errData: UnsafeMutablePointer<OpaquePointer?>?,
    _ flags: UnsafeMutablePointer<UInt32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    let arguments = ExecArguments(
        options: options,
        optionsLength: optionsLen,
        input: stdinData,
        inputLength: stdinLen
    )
    let outputs = ExecOutputs(exitCode: exitCode, output: outData, error: errData, flags: flags)
    return executeAndWait(sidecar, vm, arguments, timeout, outputs, err) { () throws(ClientError) in
        try CommandLine(parsing: try Arguments.text(command, commandLen, "command"))
    }
}

@_cdecl("aos_process_exec_async")
package func processExecAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ command: UnsafePointer<CChar>?,
    _ commandLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ stdinData: UnsafeRawPointer?,
    _ stdinLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    let arguments = ExecArguments(
        options: options,
        optionsLength: optionsLen,
        input: stdinData,
        inputLength: stdinLen
    )
    return executeAsync(sidecar, vm, arguments, completion, op, err) { () throws(ClientError) in
        try CommandLine(parsing: try Arguments.text(command, commandLen, "command"))
    }
}

@_cdecl("aos_process_exec_argv")
package func processExecArgv(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ argv: UnsafePointer<CChar>?,
    _ argvLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ stdinData: UnsafeRawPointer?,
    _ stdinLen: Int,
    _ timeout: UInt64,
    _ exitCode: UnsafeMutablePointer<Int32>?,
    _ outData: UnsafeMutablePointer<OpaquePointer?>?,
    _ errData: UnsafeMutablePointer<OpaquePointer?>?,
    _ flags: UnsafeMutablePointer<UInt32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    let arguments = ExecArguments(
        options: options,
        optionsLength: optionsLen,
        input: stdinData,
        inputLength: stdinLen
    )
    let outputs = ExecOutputs(exitCode: exitCode, output: outData, error: errData, flags: flags)
    return executeAndWait(sidecar, vm, arguments, timeout, outputs, err) { () throws(ClientError) in
        try VM.command(argumentsJSON: try Arguments.text(argv, argvLen, "argv_json"))
    }
}

@_cdecl("aos_process_exec_argv_async")
package func processExecArgvAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ argv: UnsafePointer<CChar>?,
    _ argvLen: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ stdinData: UnsafeRawPointer?,
    _ stdinLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    let arguments = ExecArguments(
        options: options,
        optionsLength: optionsLen,
        input: stdinData,
        inputLength: stdinLen
    )
    return executeAsync(sidecar, vm, arguments, completion, op, err) { () throws(ClientError) in
        try VM.command(argumentsJSON: try Arguments.text(argv, argvLen, "argv_json"))
    }
}

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
        try BlockingCall.run(prepared.steps, on: prepared.connection, bytes: prepared.bytes, timeout: timeout)
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
        try BlockingCall.run(prepared.steps, on: prepared.connection, timeout: timeout)
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
        try BlockingCall.run(prepared.steps, on: prepared.connection, timeout: timeout)
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
