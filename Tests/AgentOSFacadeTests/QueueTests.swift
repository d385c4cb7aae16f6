// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import CAgentOS
import Glibc
import Synchronization
import Testing

/// A wake from another thread ends a drain, and a dispatch, that sleeps.
func expectWakesEndWaits(on queue: HostQueue) {
    whileAsleep(.onDescriptors) {
        #expect(queue.drain(timeout: 60 * second).isEmpty)
    } _: {
        aos_queue_wake(queue.handle)
    }
    whileAsleep(.onDescriptors) {
        #expect(queue.dispatch(timeout: 60 * second) == 0)
    } _: {
        aos_queue_wake(queue.handle)
    }
}

@Suite("Queues", .timeLimit(.minutes(10)))
struct QueueTests {
    @Test("the descriptor is readable exactly while something is in the queue")
    func readable() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        #expect(!queue.isReadable())
        _ = try vm.spawn("many", completion(AOS_DELIVER_QUEUE, queue.handle))
        var taken = 0
        while taken < 21 {
            #expect(queue.isReadable(within: 10_000))
            taken += queue.drain(4, timeout: 0).count
        }
        #expect(!queue.isReadable())
        #expect(queue.drain(timeout: 0).isEmpty)
    }

    @Test("many threads poll it and share the events: each comes once, none is lost")
    func pollers() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let operations = 60
        let seen: Lock<[aos_id: [UInt64]]> = Lock([:])
        let count: Atomic<Int> = Atomic(0)
        let deadline = ContinuousClock.now + .seconds(30)
        onThreads(5) { index in
            if index == 0 {
                for _ in 0..<operations {
                    _ = try? vm.spawn("many", completion(AOS_DELIVER_QUEUE, queue.handle))
                }
                return
            }
            while count.load(ordering: .relaxed) < operations * 21, ContinuousClock.now < deadline {
                guard queue.isReadable(within: 20) else { continue }
                for event in queue.drain(7, timeout: 0) {
                    seen.withLock { $0[event.op, default: []].append(event.sequence) }
                    count.add(1, ordering: .relaxed)
                }
            }
        }
        let all = seen.withLock { $0 }
        #expect(all.count == operations)
        #expect(all.values.allSatisfy { $0.sorted() == (1...21).map { UInt64($0) } })
        #expect(!queue.isReadable())
    }

    @Test(
        "the capacity counts operations: one more is AOS_E_BUSY, and room is there again behind the last event"
    )
    func capacity() throws {
        let queue = try HostQueue(capacity: 3)
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let given = completion(AOS_DELIVER_QUEUE, queue.handle)
        let ops = try (0..<3).map { _ in try vm.exists("/hang", given) }
        let error = failure { _ = try vm.exists("/a", given) }
        #expect(error?.status == AOS_E_BUSY && error?.kind == "busy")
        let recorder = HostRecorder()
        #expect(
            failure { _ = try vm.exists("/a", recorder.completion(AOS_DELIVER_CALL, queue.handle)) }?.status
                == AOS_E_BUSY
        )
        #expect(recorder.drops == 1)
        #expect(aos_op_cancel(sidecar.handle, ops[0]) == AOS_OK)
        #expect(queue.isReadable(within: 10_000))
        // Completed, but not taken: its event still stands there.
        #expect(failure { _ = try vm.exists("/a", given) }?.status == AOS_E_BUSY)
        #expect(queue.drain().map(\.op) == [ops[0]])
        _ = try vm.exists("/a", given)
        #expect(queue.drain().count == 1)
        // A refused submission takes no room for good.
        for _ in 0..<10 {
            #expect(failure { _ = try vm.exists("relative", given) } != nil || !queue.drain().isEmpty)
        }
        _ = try vm.exists("/a", given)
        #expect(queue.drain().count == 1)
    }

    @Test("capacities out of range are refused, 0 is the default")
    func capacities() throws {
        for capacity in [16_777_217, .max] as [UInt32] {
            #expect(failure { _ = try HostQueue(capacity: capacity) }?.status == AOS_E_INVALID)
        }
        for capacity in [0, 1, 16_777_216] as [UInt32] {
            #expect(try HostQueue(capacity: capacity).descriptor >= 0)
        }
    }

    @Test("a wake ends one wait at once; several are as one; the descriptor is readable until it is met")
    func wake() throws {
        let queue = try HostQueue()
        for _ in 0..<3 { aos_queue_wake(queue.handle) }
        #expect(queue.isReadable())
        let begin = ContinuousClock.now
        #expect(queue.drain(timeout: 10 * second).isEmpty)
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(!queue.isReadable())
        aos_queue_wake(queue.handle)
        #expect(queue.dispatch(timeout: 10 * second) == 0)
        #expect(ContinuousClock.now - begin < .seconds(5))
    }

    @Test("a wake from another thread ends a drain and a dispatch that sleep")
    func wakeFromElsewhere() throws {
        let queue = try HostQueue()
        let begin = ContinuousClock.now
        expectWakesEndWaits(on: queue)
        #expect(ContinuousClock.now - begin < .seconds(50))
    }

    @Test("the release of a queue ends the waits on it", arguments: [false, true])
    func releaseEndsWaits(dispatches: Bool) throws {
        let queue = try HostQueue()
        whileAsleep(.onDescriptors) {
            var event = aos_event()
            event.struct_size = UInt32(MemoryLayout<aos_event>.size)
            let count =
                dispatches
                ? aos_queue_dispatch(queue.handle, 0, 60 * second)
                : aos_queue_drain(queue.handle, &event, 1, 0, 60 * second)
            #expect(count == 0)
        } _: {
            queue.release()
        }
    }

    @Test("waits last as long as they were to")
    func timeouts() throws {
        let queue = try HostQueue()
        for timeout in [0, 1, 30 * millisecond] as [UInt64] {
            let begin = ContinuousClock.now
            #expect(queue.drain(timeout: timeout).isEmpty)
            #expect(queue.dispatch(timeout: timeout) == 0)
            #expect(ContinuousClock.now - begin >= .nanoseconds(2 * timeout))
            #expect(ContinuousClock.now - begin < .seconds(5))
        }
    }

    @Test("strides and counts: events lie where they should, and a stride below 96 is refused")
    func strides() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for stride in [1, 95] as [UInt32] {
            var event = aos_event()
            #expect(aos_queue_drain(queue.handle, &event, 1, stride, 0) == AOS_E_INVALID)
        }
        #expect(aos_queue_drain(queue.handle, nil, 1, 0, 0) == AOS_E_INVALID)
        #expect(aos_queue_drain(queue.handle, nil, 0, 0, 10 * second) == 0)
        _ = try vm.spawn("many", completion(AOS_DELIVER_QUEUE, queue.handle))
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 21 * 128, alignment: 8)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xAA, count: 21 * 128)
        var taken = 0
        while taken < 21 {
            let start = (memory + taken * 128).assumingMemoryBound(to: aos_event.self)
            let found = aos_queue_drain(queue.handle, start, UInt32(21 - taken), 128, 10 * second)
            try #require(found > 0)
            taken += Int(found)
        }
        for index in 0..<21 {
            #expect((memory + index * 128).load(as: aos_event.self).seq == UInt64(index + 1))
            #expect((memory + index * 128 + 96).load(as: UInt64.self) == 0xAAAA_AAAA_AAAA_AAAA)
        }
        aos_event_release(memory.assumingMemoryBound(to: aos_event.self), 21, 128)
        for index in 0..<21 {
            let event = (memory + index * 128).load(as: aos_event.self)
            #expect(event.bytes == nil && event.error == nil)
        }
        // A second time does nothing, and neither does NULL.
        aos_event_release(memory.assumingMemoryBound(to: aos_event.self), 21, 128)
        aos_event_release(nil, 5, 0)
    }

    @Test("a wake among events loses none of them")
    func wakesAmongEvents() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let isOver: Atomic<Bool> = Atomic(false)
        let taken: Atomic<Int> = Atomic(0)
        onThreads(2) { index in
            if index == 1 {
                while !isOver.load(ordering: .relaxed) { aos_queue_wake(queue.handle) }
                return
            }
            for _ in 0..<200 {
                guard (try? vm.exists("/a", completion(AOS_DELIVER_QUEUE, queue.handle))) != nil else {
                    continue
                }
                let deadline = ContinuousClock.now + .seconds(10)
                while ContinuousClock.now < deadline {
                    let found = queue.drain(timeout: second).count
                    taken.add(found, ordering: .relaxed)
                    if found > 0 { break }
                }
            }
            isOver.store(true, ordering: .relaxed)
        }
        #expect(taken.load(ordering: .relaxed) == 200)
    }
}
