// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("TurnQueue")
struct TurnQueueTests {
    private let queue: TurnQueue = TurnQueue()
    private let begun: Lock<[Int]> = Lock([])

    /// Work that begins when its turn comes and ends when its gate is set.
    private func work(_ number: Int, _ turn: TurnQueue.Turn, _ gate: Latch<Int>) -> Ending<Int> {
        Ending(
            queue.run(
                turn,
                Steps<Int>.begin { [begun] in
                    begun.withLock { $0.append(number) }
                    return .wait(for: gate)
                }
            )
        )
    }

    @Test("work that shares goes together, work alone goes alone, and nobody passes who came before")
    func order() {
        let gates = (0..<6).map { _ in Latch<Int>() }
        let turns: [TurnQueue.Turn] = [.beside, .beside, .alone, .beside, .beside, .alone]
        let endings = turns.enumerated().map { work($0.offset, $0.element, gates[$0.offset]) }
        #expect(begun.withLock { $0 } == [0, 1])
        gates[1].set(1)
        #expect(begun.withLock { $0 } == [0, 1])
        gates[0].set(0)
        #expect(begun.withLock { $0 } == [0, 1, 2])
        gates[2].set(2)
        #expect(begun.withLock { $0 } == [0, 1, 2, 3, 4])
        gates[3].set(3)
        gates[4].set(4)
        #expect(begun.withLock { $0 } == [0, 1, 2, 3, 4, 5])
        gates[5].set(5)
        #expect(endings.map(\.text) == (0..<6).map(String.init))
    }

    @Test("an interruption takes work out while it waits, and who came behind it goes on")
    func interruption() {
        let gates = (0..<3).map { _ in Latch<Int>() }
        let running = work(0, .beside, gates[0])
        let waiting = work(1, .alone, gates[1])
        let behind = work(2, .beside, gates[2])
        #expect(begun.withLock { $0 } == [0])
        waiting.run.interrupt(.cancelled)
        #expect(waiting.text == "error: request cancelled" && waiting.count == 1)
        #expect(begun.withLock { $0 } == [0, 2])
        running.run.interrupt(.cancelled)
        #expect(running.text == "error: request cancelled")
        gates[2].set(2)
        #expect(behind.text == "2")
        let last = Latch<Int>()
        let alone = work(3, .alone, last)
        last.set(3)
        #expect(alone.text == "3")
    }

    @Test("an undivided part goes on without whoever waited for it, and has its turn until it is over")
    func undivided() {
        let gate = Latch<Int>()
        let part = Steps<Int>.wait(for: gate).map { [begun] number in
            begun.withLock { $0.append(number) }
            return number
        }
        let running = Ending(queue.run(.alone, part.undivided.then { .done($0 + 1) }))
        let behind = work(2, .beside, Latch<Int>())
        running.run.interrupt(.cancelled)
        #expect(running.text == "error: request cancelled" && running.count == 1)
        #expect(begun.withLock { $0 } == [])
        gate.set(1)
        #expect(begun.withLock { $0 } == [1, 2])
        #expect(running.count == 1 && behind.count == 0)
        let late = StepRun()
        late.interrupt(.cancelled)
        #expect(Ending(part.undivided, late).text == "error: request cancelled")
        #expect(begun.withLock { $0 } == [1, 2], "what was interrupted before is not begun")
    }

    @Test("100,000 that wait and end at once do not deepen the stack")
    func depth() {
        let gate = Latch<Int>()
        let first = work(0, .alone, gate)
        let ended = Lock(0)
        for _ in 0..<100_000 {
            queue.run(.alone, Steps<Void>.fail(.invalid("no"))).run(StepRun()) { _ in
                ended.withLock { $0 += 1 }
            }
        }
        #expect(ended.withLock { $0 } == 0)
        gate.set(0)
        #expect(ended.withLock { $0 } == 100_000 && first.text == "0")
    }

    @Test("from four threads: alone is alone, and all of it comes to its end")
    func threads() {
        let counts = Lock((beside: 0, alone: 0, ended: 0, faults: 0))
        let queue = queue
        Parallel.run(4) { thread in
            for round in 0..<5_000 {
                let isAlone = (round + thread) % 5 == 0
                let steps = Steps<Void>.begin {
                    counts.withLock { counts in
                        if isAlone { counts.alone += 1 } else { counts.beside += 1 }
                        if counts.alone > 1 || (counts.alone == 1 && counts.beside > 0) { counts.faults += 1 }
                    }
                    return .done(())
                }.map {
                    counts.withLock { counts in
                        if isAlone { counts.alone -= 1 } else { counts.beside -= 1 }
                    }
                }
                queue.run(isAlone ? .alone : .beside, steps).run(StepRun()) { _ in
                    counts.withLock { $0.ended += 1 }
                }
            }
        }
        let all = counts.withLock { $0 }
        #expect(all.faults == 0 && all.ended == 20_000, "\(all)")
    }
}
