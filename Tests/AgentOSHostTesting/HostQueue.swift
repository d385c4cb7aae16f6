// SPDX-License-Identifier: Apache-2.0
package import CAgentOS
internal import Glibc
internal import Synchronization

/// A queue of a test, released at its end.
///
/// The handle is kept as a number, for pointers are not `Sendable`.
package final class HostQueue: Sendable {
    private let bits: UInt
    private let isReleased: Atomic<Bool> = Atomic(false)
    package var handle: OpaquePointer? { OpaquePointer(bitPattern: bits) }

    package init(capacity: UInt32 = 0) throws {
        var handle: OpaquePointer?
        try check { aos_queue_create(capacity, &handle, $0) }
        bits = UInt(bitPattern: handle)
    }

    deinit { release() }

    package func release() {
        if !isReleased.exchange(true, ordering: .relaxed) { aos_queue_release(handle) }
    }

    /// Of calls whose events come here.
    package func completion(tag: UInt64 = 0) -> aos_completion {
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        (completion.deliver, completion.queue, completion.tag) = (AOS_DELIVER_QUEUE, handle, tag)
        return completion
    }

    package var descriptor: Int32 { aos_queue_fd(handle) }

    package func isReadable(within milliseconds: Int32 = 0) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 1 && entry.revents & Int16(POLLIN) != 0
    }

    package func drain(_ count: Int = 64, timeout: UInt64 = 10 * second) -> [HostEvent] {
        var events = [aos_event](repeating: aos_event(), count: count)
        let found = aos_queue_drain(handle, &events, UInt32(count), 0, timeout)
        return (0..<Int(max(found, 0))).map { HostEvent(&events[$0]) }
    }

    /// Until so many have come, or the time is over.
    package func drain(until count: Int, limit: Duration = .seconds(20)) -> [HostEvent] {
        var all: [HostEvent] = []
        let deadline = ContinuousClock.now + limit
        while all.count < count, ContinuousClock.now < deadline { all += drain(timeout: 100 * millisecond) }
        return all
    }

    @discardableResult
    package func dispatch(_ count: UInt32 = 0, timeout: UInt64 = 10 * second) -> Int32 {
        aos_queue_dispatch(handle, count, timeout)
    }

    /// Until `condition` holds, or the time is over.
    package func dispatch(until condition: () -> Bool, limit: Duration = .seconds(20)) -> Bool {
        let deadline = ContinuousClock.now + limit
        while !condition() {
            if ContinuousClock.now > deadline { return false }
            dispatch(timeout: 10 * millisecond)
        }
        return true
    }
}
