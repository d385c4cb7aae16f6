// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Writes and closes that wait, are cancelled or refused (process.md 3.3)", .timeLimit(.minutes(10)))
struct QueuedInputTests {
    private typealias S = ProcessScript

    /// A queue with room for one operation, and one that occupies it.
    private func fullQueue(_ vm: HostVM) throws -> (queue: OpaquePointer?, op: aos_id) {
        var queue: OpaquePointer?
        try check { aos_queue_create(1, &queue, $0) }
        var completion = waiting()
        (completion.deliver, completion.queue) = (AOS_DELIVER_QUEUE, queue)
        return (queue, try vm.submitExec("silent", completion: completion))
    }

    @Test("a close that was refused as busy has closed nothing: the next one does")
    func busyClose() throws {
        let peer = S.peer(S.on("execute", S.answer), S.on("close_stdin", nth: 2, S.answer, S.exit(0)))
        let vm = try peer.sidecar().createVM()
        let (queue, _) = try fullQueue(vm)
        defer { aos_queue_release(queue) }
        #expect(peer.wait { $0.requests("close_stdin").count == 1 })
        let process = try vm.spawn(["x"])
        var completion = waiting()
        (completion.deliver, completion.queue) = (AOS_DELIVER_QUEUE, queue)
        let busy = failure {
            try check { aos_process_close_stdin_async(vm.sidecar.handle, process.id, &completion, nil, $0) }
        }
        #expect(busy?.status == AOS_E_BUSY)
        try process.closeInput()
        #expect(peer.requests("close_stdin").count == 2)
        #expect(try process.finish(limit: 2 * second).last.value == 0)
    }

    @Test("a write that was refused as busy is not counted")
    func busyWrite() throws {
        let peer = S.peer(S.on("execute", S.answer))
        let vm = try peer.sidecar().createVM()
        let (queue, _) = try fullQueue(vm)
        defer { aos_queue_release(queue) }
        let process = try vm.spawn(["x"])
        var completion = waiting()
        (completion.deliver, completion.queue) = (AOS_DELIVER_QUEUE, queue)
        let bytes = [UInt8](repeating: 0x61, count: 65_536)
        let busy = failure {
            try check {
                aos_process_write_stdin_async(
                    vm.sidecar.handle,
                    process.id,
                    bytes,
                    bytes.count,
                    &completion,
                    nil,
                    $0
                )
            }
        }
        #expect(busy?.status == AOS_E_BUSY)
        try process.write([1])
        #expect(peer.chunkSizes == [1])
        try process.kill("TERM")
        _ = try process.finish()
    }

    @Test("a spawn that was refused as busy starts nothing")
    func busySpawn() throws {
        let peer = S.peer(S.on("execute", S.answer))
        let vm = try peer.sidecar().createVM()
        let (queue, op) = try fullQueue(vm)
        defer { aos_queue_release(queue) }
        #expect(peer.wait { $0.requests("execute").count == 1 })
        var completion = waiting()
        (completion.deliver, completion.queue) = (AOS_DELIVER_QUEUE, queue)
        #expect(failure { _ = try vm.spawn(["x"], completion: completion) }?.status == AOS_E_BUSY)
        #expect(failure { _ = try vm.submitExec("x", completion: completion) }?.status == AOS_E_BUSY)
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(peer.requests("execute").count == 1)
    }

