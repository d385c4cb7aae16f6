// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import CAgentOS
import Glibc
import Synchronization
import Testing

/// Who waits at a queue reads the connection meanwhile. Nothing of that may be seen but the time.
@Suite("Queues whose waiting thread reads", .timeLimit(.minutes(10)))
struct QueueReaderTests {
    private func queueCompletion(_ queue: HostQueue) -> aos_completion {
        completion(AOS_DELIVER_QUEUE, queue.handle)
    }

    @Test("what is left when a drain is full stays announced, and nothing else is")
    func leftOver() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        for _ in 0..<20 {
            _ = try vm.spawn("many", queueCompletion(queue))
            var numbers: [UInt64] = []
            while numbers.count < 21 {
                let events = queue.drain(4, timeout: 10 * second)
                if events.isEmpty { break }
                numbers += events.map(\.sequence)
            }
            #expect(numbers == (1...21).map { UInt64($0) })
            #expect(!queue.isReadable())
        }
        let ops = try (0..<3).map { _ in try vm.exists("/a", queueCompletion(queue)) }
        var seen = queue.drain(1).map(\.op)
        // The answers may come in one read: what was not taken is there for whoever polls.
        #expect(queue.isReadable(within: 10_000))
        seen += queue.drain(until: 2).map(\.op)
        #expect(seen == ops && !queue.isReadable())
    }

    @Test("a wake ends a drain and a dispatch that read")
    func wake() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let op = try vm.exists("/hang", queueCompletion(queue))
        expectWakesEndWaits(on: queue)
        #expect(!queue.isReadable())
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        #expect(queue.drain().map(\.status) == [AOS_E_CANCELED])
    }

    @Test("an event that another thread sets off ends a drain that reads")
    func fromElsewhere() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let op = try vm.exists("/hang", queueCompletion(queue))
        whileAsleep(.onDescriptors) {
            let events = queue.drain(timeout: 60 * second)
            #expect(events.map(\.op) == [op] && events.map(\.status) == [AOS_E_CANCELED])
        } _: {
            #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        }
        #expect(!queue.isReadable())
    }

    @Test("a blocking call beside a drain that reads is answered, and the other way round")
    func besideBlockingCalls() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let hanging = try vm.exists("/hang", queueCompletion(queue))
        whileAsleep(.onDescriptors) {
            #expect(queue.drain(timeout: 60 * second).map(\.op) == [hanging])
        } _: {
            for _ in 0..<50 { #expect(throws: Never.self) { _ = try vm.exists("/a") } }
            #expect(aos_op_cancel(sidecar.handle, hanging) == AOS_OK)
        }
        // Now the blocking call reads, and its time is over long after the event has come.
        whileAsleep(.onDescriptors) {
            var exists: Int32 = 0
            let error = failure {
                try check { aos_fs_exists(sidecar.handle, vm.id, "/hang", 5, 2 * second, &exists, $0) }
            }
            #expect(error?.status == AOS_E_DEADLINE)
        } _: {
            let begin = ContinuousClock.now
            let op = try? vm.exists("/a", queueCompletion(queue))
            #expect(queue.drain(timeout: 30 * second).map { Optional($0.op) } == [op])
            #expect(ContinuousClock.now - begin < .seconds(2))
        }
    }

    @Test("operations of two sidecars in one queue all arrive")
    func twoConnections() throws {
        let queue = try HostQueue()
        let vms = try (0..<2).map { _ in try HostPeer.sidecar().createVM() }
        for _ in 0..<20 {
            let ops = try vms.map { try $0.exists("/late", queueCompletion(queue)) }
            #expect(Set(queue.drain(until: 2).map(\.op)) == Set(ops))
        }
    }

    @Test("who stops draining and polls the descriptor is told all the same")
    func polledAfterwards() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        for _ in 0..<200 {
            _ = try vm.exists("/a", queueCompletion(queue))
            #expect(queue.drain().count == 1)
        }
        for _ in 0..<5 {
            _ = try vm.exists("/a", queueCompletion(queue))
            #expect(queue.isReadable(within: 10_000))
            #expect(queue.drain(timeout: 0).count == 1)
        }
    }

    @Test("a sidecar that dies under a drain that reads ends every operation once")
    func death() throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let ops = try (0..<40).map { _ in try vm.exists("/hang", queueCompletion(queue)) }
        let process = try #require(sidecar.processID)
        whileAsleep(.onDescriptors) {
            let events = queue.drain(until: ops.count)
            #expect(events.map(\.op) == ops && events.allSatisfy { $0.status == AOS_E_SIDECAR })
        } _: {
            kill(process, SIGKILL)
        }
        #expect(queue.drain(timeout: 0).isEmpty && !queue.isReadable())
    }

    @Test("three threads that drain one queue share the events of a fourth: each comes once")
    func manyReaders() throws {
        let queue = try HostQueue()
        let vm = try HostPeer.sidecar().createVM()
        let operations = 300
        let seen: Lock<[aos_id]> = Lock([])
        let submitted: Lock<[aos_id]> = Lock([])
        onThreads(4) { index in
            if index == 0 {
                for number in 0..<operations {
                    guard let op = try? vm.exists(number % 7 == 0 ? "/late" : "/a", queueCompletion(queue))
                    else { continue }
                    submitted.withLock { $0.append(op) }
                }
                return
            }
            let deadline = ContinuousClock.now + .seconds(60)
            while seen.withLock({ $0.count }) < operations, ContinuousClock.now < deadline {
                let events = queue.drain(3, timeout: 20 * millisecond)
                seen.withLock { $0 += events.map(\.op) }
            }
        }
        #expect(submitted.withLock { $0.count } == operations)
        #expect(seen.withLock { $0.sorted() } == submitted.withLock { $0.sorted() })
        #expect(!queue.isReadable())
    }
}
