// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("Steps: loops")
struct StepsLoopTests {
    private let error = ClientError(.busy, "no")

    @Test("100,000 turns that end at once do not deepen the stack")
    func deep() throws {
        // On a thread of ours, whose stack is small.
        let ending = Lock<Ending<Int>?>(nil)
        try NamedThread.start("aos-loop") {
            let steps = Steps<Int>.loop(0) { count in
                count < 100_000 ? Steps.done(.again(count + 1)) : Steps.done(.done(count))
            }
            let done = Ending(steps)
            ending.withLock { $0 = done }
        }
        #expect(Parallel.waits { ending.withLock { $0 != nil } })
        #expect(ending.withLock { $0?.text } == "100000")
    }

    @Test("turns that end later go on where they were, also mixed with those that end at once")
    func late() {
        let steps = Steps<[Int]>.loop([Int]()) { seen in
            if seen.count == 30 { return .done(.done(seen)) }
            let next = Steps<LoopTurn<[Int], [Int]>>.done(.again(seen + [seen.count]))
            return seen.count % 3 == 0 ? Steps<Void>.pause(100_000).then { next } : next
        }
        let ending = Ending(steps)
        #expect(ending.text == "\(Array(0..<30))")
        #expect(ending.count == 1)
    }

    @Test("turns that end on other threads while the loop is still starting them lose nothing")
    func race() {
        for _ in 0..<200 {
            let steps = Steps<Int>.loop(0) { count in
                if count == 20 { return .done(.done(count)) }
                let latch = Latch<Int>()
                try? NamedThread.start("aos-turn") { latch.set(count + 1) }
                return Steps<Int>.wait(for: latch).map { .again($0) }
            }
            let ending = Ending(steps)
            if ending.text != "20" || ending.count != 1 { Issue.record("\(ending.text)") }
        }
    }

    @Test("an error ends the loop, thrown by the body or failed by its steps")
    func failure() {
        let thrown = Steps<Int>.loop(0) { count throws(ClientError) in
            if count == 3 { throw error }
            return Steps.done(.again(count + 1))
        }
        #expect(Ending(thrown).text == "error: no")
        let failed = Steps<Int>.loop(0) { count in count == 3 ? .fail(error) : .done(.again(count + 1)) }
        #expect(Ending(failed).text == "error: no")
    }

    @Test("each element has its turn, in order, up to the first error")
    func forEach() {
        let seen = Lock<[Int]>([])
        func steps(_ count: Int, failingAt bad: Int) -> Steps<Void> {
            .forEach(Array(0..<count)) { element throws(ClientError) in
                if element == bad { throw error }
                return Steps<Void>.done(()).map { seen.withLock { $0.append(element) } }
            }
        }
        #expect(Ending(steps(5, failingAt: -1)).text == "()")
        #expect(Ending(steps(0, failingAt: -1)).text == "()")
        #expect(Ending(steps(5, failingAt: 2)).text == "error: no")
        #expect(seen.withLock { $0 } == [0, 1, 2, 3, 4, 0, 1])
    }
}
