// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import CAgentOS
import Glibc
import Testing

@Suite("Waiting for operations", .timeLimit(.minutes(10)))
struct OperationTests {
    private func wait(_ sidecar: HostSidecar, _ ops: [aos_id], _ timeout: UInt64 = 10 * second) -> (
        Int32, UInt32
    ) {
        var index: UInt32 = 9999
        let status = aos_op_wait(sidecar.handle, ops, UInt32(ops.count), timeout, &index)
        return (status, index)
    }

    @Test("any of several: the one that has an event, wherever it stands")
    func anyOf() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let hanging = try (0..<8).map { _ in try vm.exists("/hang", nil) }
        #expect(wait(sidecar, hanging, 0) == (AOS_E_TIMEOUT, 9999))
        #expect(wait(sidecar, hanging, 20 * millisecond) == (AOS_E_TIMEOUT, 9999))
        for place in [0, 3, 8] {
            var ops = hanging
            ops.insert(try vm.exists("/late", nil), at: place)
            let (status, index) = wait(sidecar, ops)
            #expect(status == AOS_OK && index == UInt32(place))
            // It only waits: the event is still there, and waiting again succeeds at once.
            #expect(wait(sidecar, ops, 0) == (AOS_OK, UInt32(place)))
            #expect(try sidecar.take(ops[place])?.value == 1)
            #expect(wait(sidecar, ops, 0) == (AOS_E_STALE, 9999))
        }
        #expect(aos_op_wait(sidecar.handle, hanging, 8, 0, nil) == AOS_E_TIMEOUT)
    }

    @Test("among a subscription, which has no connection, and a file operation, which has one")
    func mixedConnections() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let subscription = try sidecar.subscribe(nil)
        for round in 0..<20 {
            let op = try vm.exists(round % 2 == 0 ? "/late" : "/a", nil)
            #expect(wait(sidecar, [subscription, op]) == (AOS_OK, 1))
            #expect(try sidecar.take(op)?.value == 1)
        }
        let hanging = try vm.exists("/hang", nil)
        for ops in [[hanging, subscription], [subscription, hanging]] {
            #expect(wait(sidecar, ops, 10 * millisecond).0 == AOS_E_TIMEOUT)
        }
        let sleeper: Lock<ObservedThread?> = Lock(nil)
        onThreads(2) { index in
            if index == 0 {
                sleeper.withLock { $0 = .current }
                #expect(wait(sidecar, [hanging, subscription]).0 == AOS_OK)
            } else {
                #expect(eventually { sleeper.withLock { $0 }?.sleeps(.onWord) == true })
                try? sidecar.dispose()
            }
        }
        #expect(try sidecar.events(of: hanging).last?.status == AOS_E_DISPOSED)
        #expect(try sidecar.events(of: subscription).last?.kind == AOS_EV_CLOSED)
    }

    @Test("several threads wait for the same operation, and for others at the same time")
    func threads() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for _ in 0..<20 {
            let op = try vm.exists("/late", nil)
            onThreads(4) { index in
                if index == 3 {
                    #expect((try? vm.exists("/a")) == true)
                } else {
                    #expect(wait(sidecar, [op]) == (AOS_OK, 0))
                }
            }
            // One of many takes it.
            let taken: Lock<Int> = Lock(0)
            onThreads(4) { _ in
                if (try? sidecar.take(op)) != nil { taken.withLock { $0 += 1 } }
            }
            #expect(taken.withLock { $0 } == 1)
        }
    }

    @Test(
        "of several who wait to take the last event one gets it, and for the others the operation is over at once"
    )
    func takers() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for _ in 0..<20 {
            let op = try vm.exists("/hang", nil)
            let threads: Lock<[ObservedThread?]> = Lock([])
            let outcomes: Lock<[Int32]> = Lock([])
            let begin = ContinuousClock.now
            onThreads(4) { index in
                if index == 3 {
                    // One of them reads, the others sleep on their words.
                    #expect(
                        eventually {
                            let all = threads.withLock { $0 }
                            return all.count == 3
                                && all.allSatisfy {
                                    $0?.sleeps(.onWord) == true || $0?.sleeps(.onDescriptors) == true
                                }
                        }
                    )
                    #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
                    return
                }
                threads.withLock { $0.append(ObservedThread.current) }
                var event = aos_event()
                event.struct_size = UInt32(MemoryLayout<aos_event>.size)
                let status = aos_op_take(sidecar.handle, op, 60 * second, &event)
                if status == AOS_OK { aos_event_release(&event, 1, 0) }
                outcomes.withLock { $0.append(status) }
            }
            #expect(outcomes.withLock { $0.sorted() } == [AOS_OK, AOS_E_STALE, AOS_E_STALE].sorted())
            #expect(ContinuousClock.now - begin < .seconds(30))
        }
    }

    @Test("what cannot be waited for is refused")
    func faulty() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let other = try HostPeer.sidecar()
        let op = try vm.exists("/hang", nil)
        let queued = try vm.exists("/hang", completion(AOS_DELIVER_QUEUE, queue.handle))
        let none = try vm.exists("/hang", completion(AOS_DELIVER_NONE))
        #expect(wait(sidecar, []).0 == AOS_E_INVALID)
        #expect(aos_op_wait(sidecar.handle, nil, 1, 0, nil) == AOS_E_INVALID)
        #expect(wait(sidecar, [aos_id](repeating: op, count: 65_537)).0 == AOS_E_INVALID)
        #expect(wait(sidecar, [aos_id](repeating: op, count: 65_536), 0).0 == AOS_E_TIMEOUT)
        #expect(wait(sidecar, [op, queued]).0 == AOS_E_INVALID)
        #expect(wait(sidecar, [none]).0 == AOS_E_INVALID)
        for stale in [0, 1, vm.id, op + 8_000_000, .max] as [aos_id] {
            #expect(wait(sidecar, [op, stale]).0 == AOS_E_STALE)
        }
        #expect(wait(other, [op]).0 == AOS_E_STALE)
        #expect(aos_op_cancel(other.handle, op) == AOS_E_STALE)
        var event = aos_event()
        for size in [0, 95] as [UInt32] {
            event.struct_size = size
            #expect(aos_op_take(sidecar.handle, op, 0, &event) == AOS_E_INVALID)
        }
        #expect(aos_op_take(sidecar.handle, op, 0, nil) == AOS_E_INVALID)
        event.struct_size = 96
        #expect(aos_op_take(sidecar.handle, queued, 0, &event) == AOS_E_INVALID)
        #expect(aos_op_take(sidecar.handle, op, 0, &event) == AOS_E_TIMEOUT)
        event.struct_size = 4096
        #expect(aos_op_take(sidecar.handle, op, 1, &event) == AOS_E_TIMEOUT)
    }

    @Test("take waits its time, and the last event ends the id")
    func take() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let op = try vm.exists("/hang", nil)
        let begin = ContinuousClock.now
        #expect(try sidecar.take(op, limit: 50 * millisecond) == nil)
        #expect(ContinuousClock.now - begin >= .milliseconds(50))
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        // Cancelling twice is no fault while the event is not taken.
        #expect([AOS_OK, AOS_E_STALE].contains(aos_op_cancel(sidecar.handle, op)))
        #expect(try sidecar.events(of: op).map(\.status) == [AOS_E_CANCELED])
        #expect(failure { _ = try sidecar.take(op, limit: 0) }?.status == AOS_E_STALE)
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_E_STALE)
    }

    @Test("deadline_ns ends an operation with AOS_E_DEADLINE, counted from the call, whatever it is")
    func deadline() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for deadline in [1, 1000, 30 * millisecond] as [UInt64] {
            var given = completion(AOS_DELIVER_WAIT)
            given.deadline_ns = deadline
            let begin = ContinuousClock.now
            let ops = try (0..<20).map { index in
                index % 2 == 0 ? try vm.exists("/hang", given) : try vm.spawn("endless", given).op
            }
            for op in ops {
                let last = try sidecar.events(of: op).last
                #expect(last?.status == AOS_E_DEADLINE && last?.error?.kind == "timeout")
            }
            #expect(ContinuousClock.now - begin >= .nanoseconds(deadline))
            #expect(ContinuousClock.now - begin < .seconds(8))
        }
        var given = completion(AOS_DELIVER_WAIT)
        given.deadline_ns = .max
        #expect(try sidecar.events(of: try vm.exists("/a", given)).last?.value == 1)
        // The process lives on, and so does what has no deadline.
        #expect(try vm.exists("/a"))
    }

    @Test("a blocking call out of time is AOS_E_DEADLINE and leaves its outputs alone")
    func blocking() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for timeout in [0, 1, 20 * millisecond] as [UInt64] {
            var exists: Int32 = 77
            let begin = ContinuousClock.now
            #expect(aos_fs_exists(sidecar.handle, vm.id, "/hang", 5, timeout, &exists, nil) == AOS_E_DEADLINE)
            #expect(exists == 77 && ContinuousClock.now - begin >= .nanoseconds(timeout))
            #expect(ContinuousClock.now - begin < .seconds(5))
        }
        #expect(try vm.exists("/a"))
    }

    @Test("cancelling from many threads before, during and after the answer: one end each")
    func cancelStorm() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let ends: Lock<Int> = Lock(0)
        let wrong: Lock<[String]> = Lock([])
        onThreads(4) { index in
            for round in 0..<60 {
                let path = ["/a", "/late", "/hang", "/refuse"][(round + index) % 4]
                guard let op = try? vm.exists(path, nil) else { continue }
                // In a third of the rounds it has ended; in the others the two race.
                let isOver = round % 3 == 0 && path != "/hang"
                if isOver { #expect(wait(sidecar, [op]) == (AOS_OK, 0)) }
                _ = aos_op_cancel(sidecar.handle, op)
                guard let events = try? sidecar.events(of: op), events.count == 1 else { continue }
                let status = events[0].status
                let isRight =
                    status == AOS_OK && path != "/hang" || status == AOS_E_CANCELED && !isOver
                if !isRight { wrong.withLock { $0.append("\(path), over \(isOver): \(status)") } }
                ends.withLock { $0 += 1 }
            }
        }
        #expect(ends.withLock { $0 } == 240)
        #expect(wrong.withLock { $0 } == [])
    }

    @Test(
        "what was never taken goes with the last reference of its handle, and the sidecar's descriptors with it"
    )
    func neverTaken() throws {
        let peer = HostPeer.peer()
        let handle: OpaquePointer?
        let ops: [aos_id]
        do {
            let sidecar = try peer.sidecar()
            let vm = try sidecar.createVM()
            // One is complete before the handle goes, one by its end.
            ops = [try vm.exists("/a", nil), try vm.exists("/hang", nil)]
            #expect(wait(sidecar, [ops[0]]) == (AOS_OK, 0))
            handle = sidecar.handle
        }
        let folder = try #require(peer.starts.first?["tmpdir"]?.stringValue)
        var event = aos_event()
        event.struct_size = UInt32(MemoryLayout<aos_event>.size)
        for op in ops { #expect(aos_op_take(handle, op, 0, &event) == AOS_E_STALE) }
        #expect(try eventually { try !openDescriptors().values.contains { $0.contains(folder) } })
    }
}
