// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Looking at processes.
extension VM {
    /// What this client has spawned, by number: a JSON array. Nothing is asked.
    package var processListJSON: String {
        let rows = processes.processes.filter { $0.number != nil }.sorted { $0.order < $1.order }
        return JSONWriter.text(.array(rows.map(\.json)))
    }

    package static func processJSON(_ process: ProcessRecord) -> String { JSONWriter.text(process.json) }

    /// All processes of the VM, also those that guests have started: a JSON array, or nested by parents.
    package func allProcessesJSON(asTree: Bool) -> Steps<String> {
        requestUnchecked(.getProcessSnapshot(GetProcessSnapshotRequest())) { body in
            if case .payload(.processSnapshot(let response)) = body { return response.processes }
            return nil
        }.map { [self] (entries: [ProcessSnapshotEntry]) in
            let times = observedProcesses.see(entries, now: WallClock.milliseconds)
            let others = record.processes.filter { $0.number == nil }
            let snapshot = ProcessSnapshot(entries, ours: processes.processes + others, times: times)
            return asTree ? snapshot.tree : snapshot.json
        }.during("allProcesses")
    }

    /// Waits for the exit code. A process that was never started, or is lost, fails with that.
    package func waitForExit(_ process: ProcessRecord) -> Steps<Int32> {
        Steps<ProcessEnd>.wait(for: process.end).map { end throws(ClientError) in
            switch end {
            case .exited(let code): return code
            case .endedWithVM: return ProcessEnd.codeOfDisposal
            case .failed(let error): throw error
            }
        }
    }

    /// Forgets a process that has ended.
    package func release(_ process: ProcessRecord) throws(ClientError) {
        guard processes.release(process) else {
            throw .invalid("process: it still runs: \(process.hostID)")
        }
    }

    /// Gives a further consumer the output of a process.
    package func subscribe(
        _ process: ProcessRecord,
        _ options: SubscriptionOptions,
        consumer: any OutputConsumer
    ) throws(ClientError) -> OutputSubscription {
        guard let hub = processes.output(of: process) ?? shells.output(of: process) else {
            throw ClientError(.processNotFound, "process: its output is not kept any more")
        }
        let output = ProcessOutput(
            policy: options.overflow,
            channels: options.channels,
            consumer: consumer
        )
        return OutputSubscription(hub: hub, output: output, replay: options.replay)
    }

    /// What a program does with signals, as JSON.
    package func signalStateJSON(_ process: ProcessRecord) throws(ClientError) -> Steps<String> {
        try check()
        let request = GetSignalStateRequest(processId: process.processID)
        return self.request(.getSignalState(request)) { body -> SignalStateResponse? in
            if case .payload(.signalState(let response)) = body { return response }
            return nil
        }.map { response in
            let handlers = response.handlers.sorted.map { entry in
                JSONMember(
                    String(entry.key),
                    .members([
                        "action": .string(entry.value.action.jsonName),
                        "mask": .array(entry.value.mask.map { .number($0) }),
                        "flags": .number(entry.value.flags),
                    ])
                )
            }
            return JSONWriter.text(.members(["handlers": .object(handlers)]))
        }.during("getSignalState")
    }
}

/// What a further consumer of a process's output wants.
package struct SubscriptionOptions: Sendable {
    /// Bytes that a consumer which does not take them may fall behind.
    private static let ringDefault = 8 << 20

    var channels: OutputChannels = OutputChannels()
    var replay: Bool = true
    var overflow: ProcessOptions.OverflowPolicy = .ring(bytes: SubscriptionOptions.ringDefault)

    package init(document: String?) throws(ClientError) {
        let object = try ConfigurationObject(
            document: document,
            allowed: ["stdout", "stderr", "replay", "overflow", "overflowBytes"]
        )
        channels.output = try object.bool("stdout") ?? true
        channels.error = try object.bool("stderr") ?? true
        replay = try object.bool("replay") ?? true
        overflow = try ProcessOptions.overflow(object, isRing: true, ringBytes: Self.ringDefault)
    }
}

/// One further consumer, from before its first event.
package struct OutputSubscription: Sendable {
    let hub: OutputHub
    package let output: ProcessOutput
    let replay: Bool

    package func begin() { hub.subscribe(output, replay: replay) }
    package func end() { hub.unsubscribe(output) }
}
