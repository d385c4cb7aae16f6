// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import CAgentOS
import Glibc
import Synchronization

/// What a host remembers of the calls that the library made for one operation, and what was wrong with them.
final class HostRecorder: Sendable {
    struct Entry: Sendable {
        let kind: UInt32
        let op: aos_id
        let object: aos_id
        let tag: UInt64
        let sequence: UInt64
        let value: Int64
        let status: Int32
        let flags: UInt32
        let text: String
        let thread: UInt64
        var isLast: Bool { kind == AOS_EV_COMPLETE || kind == AOS_EV_CLOSED }
    }

    private struct State: Sendable {
        var entries: [Entry] = []
        var drops = 0
        var dropThread: UInt64 = 0
        var faults: [String] = []
    }

    private let state: Lock<State> = Lock(State())
    private let inside: Atomic<Int> = Atomic(0)
    /// What is done in the call and in `drop`.
    private let onEvent: @Sendable (Entry) -> Void
    private let onDrop: @Sendable () -> Void

    init(onEvent: @escaping @Sendable (Entry) -> Void = { _ in }, onDrop: @escaping @Sendable () -> Void = {})
    {
        self.onEvent = onEvent
        self.onDrop = onDrop
    }

    var entries: [Entry] { state.withLock { $0.entries } }
    var drops: Int { state.withLock { $0.drops } }
    var dropThread: UInt64 { state.withLock { $0.dropThread } }
    var terminals: [Entry] { entries.filter(\.isLast) }
    var last: Entry? { entries.last }
    var isDone: Bool { drops > 0 }

    /// All that must hold for any operation; empty when it does.
    var faults: [String] {
        let (entries, drops, faults) = state.withLock { ($0.entries, $0.drops, $0.faults) }
        var all = faults
        let numbers = entries.map(\.sequence)
        if !numbers.isEmpty, numbers != (1...UInt64(numbers.count)).map({ $0 }) {
            all.append("sequence \(numbers)")
        }
        if entries.dropLast().contains(where: \.isLast) { all.append("an event behind the last one") }
        if drops > 1 { all.append("\(drops) drops") }
        return all
    }

    /// The completion that brings events here. The recorder must outlive the operation.
    func completion(_ deliver: UInt32, _ queue: OpaquePointer? = nil, tag: UInt64 = 0) -> aos_completion {
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = deliver
        completion.queue = queue
        completion.fn = { userData, event in HostRecorder.of(userData)?.call(event) }
        completion.drop = { userData in HostRecorder.of(userData)?.drop() }
        completion.user_data = Unmanaged.passUnretained(self).toOpaque()
        completion.tag = tag
        return completion
    }

    private static func of(_ userData: UnsafeMutableRawPointer?) -> HostRecorder? {
        userData.map { Unmanaged<HostRecorder>.fromOpaque($0).takeUnretainedValue() }
    }

    private func call(_ pointer: UnsafePointer<aos_event>?) {
        let isAlone = inside.add(1, ordering: .acquiringAndReleasing).newValue == 1
        defer { inside.subtract(1, ordering: .acquiringAndReleasing) }
        guard let event = pointer?.pointee else { return fault("no event") }
        if !isAlone { fault("two calls at a time") }
        if drops > 0 { fault("a call behind drop") }
        if event.struct_size != 96 { fault("struct_size \(event.struct_size)") }
        if event.call != 0 { fault("call \(event.call)") }
        if (event.status < 0) != (event.error != nil) { fault("status \(event.status) and error") }
        if event.error != nil, aos_error_status(event.error) != event.status { fault("status of the error") }
        if (event.bytes == nil) != (event.data == nil) { fault("data without bytes") }
        let data = UnsafeRawBufferPointer(start: event.data, count: Int(event.data_len))
        let entry = Entry(
            kind: event.kind,
            op: event.op,
            object: event.object,
            tag: event.tag,
            sequence: event.seq,
            value: event.value,
            status: event.status,
            flags: event.flags,
            text: String(decoding: data, as: UTF8.self),
            thread: threadNumber()
        )
        state.withLock { $0.entries.append(entry) }
        onEvent(entry)
    }

    private func drop() {
        if inside.load(ordering: .acquiring) != 0 { fault("drop during a call") }
        let thread = threadNumber()
        state.withLock { state in
            state.drops += 1
            state.dropThread = thread
        }
        onDrop()
    }

    private func fault(_ text: String) { state.withLock { $0.faults.append(text) } }
}

/// The calling thread, as a number.
func threadNumber() -> UInt64 { UInt64(pthread_self()) }

/// A completion without functions.
func completion(_ deliver: UInt32, _ queue: OpaquePointer? = nil, tag: UInt64 = 0) -> aos_completion {
    var completion = aos_completion()
    completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
    completion.deliver = deliver
    completion.queue = queue
    completion.tag = tag
    return completion
}
