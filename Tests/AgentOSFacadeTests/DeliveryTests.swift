// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("How events reach the host", .timeLimit(.minutes(10)))
struct DeliveryTests {
    static let calling: [UInt32] = [AOS_DELIVER_CALL, AOS_DELIVER_THREAD]

    /// Brings the operations of a recorder to their end, whatever the delivery.
    private func finish(_ recorder: HostRecorder, _ queue: HostQueue, _ deliver: UInt32) -> Bool {
        if deliver == AOS_DELIVER_CALL { return queue.dispatch(until: { recorder.isDone }) }
        return eventually(limit: .seconds(20)) { recorder.isDone }
    }

    @Test("every event comes once and in order, then drop, and nothing behind it", arguments: calling)
    func order(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let recorder = HostRecorder()
        let (process, op) = try vm.spawn("many", recorder.completion(deliver, queue.handle, tag: 77))
        #expect(finish(recorder, queue, deliver))
        #expect(recorder.faults == [])
        #expect(recorder.entries.count == 21)
        #expect(recorder.entries.dropLast().map(\.text) == (1...20).map { "line \($0)" })
        #expect(recorder.entries.allSatisfy { $0.op == op && $0.object == process && $0.tag == 77 })
        #expect(recorder.last?.kind == AOS_EV_COMPLETE && recorder.last?.value == 3)
        #expect(recorder.drops == 1)
        let mine = threadNumber()
        #expect(recorder.entries.allSatisfy { ($0.thread == mine) == (deliver == AOS_DELIVER_CALL) })
        #expect((recorder.dropThread == mine) == (deliver == AOS_DELIVER_CALL))
    }

    @Test("with WAIT and QUEUE too, the sequence has no gaps and one last event")
    func orderWithoutCalls() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let waited = try sidecar.events(of: try vm.spawn("many", completion(AOS_DELIVER_WAIT)).op)
        _ = try vm.spawn("many", completion(AOS_DELIVER_QUEUE, queue.handle, tag: 5))
        let queued = queue.drain(until: 21)
        for events in [waited, queued] {
            #expect(events.map(\.sequence) == (1...21).map { UInt64($0) })
            #expect(events.filter(\.isLast).count == 1 && events.last?.value == 3)
        }
        #expect(queued.allSatisfy { $0.tag == 5 } && waited.allSatisfy { $0.tag == 0 })
        #expect(queue.drain(timeout: 0).isEmpty)
    }

    @Test("nothing comes of NONE, and it happens all the same")
    func none() throws {
        let peer = HostPeer.peer()
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let op = try vm.exists("/a", completion(AOS_DELIVER_NONE))
        #expect(op != 0)
        #expect(
            peer.wait { $0.requests("guest_filesystem_call").contains { $0["path"]?.stringValue == "/a" } }
        )
        #expect(try vm.exists("/b"))
        #expect(eventually { aos_op_cancel(sidecar.handle, op) == AOS_E_STALE })
    }

    @Test("a NULL completion is WAIT")
    func null() throws {
        let sidecar = try HostPeer.sidecar()
        let events = try sidecar.events(of: try sidecar.createVM().exists("/a", nil))
        #expect(events.count == 1 && events[0].value == 1 && events[0].tag == 0 && events[0].sequence == 1)
    }

    @Test(
        "functions and user_data are refused where nothing of the host's may be called",
        arguments: [
            AOS_DELIVER_WAIT, AOS_DELIVER_QUEUE, AOS_DELIVER_NONE,
        ]
    )
    func functionsRefused(deliver: UInt32) throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        let full = HostRecorder()
        let error = failure { _ = try vm.exists("/a", full.completion(deliver, queue.handle)) }
        #expect(error?.status == AOS_E_INVALID && error?.message.contains("CALL and THREAD only") == true)
        #expect(full.entries.isEmpty)
        // A refused submission still runs `drop`: the host's data was given away.
        #expect(full.drops == 1)
        var only = completion(deliver, queue.handle)
        only.fn = { _, _ in }
        #expect(failure { _ = try vm.exists("/a", only) }?.status == AOS_E_INVALID)
        only = completion(deliver, queue.handle)
        only.user_data = UnsafeMutableRawPointer(bitPattern: 8)
        #expect(failure { _ = try vm.exists("/a", only) }?.status == AOS_E_INVALID)
        only = completion(deliver, queue.handle)
        only.drop = { _ in }
        #expect(failure { _ = try vm.exists("/a", only) }?.status == AOS_E_INVALID)
        only = completion(deliver, queue.handle)
        only.shaped_fn = {}
        #expect(failure { _ = try vm.exists("/a", only) }?.status == AOS_E_INVALID)
        "ud".withCString { shape in
            only = completion(deliver, queue.handle)
            only.shape = shape
            #expect(failure { _ = try vm.exists("/a", only) }?.status == AOS_E_INVALID)
        }
    }

    @Test("a size or a delivery that is none is refused by its name")
    func faultyCompletion() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        for size in [0, 1, 71] as [UInt32] {
            var faulty = completion(AOS_DELIVER_WAIT)
            faulty.struct_size = size
            let error = failure { _ = try vm.exists("/a", faulty) }
            #expect(
                error?.status == AOS_E_INVALID && error?.message.contains("struct_size") == true,
                "\(size)"
            )
        }
        // A newer host's larger struct is taken: what we do not know stands behind.
        var larger = completion(AOS_DELIVER_NONE)
        larger.struct_size = 4096
        #expect(try vm.exists("/a", larger) != 0)
        for deliver in [0, 6, 99, .max] as [UInt32] {
            let recorder = HostRecorder()
            let error = failure { _ = try vm.exists("/a", recorder.completion(deliver, queue.handle)) }
            #expect(
                error?.status == AOS_E_INVALID && error?.message.contains("deliver") == true,
                "\(deliver)"
            )
            #expect(recorder.drops == 1 && recorder.entries.isEmpty)
        }
    }

    @Test("CALL and THREAD need one function", arguments: calling)
    func oneFunction(deliver: UInt32) throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        let recorder = HostRecorder()
        for change in 0..<3 {
            var faulty = recorder.completion(deliver, queue.handle)
            if change != 1 { faulty.fn = nil }
            if change > 0 { faulty.shaped_fn = {} }
            let error = failure { _ = try vm.exists("/a", faulty) }
            #expect(error?.status == AOS_E_INVALID, "\(change)")
        }
        #expect(recorder.drops == 3 && recorder.entries.isEmpty)
    }

    @Test("QUEUE and CALL need a queue that lives", arguments: [AOS_DELIVER_QUEUE, AOS_DELIVER_CALL])
    func queueNeeded(deliver: UInt32) throws {
        let released = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        released.release()
        let handles: [(OpaquePointer?, Int32)] = [
            (nil, AOS_E_INVALID), (released.handle, AOS_E_STALE), (sidecar.handle, AOS_E_STALE),
            (OpaquePointer(bitPattern: 1), AOS_E_STALE), (OpaquePointer(bitPattern: UInt.max), AOS_E_STALE),
        ]
        for (handle, status) in handles {
            let recorder = HostRecorder()
            let isCall = deliver == AOS_DELIVER_CALL
            let given = isCall ? recorder.completion(deliver, handle) : completion(deliver, handle)
            #expect(failure { _ = try vm.exists("/a", given) }?.status == status)
            #expect(recorder.drops == (isCall ? 1 : 0))
        }
    }
}
