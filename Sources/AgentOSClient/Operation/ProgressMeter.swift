// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// How far long work has come.
package struct Progress: Sendable {
    /// Files, links and directories that are done.
    package var entries: Int = 0
    package var bytes: Int = 0
    /// Nil while it is not known.
    package var totalEntries: Int?
    package var totalBytes: Int?
    /// What was done last, as the work names it.
    package var path: String?

    package init() {}

    package var json: String {
        JSONWriter.text(
            .members([
                "entries": .integer(Int64(entries)), "bytes": .integer(Int64(bytes)),
                "totalEntries": totalEntries.map { .integer(Int64($0)) },
                "totalBytes": totalBytes.map { .integer(Int64($0)) },
                "path": path.map { .string($0) },
            ])
        )
    }
}

/// Counts long work and tells of it, not more often than people can follow.
package final class ProgressMeter: Sendable {
    /// Between two reports.
    package static let interval: UInt64 = 50_000_000

    private let state: Lock<(progress: Progress, last: MonotonicTime)> = Lock((Progress(), .now))
    private let report: (@Sendable (Progress) -> Void)?

    /// Nil: nobody is told.
    package init(_ report: (@Sendable (Progress) -> Void)? = nil) { self.report = report }

    /// What the work adds up to, as soon as that is known.
    func expect(entries: Int, bytes: Int?) {
        state.withLock { ($0.progress.totalEntries, $0.progress.totalBytes) = (entries, bytes) }
    }

    func add(entries: Int = 0, bytes: Int = 0, path: String? = nil) {
        guard let report else { return }
        let due = state.withLock { state -> Progress? in
            state.progress.entries += entries
            state.progress.bytes += bytes
            if let path { state.progress.path = path }
            let now = MonotonicTime.now
            guard now.since(state.last) >= Self.interval else { return nil }
            state.last = now
            return state.progress
        }
        if let due { report(due) }
    }
}
