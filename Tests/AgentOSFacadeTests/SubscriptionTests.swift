// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Subscriptions", .timeLimit(.minutes(10)))
struct SubscriptionTests {
    @Test("PROCESS_LOST says how the process ended and what it said last; CLOSED comes last")
    func lost() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let op = try sidecar.subscribe(nil)
        #expect(failure { _ = try vm.exists("/kill") }?.status == AOS_E_SIDECAR)
        let event = try #require(try sidecar.take(op))
        #expect(event.kind == AOS_EV_PROCESS_LOST && event.sequence == 1 && event.op == op)
        #expect(event.status == AOS_E_SIDECAR && event.value == 0)
        let detail = try #require(event.error?.detail)
        #expect(["transport", "sidecar"].contains(event.error?.kind))
        #expect(detail["exitSignal"] == .integer(9))
        #expect(detail["exitCode"] == nil)
        #expect(detail["stderr"]?.stringValue?.contains("last words") == true)
        #expect(event.error?.message.contains("9") == true || event.error?.message.contains("KILL") == true)
        // The handle goes on, with another process.
        #expect(try sidecar.createVM().exists("/a"))
        #expect(try sidecar.take(op, limit: 0) == nil)
        kill(try #require(sidecar.processID), SIGKILL)
        #expect(try sidecar.take(op)?.kind == AOS_EV_PROCESS_LOST)
        try sidecar.dispose()
        let rest = try sidecar.events(of: op)
        #expect(rest.map(\.kind) == [UInt32(AOS_EV_CLOSED)])
        #expect(rest.first?.sequence == 3 && rest.first?.status == AOS_OK && rest.first?.error == nil)
        #expect(failure { _ = try sidecar.take(op, limit: 0) }?.status == AOS_E_STALE)
    }

    @Test("an orderly end is no loss, and a cause that is an exit code says that one")
    func exitCode() throws {
        let sidecar = try HostPeer.sidecar()
        let op = try sidecar.subscribe(nil)
        try sidecar.createVM().shutdown()
        #expect(eventually { sidecar.processID == nil })
        #expect(try sidecar.take(op, limit: 100 * millisecond) == nil)
        let peer = ScriptedPeer(
            "[{\"on\":\"guest_filesystem_call\",\"do\":[{\"stderr\":\"oh\\n\"},{\"exit\":7}]}]"
        )
        let other = try peer.sidecar()
        let otherOp = try other.subscribe(nil)
        let vm = try other.createVM()
        #expect(failure { _ = try vm.exists("/a") }?.status == AOS_E_SIDECAR)
        let event = try #require(try other.take(otherOp))
        #expect(event.kind == AOS_EV_PROCESS_LOST && event.error?.detail["exitCode"] == .integer(7))
        #expect(event.error?.detail["exitSignal"] == nil)
    }

    @Test("the bits choose, but the last event comes whatever they say")
    func kinds() throws {
        let sidecar = try HostPeer.sidecar()
        let ops = try [0, 1 << AOS_EV_CLOSED, 1 << AOS_EV_PROCESS_LOST].map {
            try sidecar.subscribe(nil, kinds: $0)
        }
        let vm = try sidecar.createVM()
        _ = failure { _ = try vm.exists("/kill") }
        #expect(try sidecar.take(ops[2])?.kind == AOS_EV_PROCESS_LOST)
        try sidecar.dispose()
        for op in ops { #expect(try sidecar.events(of: op).map(\.kind) == [UInt32(AOS_EV_CLOSED)]) }
        for kinds in [1, 1 << 1, 1 << 10, 1 << 31, UInt32.max] {
            let error = failure { _ = try sidecar.subscribe(nil, kinds: kinds) }
            #expect(error?.status == AOS_E_INVALID && error?.message.contains("kinds") == true)
        }
    }

    @Test("one that comes after the disposal is told at once")
    func late() throws {
        let sidecar = try HostPeer.sidecar()
        try sidecar.dispose()
        #expect(try sidecar.events(of: try sidecar.subscribe(nil)).map(\.kind) == [UInt32(AOS_EV_CLOSED)])
        let recorder = HostRecorder()
        _ = try sidecar.subscribe(recorder.completion(AOS_DELIVER_THREAD))
        #expect(eventually { recorder.isDone })
        #expect(recorder.faults == [] && recorder.entries.map(\.kind) == [UInt32(AOS_EV_CLOSED)])
    }

    @Test("a cancel ends one of several with COMPLETE, and the others go on")
    func cancel() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let ops = try (0..<3).map { tag in
            try sidecar.subscribe(completion(AOS_DELIVER_QUEUE, queue.handle, tag: UInt64(tag)))
        }
        #expect(aos_op_cancel(sidecar.handle, ops[1]) == AOS_OK)
        let first = queue.drain(until: 1)
        #expect(first.map(\.tag) == [1] && first.map(\.kind) == [UInt32(AOS_EV_COMPLETE)])
        #expect(first.map(\.status) == [AOS_E_CANCELED])
        #expect(aos_op_cancel(sidecar.handle, ops[1]) == AOS_E_STALE)
        try sidecar.dispose()
        #expect(queue.drain(until: 2).map(\.kind) == [UInt32(AOS_EV_CLOSED), UInt32(AOS_EV_CLOSED)])
        #expect(queue.drain(timeout: 0).isEmpty)
    }

    @Test("COMPLETE of the disposal comes before CLOSED")
    func order() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        _ = try sidecar.createVM()
        let subscription = try sidecar.subscribe(completion(AOS_DELIVER_QUEUE, queue.handle))
        let disposal = try sidecar.disposeAsync(completion(AOS_DELIVER_QUEUE, queue.handle))
        let events = queue.drain(until: 2)
        #expect(events.map(\.op) == [disposal, subscription])
        #expect(events.map(\.status) == [AOS_OK, AOS_OK])
    }

    /// Two threads publish for one operation then: its events must not overtake each other on the way to the
    /// queue.
    @Test(
        "a loss and a disposal at the same moment come in their order, 200 times",
        arguments: [
            AOS_DELIVER_QUEUE, AOS_DELIVER_CALL, AOS_DELIVER_THREAD,
        ]
    )
    func lossDuringDisposal(deliver: UInt32) throws {
        let queue = try HostQueue()
        for round in 0..<200 {
            let sidecar = try HostPeer.sidecar()
            _ = try sidecar.createVM()
            let recorder = HostRecorder()
            let isQueue = deliver == AOS_DELIVER_QUEUE
            _ = try sidecar.subscribe(
                isQueue ? completion(deliver, queue.handle) : recorder.completion(deliver, queue.handle)
            )
            let pid = try #require(sidecar.processID)
            let disposal = try sidecar.disposeAsync(completion(AOS_DELIVER_WAIT))
            if round % 4 > 0 { usleep(UInt32(round % 40) * 10) }
            kill(pid, SIGKILL)
            if isQueue {
                var events: [HostEvent] = []
                while events.last?.isLast != true, events.count < 3 { events += queue.drain() }
                #expect(events.map(\.sequence) == (1...UInt64(events.count)).map { $0 }, "round \(round)")
            } else {
                let isDone = { recorder.isDone }
                #expect(deliver == AOS_DELIVER_CALL ? queue.dispatch(until: isDone) : eventually(isDone))
                #expect(recorder.faults == [] && recorder.last?.kind == AOS_EV_CLOSED, "round \(round)")
            }
            _ = try sidecar.events(of: disposal)
            while queue.dispatch(timeout: 0) > 0 || !queue.drain(timeout: 0).isEmpty {
                Issue.record("an event behind the last one, round \(round)")
            }
        }
    }
}
