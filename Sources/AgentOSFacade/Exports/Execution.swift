// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

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
        try outputs.fill(try prepared.wait(timeout))
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
