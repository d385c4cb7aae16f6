// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension VM {
    /// A program that will stream what it writes. Nothing is sent before `begin`; then the start happens
    /// behind it.
    ///
    /// An interruption of `run` kills the process; the consumer is told the interruption's error when it has
    /// ended.
    package func prepareSpawn(
        _ command: CommandLine,
        _ options: ProcessOptions,
        consumer: any OutputConsumer,
        run: StepRun
    ) throws(ClientError) -> (process: ProcessRecord, output: ProcessOutput, begin: @Sendable () -> Void) {
        let (number, name) = processNumbers.nextSpawned()
        return try prepare(
            name,
            .spawned(number: number),
            command,
            options,
            in: processes,
            consumer: consumer,
            run: run
        )
    }

    /// The same under a name and in a table of the caller's; nil for the library's own programs.
    func prepare(
        _ name: String,
        _ origin: ProcessRecord.Origin,
        _ command: CommandLine,
        _ options: ProcessOptions,
        in table: ProcessTable?,
        consumer: any OutputConsumer,
        run: StepRun
    ) throws(ClientError) -> (process: ProcessRecord, output: ProcessOutput, begin: @Sendable () -> Void) {
        try check()
        let output = ProcessOutput(policy: options.overflow, consumer: consumer)
        let hub = OutputHub(replayBytes: options.replayBytes)
        hub.subscribe(output, replay: false)
        let process = ProcessRecord(
            processID: name,
            origin: origin,
            command: command,
            directory: options.directory,
            sink: InterruptibleSink(hub, run)
        )
        table?.add(process, hub)
        let deadline = options.timeout.map { MonotonicTime.now.adding($0) }
        let life = startInTime(process, options, deadline: deadline).then { [self] in
            waitForEnd(process, deadline: deadline, grace: options.killGrace)
        }
        return (
            process, output,
            {
                life.run(run) { result in
                    // A process that was killed in vain, or never started: the record has told it already.
                    if case .failure(let error) = result { process.finish(.failed(error)) }
                }
            }
        )
    }

    /// Throws what a signal that the sidecar does not take must fail with.
    package static func checkSignal(_ name: String) throws(ClientError) { _ = try GuestSignal(name) }

    /// A program and its arguments as JSON.
    package static func command(argumentsJSON: String) throws(ClientError) -> CommandLine {
        let value: JSONValue
        do { value = try JSONReader.parse(argumentsJSON) } catch {
            throw .invalid("argv: invalid JSON: \(error.text)")
        }
        guard case .array(let elements) = value else {
            throw .invalid("argv: expected an array of a program and its arguments, found \(value.typeName)")
        }
        if elements.isEmpty {
            throw .invalid("argv: expected a program and its arguments, found an empty array")
        }
        var words: [String] = []
        for (index, element) in elements.enumerated() {
            let word = try ConfigurationObject.string(element, "argv[\(index)]")
            if word.utf8.contains(0) { throw .invalid("argv[\(index)]: contains a NUL byte") }
            words.append(word)
        }
        guard let program = words.first, !program.isEmpty else {
            throw .invalid("argv[0]: must not be empty")
        }
        return CommandLine(command: program, arguments: Array(words.dropFirst()))
    }
}

/// Puts the reason of an interruption in the place of the exit that it caused.
private final class InterruptibleSink: OutputSink {
    private let output: OutputHub
    private let run: StepRun

    init(_ output: OutputHub, _ run: StepRun) {
        self.output = output
        self.run = run
    }

    func output(_ channel: OutputChannel, _ block: ByteBlock) { output.output(channel, block) }

    func ended(_ end: ProcessEnd) { output.ended(run.interruption.map { .failed($0) } ?? end) }
}
