// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// What a shell is to be.
private struct ShellOptions {
    let command: CommandLine
    let process: ProcessOptions
    let columns: UInt16?
    let rows: UInt16?

    init(document: String?) throws(ClientError) {
        var (options, object) = try ProcessOptions.ofShell(document: document)
        let program = try object.string("command") ?? "sh"
        if program.isEmpty || program.utf8.contains(0) {
            throw .invalid("command: must not be empty, nor contain a NUL byte")
        }
        command = CommandLine(command: program, arguments: try object.strings("args") ?? [])
        let size = 1...Int64(UInt16.max)
        columns = try object.integer("cols", in: size).map { UInt16($0) }
        rows = try object.integer("rows", in: size).map { UInt16($0) }
        for (name, value) in [("COLUMNS", columns), ("LINES", rows)] {
            if let value, !options.environment.contains(where: { $0.name == name }) {
                options.environment.append((name, String(value)))
            }
        }
        process = options
    }
}

/// A shell in a VM: a process with pipes, for the sidecar has no terminals (process.md 11).
package final class Shell: Sendable {
    private struct State: Sendable {
        var columns: UInt16?
        var rows: UInt16?
        var isClosed = false
    }

    package let process: ProcessRecord
    private let state: Lock<State>

    init(_ process: ProcessRecord, columns: UInt16?, rows: UInt16?) {
        self.process = process
        state = Lock(State(columns: columns, rows: rows))
    }

    /// Remembers a size; nothing is sent, for nobody would take it.
    package func resize(columns: UInt16, rows: UInt16) {
        state.withLock { ($0.columns, $0.rows) = (columns, rows) }
    }

    /// Neither closed nor ended.
    package var isOpen: Bool { !process.hasEnded && !state.withLock { $0.isClosed } }

    /// False if it was closed before.
    func close() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }

    package var json: String { JSONWriter.text(value) }

    var value: JSONValue {
        let (columns, rows) = state.withLock { ($0.columns, $0.rows) }
        return .members([
            "id": .number(process.hostID), "command": .string(process.command.command),
            "args": .array(process.command.arguments.map { .string($0) }),
            "running": .bool(!process.hasEnded),
            "exitCode": .some(process.end.value?.exitCode.map { .number($0) } ?? .null),
            "cols": .some(columns.map { .number($0) } ?? .null),
            "rows": .some(rows.map { .number($0) } ?? .null),
        ])
    }
}

extension VM {
    /// The shells that are neither closed nor ended: a JSON array.
    package var shellListJSON: String {
        JSONWriter.text(.array(openShells.withLock { $0 }.filter(\.isOpen).map(\.value)))
    }

    /// Throws what options of a shell that are wrong must fail with.
    package static func checkShell(document: String?) throws(ClientError) {
        _ = try ShellOptions(document: document)
    }

    private static let second: UInt64 = 1_000_000_000
    /// How long a shell may take to end before it is killed.
    private static let closeGrace = 2 * second

    /// A shell that will stream what it writes; nothing is sent before `begin`.
    package func prepareShell(
        document: String?,
        consumer: any OutputConsumer,
        run: StepRun
    ) throws(ClientError) -> (shell: Shell, output: ProcessOutput, begin: @Sendable () -> Void) {
        let options = try ShellOptions(document: document)
        let prepared = try prepare(
            processNumbers.nextShell(),
            .shell,
            options.command,
            options.process,
            in: shells,
            consumer: consumer,
            run: run
        )
        let shell = Shell(prepared.process, columns: options.columns, rows: options.rows)
        openShells.withLock { shells in
            shells.removeAll { !$0.isOpen }
            shells.append(shell)
        }
        return (shell, prepared.output, prepared.begin)
    }

    /// SIGTERM, and SIGKILL if it has not ended some seconds later. A second time: success.
    package func close(_ shell: Shell) throws(ClientError) -> Steps<Void> {
        try check()
        guard shell.close(), !shell.process.hasEnded else { return .done(()) }
        let process = shell.process
        return try kill(process, signal: "SIGTERM").map { [self] in
            let grace = Steps<ProcessEnd>.wait(
                for: process.end,
                atMost: Self.closeGrace,
                timeout: ClientError(.timeout, "")
            )
            grace.run(StepRun()) { [self] result in
                guard case .failure = result, let kill = try? kill(process, signal: "SIGKILL") else { return }
                kill.run(StepRun()) { _ in }
            }
        }
    }
}
