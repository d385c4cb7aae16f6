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
        /// What it keeps since its end.
        var keptBytes = 0
    }

    private struct State: Sendable {
        /// In the order of their starts.
        var running: [Entry] = []
        /// In the order of their ends.
        var ended: [Entry] = []
        /// What the ended ones keep together, and the first of them that still keeps something.
        var keptBytes = 0
        var firstKeeping = 0
        var isClosed = false
    }

    private let state: Lock<State> = Lock(State())

    init(keptAfterEnd: Int) { self.keptAfterEnd = keptAfterEnd }

    func add(_ process: ProcessRecord, _ output: OutputHub) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.running.append(Entry(process: process, output: output)) }
            return state.isClosed
        }
        if isClosed {
            process.forgotten.set(())
            return
        }
        process.end.whenSet { [weak self] _ in self?.ended(process) }
    }

    private func ended(_ process: ProcessRecord) {
        let (oldest, stale) = state.withLock { state -> (ProcessRecord?, [OutputHub]) in
            guard let index = state.running.firstIndex(where: { $0.process === process }) else {
                return (nil, [])
            }
            var entry = state.running.remove(at: index)
            entry.keptBytes = entry.output.keptBytes
            state.keptBytes += entry.keptBytes
            state.ended.append(entry)
            var oldest: ProcessRecord?
            if state.ended.count > keptAfterEnd { oldest = Self.remove(0, from: &state).process }
            var stale: [OutputHub] = []
            while state.keptBytes > Self.replayOfEnded, state.firstKeeping < state.ended.count {
                stale.append(state.ended[state.firstKeeping].output)
                state.keptBytes -= state.ended[state.firstKeeping].keptBytes
                state.ended[state.firstKeeping].keptBytes = 0
                state.firstKeeping += 1
            }
            return (oldest, stale)
        }
        oldest?.forgotten.set(())
        for output in stale { output.forgetReplay() }
    }

    private static func remove(_ index: Int, from state: inout State) -> Entry {
        let entry = state.ended.remove(at: index)
        state.keptBytes -= entry.keptBytes
        if index < state.firstKeeping { state.firstKeeping -= 1 }
        return entry
    }

    /// Forgets one that has ended. False if it still runs.
    func release(_ process: ProcessRecord) -> Bool {
        guard process.hasEnded else { return false }
        state.withLock { state in
            if let index = state.ended.firstIndex(where: { $0.process === process }) {
                _ = Self.remove(index, from: &state)
            }
            state.running.removeAll { $0.process === process }
        }
        process.forgotten.set(())
        return true
    }

    /// The VM is gone: nothing is kept any more.
    func close() {
        let entries = state.withLock { state in
            state.isClosed = true
            defer { (state.running, state.ended) = ([], []) }
            return state.running + state.ended
        }
        for entry in entries { entry.process.forgotten.set(()) }
    }

    /// In the order of their starts.
    var processes: [ProcessRecord] {
        let all = state.withLock { ($0.running + $0.ended).map(\.process) }
        return all.sorted { $0.order < $1.order }
    }

    func output(of process: ProcessRecord) -> OutputHub? {
        state.withLock { state in
            (state.running.first { $0.process === process } ?? state.ended.first { $0.process === process })?
                .output
        }
    }
}
