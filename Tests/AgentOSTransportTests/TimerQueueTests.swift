// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSTransport

@Suite("TimerQueue")
struct TimerQueueTests {
    private func time(_ nanoseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

    @Test("what is due comes out by time, of one time by age; the rest stays")
    func order() {
        var queue = TimerQueue()
        let ran = Lock<[String]>([])
        func add(_ name: String, _ at: UInt64) {
            _ = queue.add(time(at)) { ran.withLock { $0.append(name) } }
        }
        #expect(queue.isEmpty)
        #expect(queue.nextDeadline() == nil)
        for (name, at) in [("c", 30), ("a", 10), ("d", 40), ("b", 20), ("c2", 30)] as [(String, UInt64)] {
            add(name, at)
        }
        #expect(queue.nextDeadline() == time(10))
        #expect(queue.due(time(9)).isEmpty)
        for action in queue.due(time(30)) { action() }
        #expect(ran.withLock { $0 } == ["a", "b", "c", "c2"])
        #expect(queue.nextDeadline() == time(40))
        #expect(!queue.isEmpty)
        for action in queue.due(time(.max)) { action() }
        #expect(ran.withLock { $0.last } == "d")
        #expect(queue.isEmpty)
    }

    @Test("what is cancelled never comes up, and is no reason to wake")
    func cancel() {
        var queue = TimerQueue()
        let first = queue.add(time(10)) { Issue.record("it was cancelled") }
        let second = queue.add(time(20)) {}
        queue.cancel(first)
        queue.cancel(first)
        queue.cancel(99)
        #expect(queue.nextDeadline() == time(20))
        #expect(queue.due(time(10)).isEmpty)
        #expect(queue.due(time(20)).count == 1)
        queue.cancel(second)
        #expect(queue.isEmpty)
        let third = queue.add(time(5)) {}
        queue.cancel(third)
        #expect(queue.isEmpty)
        #expect(queue.nextDeadline() == nil)
    }

    @Test("it does what a sorted list does, at random", arguments: 0..<10 as Range<UInt64>)
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = TimerQueue()
        var model: [(deadline: UInt64, id: UInt64)] = []
        let ran = Lock<[UInt64]>([])
        var now: UInt64 = 0
        for tag in 0..<3000 as Range<UInt64> {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                let deadline = now + UInt64.random(in: 0...50, using: &generator)
                let id = queue.add(time(deadline)) { ran.withLock { $0.append(tag) } }
                model.append((deadline, tag))
                // Ids count up as tags do, so that a tag stands for an id in the model.
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    queue.cancel(id)
                    model.removeLast()
                }
            default:
                now += UInt64.random(in: 0...20, using: &generator)
                for action in queue.due(time(now)) { action() }
                let due = model.filter { $0.deadline <= now }.sorted {
                    ($0.deadline, $0.id) < ($1.deadline, $1.id)
                }
                model.removeAll { $0.deadline <= now }
                let found = ran.withLock { list in
                    defer { list = [] }
                    return list
                }
                if found != due.map(\.id) { Issue.record("\(found) for \(due)") }
            }
            if queue.isEmpty != model.isEmpty { Issue.record("\(tag)") }
            if queue.nextDeadline()?.nanoseconds != model.map(\.deadline).min() { Issue.record("\(tag)") }
        }
    }
}
