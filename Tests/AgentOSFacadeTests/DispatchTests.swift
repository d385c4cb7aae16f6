// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import CAgentOS
import Glibc
import Synchronization
import Testing

@Suite("Calls on the host's threads", .timeLimit(.minutes(10)))
struct DispatchTests {
    @Test(
        "several threads dispatch: never two calls of one operation at a time, in order, all operations served"
    )
    func threads() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        // The first calls wait for each other: as many run at a time as there are threads.
        let inside: Lock<Set<UInt64>> = Lock([])
        let recorders = (0..<30).map { _ in
            HostRecorder { entry in
                inside.withLock { _ = $0.insert(threadNumber()) }
                if entry.sequence == 1 { #expect(eventually { inside.withLock { $0.count == 4 } }) }
            }
        }
        for recorder in recorders {
            _ = try vm.spawn("many", recorder.completion(AOS_DELIVER_CALL, queue.handle))
        }
        onThreads(4) { _ in #expect(queue.dispatch(until: { recorders.allSatisfy(\.isDone) })) }
        #expect(inside.withLock { $0.count } == 4)
        for recorder in recorders {
            #expect(recorder.faults == [])
            #expect(recorder.entries.count == 21 && recorder.drops == 1)
        }
        #expect(!queue.isReadable())
    }

    @Test("dispatch inside a call of the same queue is AOS_E_DEADLOCK, of another queue it is allowed")
    func nested() throws {
        let (queue, other) = (try HostQueue(), try HostQueue())
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let found: Lock<[Int32]> = Lock([])
        let inner = HostRecorder()
        _ = try vm.exists("/a", inner.completion(AOS_DELIVER_CALL, other.handle))
        #expect(other.isReadable(within: 10_000))
        let outer = HostRecorder(
            onEvent: { _ in
                found.withLock { $0.append(queue.dispatch(timeout: second)) }
                found.withLock { $0.append(other.dispatch(timeout: second)) }
            },
            onDrop: { found.withLock { $0.append(queue.dispatch(timeout: second)) } }
        )
        _ = try vm.exists("/a", outer.completion(AOS_DELIVER_CALL, queue.handle))
        #expect(queue.dispatch(1) == 1)
        #expect(found.withLock { $0 } == [AOS_E_DEADLOCK, 1, AOS_E_DEADLOCK])
        #expect(inner.drops == 1 && outer.drops == 1 && inner.faults + outer.faults == [])
        // A drain of the same queue is allowed in a call: it takes what is for QUEUE.
        let drained: Lock<Int> = Lock(-1)
        let third = HostRecorder { _ in drained.withLock { $0 = queue.drain(timeout: 0).count } }
        _ = try vm.exists("/a", third.completion(AOS_DELIVER_CALL, queue.handle))
        #expect(queue.dispatch(until: { third.isDone }))
        #expect(drained.withLock { $0 } == 0)
    }

    @Test("max limits the calls of one dispatch")
    func maximum() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        let recorder = HostRecorder()
        _ = try vm.spawn("many", recorder.completion(AOS_DELIVER_CALL, queue.handle))
        var calls: [Int32] = []
        while !recorder.isDone, calls.count < 30 { calls.append(queue.dispatch(2)) }
        #expect(calls.allSatisfy { (1...2).contains($0) } && calls.reduce(0, +) == 21)
    }

    @Test("drain leaves calls alone, and dispatch leaves events alone")
    func mixed() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        let recorder = HostRecorder()
        let called = try vm.exists("/a", recorder.completion(AOS_DELIVER_CALL, queue.handle))
        #expect(queue.isReadable(within: 10_000))
        #expect(queue.drain(timeout: 0).isEmpty)
        let queued = try vm.exists("/a", completion(AOS_DELIVER_QUEUE, queue.handle))
        #expect(queue.drain(until: 1).map(\.op) == [queued])
        #expect(queue.isReadable() && recorder.entries.isEmpty)
        #expect(queue.dispatch(timeout: 0) == 1)
        #expect(recorder.entries.map(\.op) == [called] && recorder.drops == 1)
        #expect(!queue.isReadable())
    }

    /// The header: 0 when the time is over or aos_queue_wake() was called. A thread that came back at once
    /// while another runs the operation's call would turn a loop of dispatches into a busy one.
    @Test("a thread that finds only what another is busy with waits for it")
    func busyElsewhere() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let isInside: Atomic<Bool> = Atomic(false)
        let hasReturned: Atomic<Bool> = Atomic(false)
        let recorder = HostRecorder { entry in
            guard entry.sequence == 1 else { return }
            isInside.store(true, ordering: .releasing)
            // Busy for as long as the other waits.
            #expect(eventually { hasReturned.load(ordering: .acquiring) })
        }
        _ = try vm.spawn("many", recorder.completion(AOS_DELIVER_CALL, queue.handle))
        onThreads(2) { index in
            if index == 0 {
                _ = queue.dispatch(until: { recorder.isDone })
                return
            }
            #expect(eventually { isInside.load(ordering: .acquiring) })
            let begin = ContinuousClock.now
            #expect(queue.dispatch(timeout: 300 * millisecond) == 0)
            #expect(ContinuousClock.now - begin >= .milliseconds(300), "a loop of these would be a busy one")
            #expect(recorder.entries.count == 1)
            hasReturned.store(true, ordering: .releasing)
        }
        #expect(recorder.faults == [] && recorder.drops == 1)
    }

    /// The same for a drain while calls wait on a queue of both kinds.
    @Test("a drain waits its time although calls stand in the queue")
    func drainBesideCalls() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        let recorder = HostRecorder()
        _ = try vm.exists("/a", recorder.completion(AOS_DELIVER_CALL, queue.handle))
        #expect(queue.isReadable(within: 10_000))
        let begin = ContinuousClock.now
        #expect(queue.drain(timeout: 50 * millisecond).isEmpty)
        #expect(ContinuousClock.now - begin >= .milliseconds(50))
        #expect(queue.dispatch() == 1)
    }

    @Test("a queue released inside a call: drop runs once, behind that call, and nothing more comes")
    func releasedInside() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for isLast in [false, true] {
            let queue = try HostQueue()
            let recorder = HostRecorder { entry in
                if entry.isLast == isLast { queue.release() }
            }
            let waiting = HostRecorder()
            _ = try vm.exists("/hang", waiting.completion(AOS_DELIVER_CALL, queue.handle))
            _ = try vm.spawn("many", recorder.completion(AOS_DELIVER_CALL, queue.handle))
            let deadline = ContinuousClock.now + .seconds(10)
            while !recorder.isDone, ContinuousClock.now < deadline, queue.dispatch(timeout: second) >= 0 {}
            #expect(recorder.faults == [] && recorder.drops == 1)
            #expect(recorder.entries.count == (isLast ? 21 : 1))
            #expect(waiting.drops == 1 && waiting.entries.isEmpty)
        }
    }

    @Test("a queue released while another thread sleeps in it: that one comes back by its time at the latest")
    func releasedUnderDispatch() throws {
        let queue = try HostQueue()
        let sleeper: Lock<ObservedThread?> = Lock(nil)
        onThreads(2) { index in
            if index == 0 {
                sleeper.withLock { $0 = .current }
                let found = queue.dispatch(timeout: second)
                #expect(found == 0 || found == AOS_E_STALE)
            } else {
                #expect(eventually { sleeper.withLock { $0 }?.sleeps(.onDescriptors) == true })
                queue.release()
            }
        }
        #expect(aos_queue_fd(queue.handle) == -1)
    }
}
