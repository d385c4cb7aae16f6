// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire

/// What a command that ran to its end gives back.
package struct ExecutionResult: Sendable {
    package let exitCode: Int32
    package let output: ByteBlock?
    package let error: ByteBlock?
    /// It was killed because its time was over; the code is what that gave.
    package let timedOut: Bool
    package let outputTruncated: Bool
    package let errorTruncated: Bool
    /// Why stdin did not arrive, if it did not.
    package let inputError: ClientError?
    /// The VM was shut down under it.
    package let endedWithVM: Bool

    /// The flags as JSON; those that are not set are left out.
    package var flagsJSON: String {
        func flag(_ value: Bool) -> JSONValue? { value ? .bool(true) : nil }
        return JSONWriter.text(
            .members([
                "timedOut": flag(timedOut), "stdoutTruncated": flag(outputTruncated),
                "stderrTruncated": flag(errorTruncated), "endedWithVm": flag(endedWithVM),
                "stdinError": inputError.map { .string($0.message) },
            ])
        )
    }
}

extension VM {
    /// Runs a command to its end (process.md 4). `stdin` is given in one write, which is all that the sidecar
    /// takes.
    package func execute(_ command: CommandLine, _ options: ProcessOptions, stdin: [UInt8]) -> Steps<
        ExecutionResult
    > {
        Steps<ExecutionResult>.operation("exec") { [self] () throws(ClientError) in
            try check()
            if stdin.count > StandardInput.maximumWrite {
                throw ClientError(
                    .tooLarge,
                    "stdin of \(stdin.count) bytes does not fit one write (limit \(StandardInput.maximumWrite)): put it into a file and name that as an argument"
                ) { ($0.size, $0.limit) = (stdin.count, StandardInput.maximumWrite) }
            }
            let captured = CapturedOutput(bound: options.captureBytes)
            let process = ProcessRecord(
                processID: processNumbers.nextExecuted(),
                origin: .executed,
                command: command,
                directory: options.directory,
                sink: captured
            )
            let inputError = Lock<ClientError?>(nil)
            let deadline = options.timeout.map { MonotonicTime.now.adding($0) }
            return startInTime(process, options, deadline: deadline).then { [self] in
                sendAll(stdin, to: process, inputError)
                return waitForEnd(process, deadline: deadline, grace: options.killGrace)
            }.map { (outcome: (end: ProcessEnd, timedOut: Bool)) throws(ClientError) in
                let (code, withVM): (Int32, Bool) =
                    switch outcome.end {
                    case .exited(let code): (code, false)
                    case .endedWithVM: (ProcessEnd.codeOfDisposal, true)
                    case .failed(let error): throw error
                    }
                let (output, error, outputTruncated, errorTruncated) = captured.take()
                return ExecutionResult(
                    exitCode: code,
                    output: output,
                    error: error,
                    timedOut: outcome.timedOut,
                    outputTruncated: outputTruncated,
                    errorTruncated: errorTruncated,
                    inputError: inputError.withLock { $0 },
                    endedWithVM: withVM
                )
            }
        }
    }

    /// Sends `execute`; the record is routed to before that. Fails with the sidecar's rejection.
    func start(_ process: ProcessRecord, _ options: ProcessOptions) -> Steps<Void> {
        Steps<Void>.begin { [self] () throws(ClientError) in
            try check()
            guard record.add(process, isOfLibrary: options.isOfLibrary) else {
                throw connection.closedError()
            }
            let request = ExecuteRequest(
                processId: process.processID,
                command: process.command.command,
                args: process.command.sentArguments,
                env: WireMap(options.environment.map { (key: $0.name, value: $0.value) }),
                cwd: options.directory,
                wasmPermissionTier: options.tier
            )
            return requestUnchecked(.execute(request)) { body in
                if case .payload(.processStarted) = body { return () }
                return nil
            }
        }.map { process.started(.success(())) }.recover { [self] error throws(ClientError) in
            let told = process.command.explaining(error)
            record.remove(process)
            process.started(.failure(told))
            throw told
        }
    }

    /// The same, and no wait without an end: a program that gets no execution slot may not be started either. The end of
    /// the time, and an interruption, are the program's as soon as it runs; for that it has the time that a kill has.
    func startInTime(_ process: ProcessRecord, _ options: ProcessOptions, deadline: MonotonicTime?) -> Steps<
        Void
    > {
        let late = ClientError(.timeout, "the process did not start in time")
        let grace = options.killGrace
        return Steps<Void> { [self] _, end in
            start(process, options).run(StepRun()) { [self] result in
                if case .success = result, case .failed? = process.end.value { pursue(process) }
            }
            end(.success(()))
        }.then {
            .wait(
                for: process.started,
                atMost: deadline.map { max($0.since(.now), 1) },
                timeout: late
            )
        }.recover { [self] error in
            let isLate = error.facts === late.facts
            if isLate { process.timeIsOver() }
            let vain = ClientError(
                .timeout,
                "the process did not start within \(grace / 1_000_000) ms after its time was over"
            )
            return Steps<Result<Void, ClientError>>.wait(
                for: process.started,
                atMost: max(grace, 1),
                timeout: isLate ? vain : error
            ).shielded.recover { [self] error throws(ClientError) in
                record.remove(process)
                process.lost(error)
                // Its start may have come while the wait for it ended.
                if case .success? = process.started.value { pursue(process) }
                throw error
            }
        }.map { result throws(ClientError) in try result.get() }
    }

    /// The end of stdin for a program that reads none, once it has started.
    func closeWithoutWaiting(_ process: ProcessRecord) {
        process.started.whenSet { [self] result in
            if case .success = result { closeRequest(process).run(StepRun()) { _ in } }
        }
    }

    /// Everything that stdin gets, one behind the other without waiting.
    private func sendAll(_ stdin: [UInt8], to process: ProcessRecord, _ failure: Lock<ClientError?>) {
        if !stdin.isEmpty {
            writeRequest(process, stdin).run(StepRun()) { result in
                guard case .failure(let error) = result, error.kind != .processNotFound else { return }
                failure.withLock { $0 = error }
            }
        }
        closeRequest(process).run(StepRun()) { _ in }
    }

    /// Waits for the end. When the time is over, or the run is interrupted, the process is killed first: the
    /// interruption's error then follows, an end by timeout is a result.
    func waitForEnd(
        _ process: ProcessRecord,
        deadline: MonotonicTime?,
        grace: UInt64
    ) -> Steps<(end: ProcessEnd, timedOut: Bool)> {
        let timeout = ClientError(.timeout, "the process did not end in time")
        let remaining = deadline.map { max($0.since(.now), 1) }
        return Steps<ProcessEnd>.wait(for: process.end, atMost: remaining, timeout: timeout).map {
            ($0, false)
        }
        .recover { [self] error in
            let isTimeout = error.facts === timeout.facts
            if isTimeout { process.timeIsOver() }
            return killUntilEnd(process, grace: grace).shielded.map { end throws(ClientError) in
                guard isTimeout else { throw error }
                return (end, true)
            }.recover { vain throws(ClientError) in throw isTimeout ? vain : error }
        }
    }
}
