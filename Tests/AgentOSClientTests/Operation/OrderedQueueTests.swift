// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("OrderedQueue")
struct OrderedQueueTests {
    @Test("work begins when the work before it has ended, in the order of the calls")
    func order() {
        let queue = OrderedQueue()
        let gates = (0..<4).map { _ in Latch<Int>() }
        let begun = Lock<[Int]>([])
        let endings = (0..<4).map { index in
            Ending(
                queue.enqueue(
                    Steps<Int>.begin {
                        begun.withLock { $0.append(index) }
                        return .wait(for: gates[index])
                    }
                )
            )
        }
        #expect(begun.withLock { $0 } == [0])
        gates[2].set(2)
        gates[0].set(0)
        #expect(begun.withLock { $0 } == [0, 1])
        gates[1].set(1)
        #expect(begun.withLock { $0 } == [0, 1, 2, 3])
        gates[3].set(3)
        #expect(endings.map(\.text) == ["0", "1", "2", "3"])
    }

    @Test("a failed or interrupted piece does not hold up the next")
    func failure() {
        let queue = OrderedQueue()
        let first = Ending(queue.enqueue(Steps<Void>.untilInterrupted))
        let second = Ending(queue.enqueue(Steps<Int>.fail(.invalid("no"))))
        let third = Ending(queue.enqueue(Steps<Int>.done(3)))
        #expect(third.count == 0)
        first.run.interrupt(.cancelled)
        #expect(first.text == "error: request cancelled")
        #expect(second.text == "error: no")
        #expect(third.text == "3")
    }

    @Test("a queue that has failed begins nothing more, and lets what runs come to its end")
    func fail() {
        let queue = OrderedQueue()
        let gate = Latch<Int>()
        let running = Ending(queue.enqueue(Steps<Int>.wait(for: gate)))
        let waiting = Ending(queue.enqueue(Steps<Int>.done(2)))
        queue.fail(.invalid("over"))
        queue.fail(.invalid("again"))
        #expect(waiting.text == "error: over")
        #expect(running.count == 0)
        #expect(Ending(queue.enqueue(Steps<Int>.done(3))).text == "error: over")
        gate.set(1)
        #expect(running.text == "1")
        #expect(waiting.count == 1)
    }
}
