// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

/// What the exports below do with a shell.
private enum Shells {
    static func write(
        _ id: aos_id,
        _ object: SidecarObject,
        _ data: UnsafeRawPointer?,
        _ len: Int
    ) throws(ClientError) -> Prepared<Void> {
        let bytes = try Arguments.bytes(data, len, "data")
        let known = try Identifiers.openShell(id, of: object)
        return Prepared(
            known.vm,
            bytes: len,
            try known.vm.write([UInt8](bytes), to: known.shell.process)
        )
    }

    static func closeInput(_ id: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<Void> {
        let known = try Identifiers.openShell(id, of: object)
        return Prepared(known.vm, try known.vm.closeInput(of: known.shell.process))
    }

    static func signal(
        _ id: aos_id,
        _ object: SidecarObject,
        _ signal: UnsafePointer<CChar>?
    ) throws(ClientError) -> Prepared<Void> {
        let name = try Arguments.optionalText(signal, -1, "signal") ?? "SIGTERM"
        let known = try Identifiers.openShell(id, of: object)
        return Prepared(known.vm, try known.vm.kill(known.shell.process, signal: name))
    }

    static func close(_ id: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<Void> {
        let known: ShellObject
        do throws(ClientError) { known = try Identifiers.shell(id, of: object) } catch {
            // Closed and forgotten: that is what was wanted.
            guard error.kind == .shellNotFound else { throw error }
            return Prepared(object, .done(()))
        }
        return Prepared(known.vm, try known.vm.close(known.shell))
    }

    static func exit(_ id: aos_id, _ object: SidecarObject) throws(ClientError) -> Prepared<Int32> {
        let known = try Identifiers.shell(id, of: object)
        return Prepared(known.vm, known.vm.waitForExit(known.shell.process))
    }
}

@_cdecl("aos_shell_open")
package func shellOpen(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ shell: UnsafeMutablePointer<aos_id>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.start(sidecar, completion, op, err) { (object, submission) throws(ClientError) in
        let vm = try Identifiers.vm(vm, of: object)
        let document = try Arguments.optionalText(options, optionsLen, "options_json")
        try VM.checkShell(document: document)
        try vm.check()
        let operation = try Operation.accept(submission, object, vm.connection)
        return (
            operation,
            {
                do throws(ClientError) {
                    let begin = try ProcessEvents(operation).prepareShell(vm, document: document)
                    // Known to the host before the first event can be.
                    shell?.pointee = operation.object
                    begin()
                    vm.connection.expectWithoutWaiting()
                } catch {
                    operation.complete(.failed(error))
                }
            }
        )
    }
}

@_cdecl("aos_shell_write")
package func shellWrite(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ data: UnsafeRawPointer?,
    _ dataLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try Shells.write(shell, object, data, dataLen)
    }
}

@_cdecl("aos_shell_write_async")
package func shellWriteAsync(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ data: UnsafeRawPointer?,
    _ dataLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Shells.write(shell, object, data, dataLen)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_shell_close_stdin")
package func shellCloseStdin(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try Shells.closeInput(shell, object)
    }
}

@_cdecl("aos_shell_close_stdin_async")
package func shellCloseStdinAsync(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Shells.closeInput(shell, object)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_shell_signal")
package func shellSignal(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ signal: UnsafePointer<CChar>?,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try Shells.signal(shell, object, signal)
    }
}

@_cdecl("aos_shell_signal_async")
package func shellSignalAsync(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ signal: UnsafePointer<CChar>?,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Shells.signal(shell, object, signal)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_shell_close")
package func shellClose(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try Shells.close(shell, object)
    }
}

@_cdecl("aos_shell_close_async")
package func shellCloseAsync(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Shells.close(shell, object)
    } _: { _ in
        .complete()
    }
}

@_cdecl("aos_shell_wait")
package func shellWait(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<Int32>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    boundary(err) { () throws(ClientError) in
        let out = try Arguments.required(out, "exit_code")
        let object = try Handles.sidecar(sidecar)
        let prepared = try Shells.exit(shell, object)
        out.pointee = try prepared.wait(timeout)
    }
}

@_cdecl("aos_shell_wait_async")
package func shellWaitAsync(
    _ sidecar: OpaquePointer?,
    _ shell: aos_id,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object throws(ClientError) in
        try Shells.exit(shell, object)
    } _: {
        .complete(value: Int64($0))
    }
}
