// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

/// What a run of steps ended with, and how often.
final class Ending<Output: Sendable>: Sendable {
    let results: Lock<[Result<Output, ClientError>]> = Lock([])
    let run: StepRun

    init(_ steps: Steps<Output>, _ run: StepRun = StepRun()) {
        self.run = run
        steps.run(run) { result in self.results.withLock { $0.append(result) } }
    }

    var count: Int { results.withLock { $0.count } }
    /// The value or the error's message as text, once there is one.
    var text: String {
        _ = Parallel.waits { count > 0 }
        switch results.withLock({ $0.first }) {
        case .success(let output): return "\(output)"
        case .failure(let error): return "error: \(error.message)"
        case nil: return "nothing"
        }
    }
}

@Suite("Steps")
struct StepsTests {
    private let error = ClientError(.busy, "no")

    @Test("steps follow each other, with the output of the one before")
    func then() {
        let steps = Steps<Int>.done(1).then { .done($0 + 1) }.map { $0 * 10 }.then {
            Steps<String>.done("\($0)!")
        }
        #expect(Ending(steps).text == "20!")
        // A description: it may be run again.
        #expect(Ending(steps).text == "20!")
    }

    @Test("after a refusal is undone what an answer that never came leaves as it is")
    func onRefusal() {
        let undone = Lock(0)
        func ending(_ error: ClientError) -> String {
            Ending(
                Steps<Int>.fail(error).onRefusal {
                    undone.withLock { $0 += 1 }
                    return .done(())
                }
            ).text
        }
        #expect(ending(error) == "error: no" && undone.withLock { $0 } == 1)
        #expect(ending(ClientError(.timeout, "late")) == "error: late")
        #expect(ending(.cancelled) == "error: request cancelled" && undone.withLock { $0 } == 1)
    }

    @Test("after an error nothing follows, thrown or failed, until it is recovered from")
    func failure() {
        let thrown = Steps<Int>.done(1).map { _ throws(ClientError) -> Int in throw error }
        #expect(Ending(thrown).text == "error: no")
        let skipped = Steps<Int>.fail(error).then { (_: Int) -> Steps<Int> in
            Issue.record("it follows an error")
            return .done(0)
        }
        #expect(Ending(skipped).text == "error: no")
        #expect(Ending(skipped.recover { error in .done(error.message.utf8.count) }).text == "2")
        #expect(
            Ending(skipped.recover { _ throws(ClientError) in throw .invalid("worse") }).text
                == "error: worse"
        )
        #expect(Ending(Steps<Int>.done(3).recover { _ in .done(0) }).text == "3")
        #expect(Ending(Steps<Int>.begin { () throws(ClientError) in throw error }).text == "error: no")
        let thrownInThen = Steps<Int>.done(1).then { _ throws(ClientError) -> Steps<Int> in throw error }
        #expect(Ending(thrownInThen).text == "error: no")
    }

    @Test("nothing is done before the run")
    func lazy() {
        let ran = Lock(0)
        let steps = Steps<Int>.begin {
            ran.withLock { $0 += 1 }
            return .done(1)
        }
        #expect(ran.withLock { $0 } == 0)
        #expect(Ending(steps).text == "1")
        #expect(ran.withLock { $0 } == 1)
    }

    @Test("errors are named after the operation they belong to")
    func during() {
        let ending = Ending(Steps<Int>.fail(error).during("exec", path: "/a"))
        guard case .failure(let error)? = ending.results.withLock({ $0.first }) else { return }
        #expect(error.detail.operation == "exec" && error.detail.path == "/a")
    }

    @Test(
        "an undoing happens after a failure and an interruption, in spite of the latter, and keeps the error"
    )
    func onFailure() {
        let undone = Lock(0)
        let undo: @Sendable () -> Steps<Void> = {
            .pause(1_000_000).map { undone.withLock { $0 += 1 } }
        }
        #expect(Ending(Steps<Int>.fail(error).onFailure(undo)).text == "error: no")
        #expect(undone.withLock { $0 } == 1)
        #expect(Ending(Steps<Int>.done(1).onFailure(undo)).text == "1")
        #expect(undone.withLock { $0 } == 1)
        let waiting = Ending(Steps<Void>.untilInterrupted.onFailure(undo))
        waiting.run.interrupt(.cancelled)
        #expect(waiting.text == "error: request cancelled")
        #expect(undone.withLock { $0 } == 2)
        // An undoing that fails changes nothing either.
        let failing = Steps<Int>.fail(error).onFailure { .fail(ClientError(.busy, "undo")) }
        #expect(Ending(failing).text == "error: no")
    }

    @Test("an interruption ends a wait, at once or when it begins; shielded steps do not see it")
    func interruption() {
        let latch = Latch<Int>()
        let waiting = Ending(Steps<Int>.wait(for: latch))
        #expect(waiting.count == 0)
        waiting.run.interrupt(error)
        waiting.run.interrupt(.cancelled)
        #expect(waiting.text == "error: no")
        #expect(waiting.run.interruption?.message == "no")
        #expect(Ending(Steps<Int>.wait(for: latch), waiting.run).text == "error: no")
        let shielded = Ending(Steps<Int>.wait(for: latch).shielded, waiting.run)
        #expect(shielded.count == 0)
        latch.set(5)
        #expect(shielded.text == "5")
        #expect(waiting.count == 1)
        #expect(Ending(Steps<Int>.done(1), waiting.run).text == "1", "what needs no waiting is done")
    }

    @Test("a wait ends with its time, unless the value is there before")
    func timeout() {
        let latch = Latch<Int>()
        func wait() -> Steps<Int> {
            .wait(for: latch, atMost: 5_000_000, timeout: ClientError(.timeout, "late"))
        }
        #expect(Ending(wait()).text == "error: late")
        latch.set(1)
        #expect(Ending(wait()).text == "1")
        #expect(Ending(Steps<Void>.pause(1_000_000).map { 4 }).text == "4")
    }

    @Test("of value, time and interruption the first ends a wait, exactly once")
    func race() {
        for round in 0..<400 {
            let latch = Latch<Int>()
            let run = StepRun()
            let endings = Lock<[Ending<Int>]>([])
            Parallel.run(3) { index in
                switch index {
                case 0:
                    for _ in 0..<4 {
                        let steps = Steps<Int>.wait(
                            for: latch,
                            atMost: UInt64(round * 500),
                            timeout: ClientError(.timeout, "late")
                        )
                        let ending = Ending(steps, run)
                        endings.withLock { $0.append(ending) }
                    }
                case 1: latch.set(round)
                default: run.interrupt(.cancelled)
                }
            }
            for ending in endings.withLock({ $0 }) {
                let text = ending.text
                if !["\(round)", "error: late", "error: request cancelled"].contains(text) {
                    Issue.record("\(text)")
                }
                if ending.count != 1 { Issue.record("\(ending.count) ends") }
            }
        }
    }
}
