// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

/// `drop` is called exactly once and after the last call, however an operation ends.
@Suite("Drop", .timeLimit(.minutes(10)))
struct DropTests {
    static let calling: [UInt32] = [AOS_DELIVER_CALL, AOS_DELIVER_THREAD]

    /// Operations of every length on one VM, all on recorders.
    private func start(_ deliver: UInt32, _ queue: HostQueue, _ vm: HostVM, _ count: Int) throws
        -> [HostRecorder]
    {
        try (0..<count).map { index in
            let recorder = HostRecorder()
            let given = recorder.completion(deliver, queue.handle, tag: UInt64(index))
            switch index % 4 {
            case 0: _ = try vm.exists("/hang", given)
            case 1: _ = try vm.spawn("endless", given)
            case 2: _ = try vm.exists("/late", given)
            default: _ = try vm.sidecar.subscribe(given)
            }
            return recorder
        }
    }

    private func settle(_ recorders: [HostRecorder], _ queue: HostQueue, _ deliver: UInt32) -> Bool {
        let isDone = { recorders.allSatisfy(\.isDone) }
        return deliver == AOS_DELIVER_CALL
            ? queue.dispatch(until: isDone) : eventually(limit: .seconds(20), isDone)
    }

    private func expectOneEach(_ recorders: [HostRecorder]) {
        for recorder in recorders {
            #expect(recorder.faults == [])
            #expect(recorder.drops == 1 && recorder.terminals.count == 1)
        }
    }

    @Test("when the sidecar is killed", arguments: calling)
    func killed(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let recorders = try start(deliver, queue, vm, 80)
        let pid = try #require(sidecar.processID)
        kill(pid, SIGKILL)
        #expect(eventually { sidecar.vmCount == 0 || sidecar.processID != pid })
        // The subscriptions live on with the handle.
        let operations = recorders.enumerated().filter { $0.offset % 4 != 3 }.map(\.element)
        let subscriptions = recorders.enumerated().filter { $0.offset % 4 == 3 }.map(\.element)
        #expect(settle(operations, queue, deliver))
        expectOneEach(operations)
        #expect(operations.allSatisfy { [AOS_OK, AOS_E_SIDECAR].contains($0.last?.status ?? 1) })
        #expect(subscriptions.allSatisfy { $0.drops == 0 && $0.terminals.isEmpty })
        try sidecar.dispose()
        #expect(settle(recorders, queue, deliver))
        expectOneEach(recorders)
        for recorder in subscriptions {
            #expect(recorder.entries.map(\.kind) == [UInt32(AOS_EV_PROCESS_LOST), UInt32(AOS_EV_CLOSED)])
        }
    }

    @Test("when they are cancelled", arguments: calling)
    func cancelled(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        var ops: [aos_id] = []
        let recorders = try (0..<40).map { index in
            let recorder = HostRecorder()
            let given = recorder.completion(deliver, queue.handle)
            ops.append(index % 2 == 0 ? try vm.exists("/hang", given) : try sidecar.subscribe(given))
            return recorder
        }
        for op in ops { #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK) }
        #expect(settle(recorders, queue, deliver))
        expectOneEach(recorders)
        #expect(
            recorders.allSatisfy { $0.last?.status == AOS_E_CANCELED && $0.last?.kind == AOS_EV_COMPLETE }
        )
        for op in ops { #expect(aos_op_cancel(sidecar.handle, op) == AOS_E_STALE) }
    }

    @Test("when the sidecar is disposed, before its own completion and CLOSED", arguments: calling)
    func disposed(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let recorders = try start(deliver, queue, vm, 40)
        let own = HostRecorder()
        _ = try sidecar.disposeAsync(own.completion(deliver, queue.handle))
        #expect(settle(recorders + [own], queue, deliver))
        expectOneEach(recorders + [own])
        #expect(own.last?.status == AOS_OK)
        for (index, recorder) in recorders.enumerated() {
            if index % 4 == 0 { #expect(recorder.last?.status == AOS_E_DISPOSED) }
            if index % 4 == 3 {
                #expect(recorder.last?.kind == AOS_EV_CLOSED && recorder.last?.status == AOS_OK)
            }
        }
    }

    @Test("when the last reference is released without a disposal", arguments: calling)
    func released(deliver: UInt32) throws {
        let queue = try HostQueue()
        let peer = HostPeer.peer()
        let text = JSONWriter.text(peer.options(["stopGraceMs": .integer(500)]))
        var handle: OpaquePointer?
        try check { aos_sidecar_create(text, text.utf8.count, &handle, $0) }
        var id: aos_id = 0
        try check { aos_vm_create(handle, nil, 0, HostSidecar.limit, &id, $0) }
        let recorder = HostRecorder()
        let subscription = HostRecorder()
        var given = recorder.completion(deliver, queue.handle)
        try check { aos_fs_exists_async(handle, id, "/hang", 5, &given, nil, $0) }
        given = subscription.completion(deliver, queue.handle)
        try check { aos_sidecar_subscribe(handle, 0, &given, nil, $0) }
        aos_sidecar_release(handle)
        #expect(settle([recorder, subscription], queue, deliver))
        expectOneEach([recorder, subscription])
        #expect(recorder.last?.status == AOS_E_DISPOSED && subscription.last?.kind == AOS_EV_CLOSED)
        #expect(eventually { peer.runningProcessIDs.isEmpty })
    }

    @Test("when the queue is released with operations in flight: there, and without a call")
    func queueReleased() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let queue = try HostQueue()
        let recorders = try start(AOS_DELIVER_CALL, queue, vm, 40)
        // Some have calls that nobody took.
        #expect(queue.isReadable(within: 10_000))
        queue.release()
        #expect(recorders.allSatisfy { $0.drops == 1 && $0.entries.isEmpty && $0.faults == [] })
        #expect(recorders.allSatisfy { $0.dropThread == threadNumber() })
        // The operations went on, and their ends concern nobody.
        #expect(try vm.exists("/a"))
        try sidecar.dispose()
        #expect(recorders.allSatisfy { $0.drops == 1 && $0.entries.isEmpty })
    }

    @Test("when the submission is refused, before it returns", arguments: calling)
    func refused(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        // A place in the table of VMs that is never reached: one nearby may be that of another test's VM.
        let foreign = HostVM(sidecar, vm.id + (1 << 22))
        let cases: [(HostVM, String, Int32)] = [
            (vm, "relative", AOS_E_INVALID), (vm, "/a/../b", AOS_E_INVALID), (foreign, "/a", AOS_E_STALE),
            (HostVM(sidecar, 0), "/a", AOS_E_STALE),
        ]
        for (vm, path, status) in cases {
            let recorder = HostRecorder()
            let error = failure { _ = try vm.exists(path, recorder.completion(deliver, queue.handle)) }
            // A bad path may also be found behind the acceptance: then it is the operation that fails.
            if error == nil {
                #expect(settle([recorder], queue, deliver))
                #expect(recorder.last?.status == status, "\(path)")
            } else {
                #expect(error?.status == status, "\(path)")
                #expect(recorder.entries.isEmpty)
            }
            #expect(recorder.drops == 1 && recorder.faults == [], "\(path)")
        }
        var given = HostRecorder().completion(deliver, queue.handle)
        let recorder = HostRecorder()
        given = recorder.completion(deliver, queue.handle)
        #expect(aos_fs_exists_async(nil, vm.id, "/a", 2, &given, nil, nil) == AOS_E_INVALID)
        #expect(recorder.drops == 1)
    }
}
