// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("StepRun")
struct StepRunTests {
    private func parked(_ run: StepRun, _ turn: UInt64, _ seen: Lock<[String]>, _ name: String = "a") {
        run.park(turn) { error in seen.withLock { $0.append("\(name): \(error.message)") } }
    }

    @Test("what is parked is told of the first interruption, once")
    func interrupt() {
        let run = StepRun()
        let seen = Lock<[String]>([])
        parked(run, run.begin(), seen)
        run.interrupt(.invalid("x"))
        run.interrupt(.invalid("y"))
        #expect(seen.withLock { $0 } == ["a: x"])
        #expect(run.interruption?.message == "x")
    }

    @Test("what is parked after the interruption is told at once")
    func late() {
        let run = StepRun()
        let seen = Lock<[String]>([])
        let turn = run.begin()
        run.interrupt(.invalid("x"))
        parked(run, turn, seen)
        #expect(seen.withLock { $0 } == ["a: x"])
    }

    @Test("what has ended, or belongs to an earlier turn, is not told")
    func ended() {
        let run = StepRun()
        let seen = Lock<[String]>([])
        let first = run.begin()
        parked(run, first, seen, "first")
        run.end(first)
        parked(run, first, seen, "too late")
        let second = run.begin()
        run.end(first)
        parked(run, second, seen, "second")
        run.interrupt(.invalid("x"))
        #expect(seen.withLock { $0 } == ["second: x"])
    }

    @Test("a run can be interrupted after a time, unless that is taken back")
    func timer() {
        let run = StepRun()
        _ = run.interrupt(.invalid("time"), after: 1_000_000)
        #expect(Parallel.waits { run.interruption != nil })
        let other = StepRun()
        other.interrupt(.invalid("time"), after: 200_000_000).cancel()
        // Times come in their order: this one's is behind the other's.
        let fence = StepRun()
        _ = fence.interrupt(.invalid("time"), after: 210_000_000)
        #expect(Parallel.waits { fence.interruption != nil })
        #expect(other.interruption == nil)
    }
}
