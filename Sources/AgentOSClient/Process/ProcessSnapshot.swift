// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// When processes that this client did not start were first seen, and first seen ended: no times are on the
/// wire (process.md 10.2).
final class ObservedProcesses: Sendable {
    private static let keptMilliseconds: UInt64 = 10_000

    private struct Sighting: Sendable {
        let first: UInt64
        var exited: UInt64?
        var last: UInt64
    }

    private let sightings: Lock<[String: Sighting]> = Lock([:])

    /// Takes a snapshot in, and tells the times of each of its processes, in order.
    func see(_ entries: [ProcessSnapshotEntry], now: UInt64) -> [(start: UInt64, exit: UInt64?)] {
        sightings.withLock { sightings in
            let times = entries.map { entry -> (start: UInt64, exit: UInt64?) in
                let key = "\(entry.pid) \(entry.processId)"
                var sighting = sightings[key] ?? Sighting(first: now, last: now)
                sighting.last = now
                if entry.status == .exited, sighting.exited == nil { sighting.exited = now }
                sightings[key] = sighting
                return (sighting.first, sighting.exited)
            }
            sightings = sightings.filter { $0.value.last + Self.keptMilliseconds > now }
            return times
        }
    }
}

/// The whole process table of a VM as callers see it: the kernel's, with the numbers and the times of what this
/// client started (process.md 10.2).
struct ProcessSnapshot: Sendable {
    struct Row: Sendable {
        var pid: UInt64
        var parent: UInt64
        var group: UInt64
        var session: UInt64
        var driver: String = ""
        var command: CommandLine
        var directory: String
        var isExited: Bool
        var isStopped: Bool = false
        var exitCode: Int32?
        var start: UInt64
        var exit: UInt64?
        var hostID: UInt64 = 0

        var json: JSONValue {
            .members([
                "pid": .number(pid), "ppid": .number(parent), "pgid": .number(group), "sid": .number(session),
                "driver": .string(driver), "command": .string(command.command),
                "args": .array(command.arguments.map { .string($0) }), "cwd": .string(directory),
                "status": .string(isExited ? "exited" : "running"), "stopped": isStopped ? .bool(true) : nil,
                "exitCode": .some(exitCode.map { .integer(Int64($0)) } ?? .null), "startTime": .number(start),
                "exitTime": .some(exit.map { .number($0) } ?? .null),
                "id": hostID == 0 ? nil : .number(hostID),
            ])
        }
    }

    private(set) var rows: [Row] = []

    init(_ entries: [ProcessSnapshotEntry], ours: [ProcessRecord], times: [(start: UInt64, exit: UInt64?)]) {
        var records: [ByteKey: ProcessRecord] = [:]
        for record in ours { records[ByteKey(record.processID)] = record }
        var numbers: [UInt64: UInt64] = [:]
        for entry in entries {
            if let number = records[ByteKey(entry.processId)]?.number { numbers[UInt64(entry.pid)] = number }
        }
        func number(_ pid: UInt32) -> UInt64 { numbers[UInt64(pid)] ?? UInt64(pid) }
        var seen: Set<ByteKey> = []
        for (entry, times) in zip(entries, times) {
            let record = records[ByteKey(entry.processId)]
            if record != nil { seen.insert(ByteKey(entry.processId)) }
            let isOver = record?.hasEnded ?? false
            rows.append(
                Row(
                    pid: number(entry.pid),
                    parent: number(entry.ppid),
                    group: number(entry.pgid),
                    session: number(entry.sid),
                    driver: entry.driver,
                    command: record?.command
                        ?? CommandLine(command: entry.command, arguments: entry.args),
                    directory: entry.cwd,
                    isExited: isOver || entry.status == .exited,
                    isStopped: !isOver && entry.status == .stopped,
                    exitCode: isOver
                        ? record?.end.value?.exitCode : entry.status == .exited ? entry.exitCode : nil,
                    start: record?.startTime ?? times.start,
                    exit: record?.endTime ?? times.exit,
                    hostID: record?.hostID ?? 0
                )
            )
        }
        for record in ours where !seen.contains(ByteKey(record.processID)) {
            guard let number = record.number else { continue }
            rows.append(
                Row(
                    pid: number,
                    parent: 0,
                    group: number,
                    session: number,
                    command: record.command,
                    directory: record.directory ?? "",
                    isExited: record.hasEnded,
                    exitCode: record.end.value?.exitCode,
                    start: record.startTime,
                    exit: record.endTime,
                    hostID: record.hostID
                )
            )
        }
        rows.sort { $0.pid < $1.pid }
    }

    var json: String { JSONWriter.text(.array(rows.map { $0.json })) }

    /// Every process once: below its parent, or as a root. Of a cycle the lowest becomes the root.
    ///
    /// Without recursion: how deep it is the guest decides, and a thread's stack is small.
    var tree: String {
        var indexes: [UInt64: UInt64] = [:]
        for (index, row) in rows.enumerated() { indexes[row.pid] = UInt64(index) }
        var children = [[Int]](repeating: [], count: rows.count)
        var isRoot = [Bool](repeating: false, count: rows.count)
        for (index, row) in rows.enumerated() {
            if row.parent != row.pid, let parent = indexes[row.parent] {
                children[Int(parent)].append(index)
            } else {
                isRoot[index] = true
            }
        }
        // What no root leads to are cycles and what hangs on them.
        var isPlaced = [Bool](repeating: false, count: rows.count)
        for onlyRoots in [true, false] {
            for start in rows.indices where onlyRoots ? isRoot[start] : !isPlaced[start] {
                isRoot[start] = true
                var rest = [start]
                while let index = rest.popLast() {
                    if isPlaced[index] { continue }
                    isPlaced[index] = true
                    rest += children[index]
                }
            }
        }
        return text(children, isRoot)
    }

    private func text(_ children: [[Int]], _ isRoot: [Bool]) -> String {
        var text = "["
        // The nodes that are left at each depth.
        var levels = [rows.indices.filter { isRoot[$0] }[...]]
        var isFirst = true
        while !levels.isEmpty {
            guard let index = levels[levels.count - 1].popFirst() else {
                levels.removeLast()
                text += levels.isEmpty ? "]" : "]}"
                isFirst = false
                continue
            }
            if !isFirst { text += "," }
            text += JSONWriter.text(rows[index].json).dropLast()
            text += ",\"children\":["
            levels.append(children[index].filter { !isRoot[$0] }[...])
            isFirst = true
        }
        return text
    }
}

extension ProcessRecord {
    /// The number by which people know it; exec runs and shells have none.
    var number: UInt64? {
        if case .spawned(let number) = origin { return number }
        return nil
    }

    /// As `getProcess` tells it (process.md 10.1).
    var json: JSONValue {
        let end = end.value
        var lost: Bool?
        if case .failed = end, startError == nil { lost = true }
        return .members([
            "id": .number(hostID), "pid": number.map { .number($0) }, "command": .string(command.command),
            "args": .array(command.arguments.map { .string($0) }), "running": .bool(end == nil),
            "exitCode": .some(end?.exitCode.map { .integer(Int64($0)) } ?? .null),
            "startTime": .number(startTime), "exitTime": .some(endTime.map { .number($0) } ?? .null),
            "killedBy": killedBy.map { .string($0) }, "lost": lost.map { .bool($0) },
            "startError": startError.map { error in
                .members([
                    "code": error.detail.code.map { .string($0) }, "message": .string(error.message),
                    "errno": error.detail.errno.map { .string($0) },
                ])
            },
        ])
    }
}