    @Test("a close that was cancelled while it waited behind a write has not closed: the next one does")
    func cancelledClose() throws {
        let peer = S.peer(
            S.on("execute", S.answer),
            S.on("write_stdin", S.delay(300), S.answer),
            S.on("close_stdin", S.answer, S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let write = try process.submitWrite("a")
        let close = try process.submitClose()
        #expect(aos_op_cancel(vm.sidecar.handle, close) == AOS_OK)
        #expect(try end(of: close, vm.sidecar)?.status == AOS_E_CANCELED)
        #expect(try end(of: write, vm.sidecar)?.status == AOS_OK)
        #expect(peer.requests("close_stdin").isEmpty)
        try process.closeInput()
        #expect(peer.requests("close_stdin").count == 1)
        #expect(try process.finish(limit: 2 * second).last.value == 0)
    }

    @Test("the deadline of a write counts while it waits behind another one")
    func deadlineInQueue() throws {
        let peer = S.peer(
            S.on("execute", S.answer),
            S.on("write_stdin", nth: 1, S.delay(3000), S.answer)
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let first = try process.submitWrite("a")
        let start = ContinuousClock.now
        var completion = waiting(deadline: 100 * millisecond)
        let second = try vm.sidecar.submit {
            aos_process_write_stdin_async(vm.sidecar.handle, process.id, "b", 1, &completion, $0, $1)
        }
        #expect(try end(of: second, vm.sidecar)?.status == AOS_E_DEADLINE)
        let time = ContinuousClock.now - start
        #expect(time < .seconds(2))
        #expect(try end(of: first, vm.sidecar)?.status == AOS_OK)
        #expect(peer.chunkTexts == ["a"], "what was given up is not sent")
        try process.kill("TERM")
        _ = try process.finish()
    }

    @Test("the end of the program ends the writes that wait")
    func exitWhileQueued() throws {
        let peer = S.peer(S.on("execute", S.answer), S.on("write_stdin", S.delay(100), S.exit(3)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let writes = try (0..<3).map { try process.submitWrite("\($0)") }
        let close = try process.submitClose()
        #expect(try process.finish().last.value == 3)
        for op in writes.dropFirst() {
            let last = try end(of: op, vm.sidecar)
            #expect(last?.status == AOS_E_NOT_FOUND && last?.error?.message == "process already exited")
        }
        #expect(try end(of: close, vm.sidecar)?.status == AOS_OK)
        #expect(peer.requests("write_stdin").count == 1)
        #expect(aos_op_cancel(vm.sidecar.handle, writes[0]) == AOS_OK)
        #expect(try end(of: writes[0], vm.sidecar)?.status == AOS_E_CANCELED)
    }

    @Test("the disposal of the handle ends what runs and what waits, once each")
    func dispose() throws {
        let peer = S.peer(S.on("execute", S.answer), S.on("write_stdin", "{\"nothing\":true}"))
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn(["x"])
        let writes = [try process.submitWrite("a"), try process.submitWrite("b")]
        let exec = try vm.submitExec("x")
        #expect(peer.wait { $0.requests("execute").count == 2 && $0.requests("write_stdin").count == 1 })
        try sidecar.dispose(limit: 10 * second)
        #expect(try process.finish(limit: 0).last.kind == AOS_EV_COMPLETE)
        #expect(try sidecar.events(of: exec, limit: 0).last?.kind == AOS_EV_COMPLETE)
        for op in writes {
            let last = try sidecar.take(op, limit: 0)
            #expect(last?.kind == AOS_EV_COMPLETE && (last?.status ?? 0) < 0)
        }
        #expect(process.isStale)
    }

    @Test("a queue that is released under a flood takes nothing with it")
    func releasedQueue() throws {
        let peer = S.peer(
            S.on(
                "execute",
                command: "flood",
                S.answer,
                S.times(64, S.output(bytes: 65_536, fill: "x")),
                S.exit(0)
            ),
            S.on("execute", S.answer, S.output("q"), S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        for _ in 0..<5 {
            var queue: OpaquePointer?
            try check { aos_queue_create(0, &queue, $0) }
            var completion = waiting()
            (completion.deliver, completion.queue) = (AOS_DELIVER_QUEUE, queue)
            let process = try vm.spawn(["flood"], completion: completion)
            aos_queue_release(queue)
            #expect(eventually { failure { try process.write([]) }?.status == AOS_E_NOT_FOUND })
            #expect(
                eventually { aos_op_cancel(vm.sidecar.handle, process.op) == AOS_E_STALE },
                "its end is never delivered"
            )
        }
        #expect(try vm.run("quick").outputText == "q")
    }
}
