// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// The processes of one VM that callers have ids of: all that run, and the last ones that ended (process.md
/// 8.4).
final class ProcessTable: Sendable {
    /// Ended ones that are kept.
    private let keptAfterEnd: Int
    /// Bytes of output that ended ones keep together, for late subscribers.
    private static let replayOfEnded = 64 << 20

    private struct Entry: Sendable {
        let process: ProcessRecord
        let output: OutputHub
    }

    private struct State: Sendable {
        /// In the order of their starts.
        var entries: [Entry] = []
        /// In the order of their ends.
        var ended: [ProcessRecord] = []
        var isClosed = false
    }

    private let state: Lock<State> = Lock(State())

    init(keptAfterEnd: Int) { self.keptAfterEnd = keptAfterEnd }

    func add(_ process: ProcessRecord, _ output: OutputHub) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.entries.append(Entry(process: process, output: output)) }
            return state.isClosed
        }
        if isClosed {
            process.forgotten.set(())
            return
        }
        process.end.whenSet { [weak self] _ in self?.ended(process) }
    }

    private func ended(_ process: ProcessRecord) {
        let (oldest, outputs) = state.withLock { state -> (ProcessRecord?, [OutputHub]) in
            guard state.entries.contains(where: { $0.process === process }) else { return (nil, []) }
            state.ended.append(process)
            var oldest: ProcessRecord?
            if state.ended.count > keptAfterEnd {
                let first = state.ended.removeFirst()
                state.entries.removeAll { $0.process === first }
                oldest = first
            }
            // In the order of their ends.
            let outputs = state.ended.compactMap { ended in
                state.entries.first { $0.process === ended }?.output
            }
            return (oldest, outputs)
        }
        oldest?.forgotten.set(())
        var kept = outputs.reduce(0) { $0 + $1.keptBytes }
        for output in outputs where kept > Self.replayOfEnded {
            kept -= output.keptBytes
            output.forgetReplay()
        }
    }

    /// Forgets one that has ended. False if it still runs.
    func release(_ process: ProcessRecord) -> Bool {
        guard process.hasEnded else { return false }
        state.withLock { state in
            state.entries.removeAll { $0.process === process }
            state.ended.removeAll { $0 === process }
        }
        process.forgotten.set(())
        return true
    }

    /// The VM is gone: nothing is kept any more.
    func close() {
        let entries = state.withLock { state in
            state.isClosed = true
            defer { (state.entries, state.ended) = ([], []) }
            return state.entries
        }
        for entry in entries { entry.process.forgotten.set(()) }
    }

    var processes: [ProcessRecord] { state.withLock { $0.entries.map(\.process) } }

    func output(of process: ProcessRecord) -> OutputHub? {
        state.withLock { state in state.entries.first { $0.process === process }?.output }
    }
}
