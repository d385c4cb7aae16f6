// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS

/// A completion of AOS_DELIVER_WAIT with a deadline.
func waiting(deadline: UInt64 = 0) -> aos_completion {
    var completion = aos_completion()
    completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
    completion.deliver = AOS_DELIVER_WAIT
    completion.deadline_ns = deadline
    return completion
}

extension HostVM {
    func spawn(
        _ argv: [String],
        _ options: JSONValue? = nil,
        completion given: aos_completion
    ) throws -> HostProcess {
        let text = JSONWriter.text(.array(argv.map { .string($0) }))
        let document = options.map { JSONWriter.text($0) }
        var completion = given
        var process: aos_id = 0
        var op: aos_id = 0
        try check {
            aos_process_spawn(
                sidecar.handle,
                id,
                text,
                text.utf8.count,
                document,
                document?.utf8.count ?? 0,
                &completion,
                &process,
                &op,
                $0
            )
        }
        return HostProcess(sidecar: sidecar, id: process, op: op)
    }

    func submitExec(
        _ command: String,
        _ options: JSONValue? = nil,
        stdin: [UInt8] = [],
        completion given: aos_completion = waiting()
    ) throws -> aos_id {
        let document = options.map { JSONWriter.text($0) }
        var completion = given
        return try sidecar.submit { op, error in
            aos_process_exec_async(
                sidecar.handle,
                id,
                command,
                command.utf8.count,
                document,
                document?.utf8.count ?? 0,
                stdin,
                stdin.count,
                &completion,
                op,
                error
            )
        }
    }

    func submitExec(argv: [String], completion given: aos_completion = waiting()) throws -> aos_id {
        let text = JSONWriter.text(.array(argv.map { .string($0) }))
        var completion = given
        return try sidecar.submit { op, error in
            aos_process_exec_argv_async(
                sidecar.handle,
                id,
                text,
                text.utf8.count,
                nil,
                0,
                nil,
                0,
                &completion,
                op,
                error
            )
        }
    }

    /// A JavaScript program, run to its end.
    func node(
        _ code: String,
        _ options: JSONValue? = nil,
        stdin: [UInt8] = [],
        limit: UInt64 = HostSidecar.limit
    ) throws -> HostExecution {
        try run(argv: ["node", "-e", code], options, stdin: stdin, limit: limit)
    }

    func spawnNode(_ code: String, _ options: JSONValue? = nil) throws -> HostProcess {
        try spawn(["node", "-e", code], options)
    }

    /// The processes that the sidecar knows of: command and status.
    func snapshot() throws -> [JSONValue] {
        let answer = try request(.members(["type": .string("get_process_snapshot")]))
        guard case .array(let processes)? = answer["processes"] else { return [] }
        return processes
    }

    func runningCount() throws -> Int {
        try snapshot().count { $0["status"]?.stringValue == "running" }
    }
}

extension HostProcess {
    func submitWrite(_ text: String) throws -> aos_id {
        let bytes = Array(text.utf8)
        return try sidecar.submit {
            aos_process_write_stdin_async(sidecar.handle, id, bytes, bytes.count, nil, $0, $1)
        }
    }

    func submitClose() throws -> aos_id {
        try sidecar.submit { aos_process_close_stdin_async(sidecar.handle, id, nil, $0, $1) }
    }

    func submitKill(_ signal: String?) throws -> aos_id {
        try sidecar.submit { aos_process_kill_async(sidecar.handle, id, signal, nil, $0, $1) }
    }

    func cancel() -> aos_status { aos_op_cancel(sidecar.handle, op) }

    /// The end of an operation must be its only last event: after it the id is stale.
    var isStale: Bool {
        var event = aos_event()
        event.struct_size = UInt32(MemoryLayout<aos_event>.size)
        return aos_op_take(sidecar.handle, op, 0, &event) == AOS_E_STALE
    }
}

/// The only event of an operation that carries nothing but its end.
func end(of op: aos_id, _ sidecar: HostSidecar) throws -> HostEvent? {
    let events = try sidecar.events(of: op)
    return events.count == 1 ? events.first : nil
}

/// Events that were taken and are not released: their output counts as outstanding.
struct HeldEvents {
    private let process: HostProcess
    private var held: [aos_event] = []
    private(set) var output: [UInt8] = []
    private(set) var lostBytes: Int64 = 0
    /// How much output had come when the first loss was told.
    private(set) var bytesBeforeLoss: Int?
    private(set) var lastStatus: aos_status?
    private(set) var lastValue: Int64 = 0
    private(set) var failure: HostError?
    private var sequence: UInt64 = 0
    private(set) var isInSequence: Bool = true

    init(_ process: HostProcess) { self.process = process }

    var hasEnded: Bool { lastStatus != nil }

    /// Takes events until there has been none for `silence`, or the last one came.
    mutating func take(silence: UInt64 = 300 * millisecond) {
        while !hasEnded, takeOne(limit: silence) {}
    }

    /// False when none came in that time.
    mutating func takeOne(limit: UInt64) -> Bool {
        var event = aos_event()
        event.struct_size = UInt32(MemoryLayout<aos_event>.size)
        guard aos_op_take(process.sidecar.handle, process.op, limit, &event) == AOS_OK else { return false }
        sequence += 1
        isInSequence = isInSequence && event.seq == sequence
        switch event.kind {
        case AOS_EV_STDOUT:
            output += UnsafeRawBufferPointer(start: event.data, count: Int(event.data_len))
        case AOS_EV_LOST:
            lostBytes += event.value
            bytesBeforeLoss = bytesBeforeLoss ?? output.count
        case AOS_EV_COMPLETE:
            lastStatus = event.status
            lastValue = event.value
            if event.error != nil {
                failure = HostError(copying: event.status, event.error)
            }
        default: break
        }
        held.append(event)
        return true
    }

    mutating func releaseOne() {
        guard !held.isEmpty else { return }
        var event = held.removeFirst()
        aos_event_release(&event, 1, 0)
    }

    mutating func releaseAll() {
        while !held.isEmpty { releaseOne() }
    }
}
