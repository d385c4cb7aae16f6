// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

/// What may be called in a callback: everything that does not wait for itself.
@Suite("Calls from inside a callback", .timeLimit(.minutes(10)))
struct CallbackTests {
    static let calling: [UInt32] = [AOS_DELIVER_CALL, AOS_DELIVER_THREAD]

    /// The callback in which something is done.
    enum Place: CaseIterable, Sendable { case firstOutput, lastEvent, drop, subscription, ownCompletion }

    private func settle(_ recorders: [HostRecorder], _ queue: HostQueue, _ deliver: UInt32) -> Bool {
        let isDone = { recorders.allSatisfy(\.isDone) }
        return deliver == AOS_DELIVER_CALL
            ? queue.dispatch(until: isDone) : eventually(limit: .seconds(20), isDone)
    }

    @Test(
        "blocking disposal and shutdown are AOS_E_DEADLOCK there, the asynchronous forms are allowed",
        arguments: calling
    )
    func deadlock(deliver: UInt32) throws {
        let queue = try HostQueue()
        let (sidecar, other) = (try HostPeer.sidecar(), try HostPeer.sidecar())
        let vm = try sidecar.createVM()
        let otherVM = try other.createVM()
        let found: Lock<[Int32]> = Lock([])
        let recorder = HostRecorder { [sidecar, other] _ in
            var error: OpaquePointer?
            var all = [aos_sidecar_dispose(sidecar.handle, 10 * second, &error)]
            all.append(aos_error_status(error))
            aos_error_release(error)
            all.append(aos_vm_shutdown(sidecar.handle, vm.id, 10 * second, nil))
            all.append(aos_sidecar_dispose_all_shared(10 * second, nil))
            // Of another sidecar it is no waiting for oneself.
            all.append(aos_vm_shutdown(other.handle, otherVM.id, 10 * second, nil))
            all.append(aos_sidecar_dispose(other.handle, 10 * second, nil))
            // And other blocking calls are allowed on the same one.
            var exists: Int32 = -1
            all.append(aos_fs_exists(sidecar.handle, vm.id, "/a", 2, 10 * second, &exists, nil))
            all.append(aos_vm_shutdown_async(sidecar.handle, vm.id, nil, nil, nil))
            all.append(aos_sidecar_dispose_async(sidecar.handle, nil, nil, nil))
            found.withLock { $0 = all }
        }
        _ = try vm.exists("/a", recorder.completion(deliver, queue.handle))
        #expect(settle([recorder], queue, deliver))
        #expect(
            found.withLock { $0 } == [
                AOS_E_DEADLOCK, AOS_E_DEADLOCK, AOS_E_DEADLOCK, AOS_E_DEADLOCK, AOS_OK, AOS_OK, AOS_OK,
                AOS_OK, AOS_OK,
            ]
        )
        #expect(eventually { sidecar.state == "disposed" })
        #expect(recorder.faults == [])
    }

    @Test("the same in drop, and of the thread's own later calls nothing stays forbidden", arguments: calling)
    func deadlockInDrop(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let found: Lock<Int32> = Lock(1)
        let recorder = HostRecorder(onDrop: { [sidecar] in
            let status = aos_sidecar_dispose(sidecar.handle, 10 * second, nil)
            found.withLock { $0 = status }
        })
        _ = try vm.exists("/a", recorder.completion(deliver, queue.handle))
        #expect(settle([recorder], queue, deliver))
        #expect(eventually { found.withLock { $0 } == AOS_E_DEADLOCK })
        try sidecar.dispose()
    }

    /// Whether the recorder's callback is the one in which something is to be done.
    private static func isPlace(_ place: Place, _ entry: HostRecorder.Entry) -> Bool {
        switch place {
        case .firstOutput: entry.kind == AOS_EV_STDOUT && entry.sequence == 1
        case .lastEvent: entry.isLast
        case .subscription, .ownCompletion: true
        case .drop: false
        }
    }

    @Test(
        "disposal and the last release in every kind of callback, 25 rounds each",
        arguments: calling,
        Place.allCases
    )
    func disposeEverywhere(deliver: UInt32, place: Place) throws {
        for round in 0..<25 {
            let queue = try HostQueue()
            let peer = HostPeer.peer()
            defer { withExtendedLifetime(peer) {} }
            let text = JSONWriter.text(peer.options(["stopGraceMs": .integer(500)]))
            var handle: OpaquePointer?
            try check { aos_sidecar_create(text, text.utf8.count, &handle, $0) }
            var vm: aos_id = 0
            try check { aos_vm_create(handle, nil, 0, HostSidecar.limit, &vm, $0) }
            let bits = UInt(bitPattern: handle)
            let disposal = HostRecorder()
            let end: @Sendable () -> Void = {
                let handle = OpaquePointer(bitPattern: bits)
                if round % 2 == 0 {
                    var given = disposal.completion(deliver, queue.handle)
                    if aos_sidecar_dispose_async(handle, &given, nil, nil) != AOS_OK { return }
                }
                aos_sidecar_release(handle)
            }
            let main = HostRecorder(
                onEvent: {
                    if Self.isPlace(place, $0), place == .firstOutput || place == .lastEvent { end() }
                },
                onDrop: { if place == .drop { end() } }
            )
            let subscription = HostRecorder { _ in if place == .subscription { end() } }
            let own = HostRecorder { _ in if place == .ownCompletion { end() } }
            var given = subscription.completion(deliver, queue.handle)
            try check { aos_sidecar_subscribe(handle, 0, &given, nil, $0) }
            given = main.completion(deliver, queue.handle)
            let argv = "[\"many\"]"
            try check { aos_process_spawn(handle, vm, argv, argv.utf8.count, nil, 0, &given, nil, nil, $0) }
            var all = [main, subscription]
            if place == .subscription || place == .ownCompletion {
                // Something has to bring that callback.
                given = own.completion(deliver, queue.handle)
                try check { aos_sidecar_dispose_async(handle, &given, nil, $0) }
                all.append(own)
            }
            #expect(settle(all, queue, deliver), "round \(round)")
            if round % 2 == 0 { #expect(settle([disposal], queue, deliver), "round \(round)") }
            for recorder in all + [disposal] {
                #expect(recorder.faults == [], "round \(round)")
                #expect(recorder.drops <= 1 && recorder.terminals.count == recorder.drops, "round \(round)")
            }
            #expect(subscription.last?.kind == AOS_EV_CLOSED)
            #expect(aos_sidecar_retain(handle) == nil)
        }
    }

    @Test("submissions, cancels and queues from inside a callback, under no lock of ours", arguments: calling)
    func submissions(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let inner = (0..<20).map { _ in HostRecorder() }
        let statuses: Lock<[Int32]> = Lock([])
        let outer = HostRecorder { entry in
            guard entry.sequence <= 20 else { return }
            let recorder = inner[Int(entry.sequence) - 1]
            var given = recorder.completion(deliver, queue.handle)
            var op: aos_id = 0
            var all = [aos_fs_exists_async(sidecar.handle, vm.id, "/late", 5, &given, &op, nil)]
            if entry.sequence % 2 == 0 { all.append(aos_op_cancel(sidecar.handle, op)) }
            var made: OpaquePointer?
            all.append(aos_queue_create(0, &made, nil))
            aos_queue_release(made)
            statuses.withLock { $0 += all }
        }
        _ = try vm.spawn("many", outer.completion(deliver, queue.handle))
        #expect(settle([outer] + inner, queue, deliver))
        // A cancel may come too late.
        #expect(statuses.withLock { $0.allSatisfy { [AOS_OK, AOS_E_STALE].contains($0) } })
        for recorder in [outer] + inner { #expect(recorder.faults == [] && recorder.drops == 1) }
    }

    private static let lines: [String] = (1...20).map { "line \($0)" }

    private func texts(_ recorder: HostRecorder) -> [String] {
        recorder.entries.filter { $0.kind == AOS_EV_STDOUT }.map(\.text)
    }

    @Test(
        "a subscriber that is added in another's callback: each item once for both (vm.md 17, 38)",
        arguments: calling,
        // In the first chunk, between others, and in the end.
        [1, 10, 21] as [UInt64]
    )
    func subscribing(deliver: UInt32, place: UInt64) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let statuses: Lock<[Int32]> = Lock([])
        let inner = HostRecorder()
        let outer = HostRecorder { [sidecar] entry in
            guard entry.sequence == place else { return }
            var given = inner.completion(deliver, queue.handle)
            let status = aos_process_subscribe(sidecar.handle, entry.object, nil, 0, &given, nil, nil)
            statuses.withLock { $0.append(status) }
        }
        _ = try vm.spawn("many", outer.completion(deliver, queue.handle))
        #expect(settle([outer, inner], queue, deliver))
        #expect(statuses.withLock { $0 } == [AOS_OK])
        for recorder in [outer, inner] {
            #expect(recorder.faults == [] && recorder.drops == 1)
            #expect(texts(recorder) == Self.lines)
            #expect(recorder.terminals.count == 1 && recorder.last?.value == 3)
        }
    }

    @Test(
        "one that unsubscribes itself in its callback: each item once, its end, and all for another (vm.md 17, 38)",
        arguments: calling
    )
    func unsubscribing(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let statuses: Lock<[Int32]> = Lock([])
        let leaving = HostRecorder { [sidecar] entry in
            guard entry.sequence == 5 else { return }
            let status = aos_op_cancel(sidecar.handle, entry.op)
            statuses.withLock { $0.append(status) }
        }
        // The other two subscribe in the first one's callback, so that all of them see the chunks live.
        let staying = HostRecorder()
        let outer = HostRecorder { [sidecar] entry in
            guard entry.sequence == 1 else { return }
            for recorder in [leaving, staying] {
                var given = recorder.completion(deliver, queue.handle)
                let status = aos_process_subscribe(sidecar.handle, entry.object, nil, 0, &given, nil, nil)
                statuses.withLock { $0.append(status) }
            }
        }
        let (process, _) = try vm.spawn("lines", outer.completion(deliver, queue.handle))
        #expect(settle([leaving], queue, deliver))
        // Only now: of an operation that has ended meanwhile there would be nothing to cancel.
        try check { aos_process_kill(sidecar.handle, process, nil, HostSidecar.limit, $0) }
        #expect(settle([outer, leaving, staying], queue, deliver))
        #expect(statuses.withLock { $0 } == [AOS_OK, AOS_OK, AOS_OK])
        for recorder in [outer, leaving, staying] { #expect(recorder.faults == [] && recorder.drops == 1) }
        // What was on its way to it still comes, and nothing of that twice; its end is behind all of it.
        #expect(texts(leaving).count >= 5 && Self.lines.starts(with: texts(leaving)))
        #expect(leaving.terminals.count == 1)
        #expect(leaving.last?.kind == AOS_EV_COMPLETE && leaving.last?.status == AOS_E_CANCELED)
        for recorder in [outer, staying] {
            #expect(texts(recorder) == Self.lines && recorder.last?.value == 143)
        }
    }

    @Test("a program cancelled in its own callback: one end, and nothing behind it", arguments: calling)
    func cancellingItself(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let statuses: Lock<[Int32]> = Lock([])
        let recorder = HostRecorder { [sidecar] entry in
            guard entry.kind == AOS_EV_STDOUT else { return }
            let status = aos_op_cancel(sidecar.handle, entry.op)
            statuses.withLock { $0.append(status) }
        }
        _ = try vm.spawn("endless", recorder.completion(deliver, queue.handle))
        #expect(settle([recorder], queue, deliver))
        #expect(statuses.withLock { $0 } == [AOS_OK])
        #expect(recorder.faults == [] && recorder.drops == 1 && texts(recorder) == ["here"])
        #expect(recorder.last?.status == AOS_E_CANCELED)
        #expect(vm.isAlive)
    }
}
