// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS
import Testing

/// Many calls on their way, whose answers the sidecar gives one after the other.
@Suite(
    "Answers of many calls are taken several at a time, on the real sidecar",
    .enabled(if: RealSidecar.isThere)
)
struct GatheredAnswersTests {
    private static let calls = 400
    private static let callers = 32

    /// How many events came each time that the queue had some, with 32 calls on their way until all are done.
    private func batches(waiting: Bool) throws -> [Int] {
        // Without guards each call is one request, and one that takes the sidecar a third of a millisecond.
        let vm = try realVM(guards: false)
        defer { finish(vm) }
        let queue = try HostQueue()
        var completion = queue.completion()
        var (begun, done) = (0, 0)
        var batches: [Int] = []
        while done < Self.calls {
            while begun < min(done + Self.callers, Self.calls) {
                try check {
                    aos_fs_exists_async(vm.sidecar.handle, vm.id, "/tmp", 4, &completion, nil, $0)
                }
                begun += 1
            }
            if !waiting { #expect(queue.isReadable(within: 20_000)) }
            let events = queue.drain(timeout: waiting ? 20 * second : 0)
            #expect(events.allSatisfy { $0.status == AOS_OK && $0.value == 1 })
            batches.append(events.count)
            done += events.count
            if events.isEmpty { break }
        }
        #expect(done == Self.calls)
        return batches
    }

    @Test("where the host waits for its queue, and where it polls the descriptor", arguments: [true, false])
    func gathered(waiting: Bool) throws {
        let batches = try batches(waiting: waiting)
        #expect(batches.count <= Self.calls / 2, "\(batches)")
    }
}
