// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Further consumers of a program's output (process.md 7.1)", .timeLimit(.minutes(10)))
struct OutputSubscriptionTests {
    private typealias S = ProcessScript

    private static let chunk = 65_536

    /// Three chunks at the start, and two and the end when its input is closed.
    private static func peer() -> ScriptedPeer {
        S.peer(
            S.on("execute", S.answer, S.output("a"), S.output("b", "stderr"), S.output("c")),
            S.on("close_stdin", S.answer, S.output("d"), S.output("e", "stderr"), S.exit(3))
        )
    }

    /// Waits until three chunks have come to the first consumer.
    private static func waitForThree(_ process: HostProcess) throws {
        for _ in 0..<3 {
            guard try process.sidecar.take(process.op, limit: 10 * second) != nil else {
                throw HostError(aos_status(AOS_E_TIMEOUT), nil)
            }
        }
    }

    private static func options(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .members(members)
    }

    @Test("case 23: who comes after three chunks gets those and then the live ones, as does another")
    func replay() throws {
        let vm = try Self.peer().sidecar().createVM()
        let process = try vm.spawn(["x"])
        try Self.waitForThree(process)
        let subscriptions = [try process.subscribe(), try process.subscribe()]
        try process.closeInput()
        for subscription in subscriptions {
            let events = try vm.sidecar.events(of: subscription.op)
            #expect(events.map(\.text) == ["a", "b", "c", "d", "e", ""])
            #expect(
                events.map(\.kind) == [
                    AOS_EV_STDOUT, AOS_EV_STDERR, AOS_EV_STDOUT, AOS_EV_STDOUT, AOS_EV_STDERR,
                    AOS_EV_COMPLETE,
                ]
            )
            #expect(events.map(\.sequence) == [1, 2, 3, 4, 5, 6])
            #expect(events.allSatisfy { $0.object == process.id && $0.op == subscription.op })
            #expect(events.last?.status == AOS_OK && events.last?.value == 3)
        }
        #expect(try vm.sidecar.events(of: process.op).map(\.text) == ["d", "e", ""])
    }

    @Test("case 24: who comes after the end gets all bytes and then one end, and so does the next")
    func afterEnd() throws {
        let vm = try Self.peer().sidecar().createVM()
        let process = try vm.spawn(["x"])
        try process.closeInput()
        _ = try process.wait()
        for _ in 0..<2 {
            let late = try process.subscribe()
            let (output, error, last) = try late.finish()
            #expect(output == Array("acd".utf8) && error == Array("be".utf8))
            #expect(last.status == AOS_OK && last.value == 3)
            #expect(late.isStale)
        }
        // The first consumer has lost nothing by that.
        #expect(try process.finish().output == Array("acd".utf8))
    }

    @Test("case 25: one that falls behind is told how much it lost, and gets the rest in order")
    func gap() throws {
        let total = 40 * Self.chunk
        let peer = S.peer(
            S.on("execute", S.answer),
            S.on(
                "close_stdin",
                S.answer,
                S.times(40, S.output(bytes: Self.chunk, fill: "0123456789abcdef")),
                S.output("last"),
                S.exit(0)
            )
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let slow = try process.subscribe(
            Self.options(["overflow": .string("ring"), "overflowBytes": .integer(4096)])
        )
        let quick = try process.subscribe()
        try process.closeInput()
        let (output, _, _) = try quick.finish()
        #expect(output.count == total + 4 && output.suffix(4) == Array("last".utf8)[...])
        #expect(try process.wait() == 0)
        var held = HeldEvents(slow)
        held.take(silence: 500 * millisecond)
        // What is outstanding is what it has room for: 1 MiB, and the ring behind it.
        let first = held.output.count
        #expect(first >= 1 << 20 && first <= (1 << 20) + Self.chunk && !held.hasEnded, "\(first)")
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * second) else { break }
        }
        held.releaseAll()
        #expect(held.isInSequence && held.lastStatus == AOS_OK)
        #expect(held.lostBytes > 0 && held.output.count + Int(held.lostBytes) == total + 4)
        #expect(held.bytesBeforeLoss == first, "the gap is told where it is")
        #expect(held.output.prefix(first) == output.prefix(first))
        #expect(
            held.output.dropFirst(first) == output.suffix(4096),
            "as much as the ring holds, and not less"
        )
        #expect(try process.finish().output.count == total + 4)
    }

    @Test("case 26: a subscription that is cancelled in a flood gets its end, and nothing after it")
    func cancelled() throws {
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.times(400, S.output(bytes: 4096, fill: "flood"), S.delay(1)),
                S.exit(2)
            )
        )
        let vm = try peer.sidecar().createVM()
        let collector = Collector()
        let process = try vm.spawn(["x"])
        let subscription = try process.subscribe(completion: collector.completion(AOS_DELIVER_THREAD))
        #expect(eventually { !collector.result.text.isEmpty })
        #expect(subscription.cancel() == AOS_OK)
        #expect(eventually { collector.isDropped })
        let result = collector.result
        #expect(result.status == AOS_E_CANCELED && result.ends == 1 && result.drops == 1)
        #expect(try process.describe()["running"] == .bool(true), "the program goes on")
        #expect(peer.signals == [])
        let (output, _, last) = try process.finish()
        #expect(output.count == 400 * 4096 && last.value == 2)
        let after = collector.result
        #expect(after.text.count == result.text.count && after.ends == 1 && after.overlaps == 0)
        #expect(after.text.count < output.count && after.isInSequence)
    }

    /// As many as fit into three seconds, or as many as `AGENTOS_CANCEL_ROUNDS` says.
    @Test("vm.md 40: no call after a cancel in a flood, round after round")
    func manyCancels() throws {
        let wanted = getenv("AGENTOS_CANCEL_ROUNDS").flatMap { Int(String(cString: $0)) }
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.times(10_000_000, S.times(20, S.output(bytes: 64, fill: "flood")), S.delay(1))
            )
        )
        let vm = try peer.sidecar().createVM()
        // Nobody takes what it prints.
        let ring: JSONValue = .members(["overflow": .string("ring"), "overflowBytes": .integer(4096)])
        let process = try vm.spawn(["x"], ring)
        let options = Self.options(["replay": .bool(false)])
        let end = ContinuousClock.now + .seconds(3)
        var ended: [(collector: Collector, bytes: Int)] = []
        while wanted.map({ ended.count < $0 }) ?? (ContinuousClock.now < end) {
            let collector = Collector()
            let completion = collector.completion(AOS_DELIVER_THREAD)
            let subscription = try process.subscribe(options, completion: completion)
            #expect(eventually { !collector.result.text.isEmpty })
            #expect(subscription.cancel() == AOS_OK)
            #expect(eventually { collector.isDropped })
            let result = collector.result
            #expect(result.status == AOS_E_CANCELED && result.ends == 1 && result.isInSequence)
            ended.append((collector, result.text.count))
        }
        #expect(ended.count >= wanted ?? 50, "\(ended.count)")
        #expect(try process.describe()["running"] == .bool(true))
        try process.kill(nil)
        _ = try process.wait()
        for (collector, bytes) in ended {
            let result = collector.result
            #expect(result.text.count == bytes && result.overlaps == 0 && result.drops == 1)
        }
    }

    @Test("one channel alone, and only what comes from now on")
    func choices() throws {
        let vm = try Self.peer().sidecar().createVM()
        let process = try vm.spawn(["x"])
        try Self.waitForThree(process)
        let errors = try process.subscribe(Self.options(["stdout": .bool(false)]))
        let output = try process.subscribe(Self.options(["stderr": .bool(false)]))
        let live = try process.subscribe(Self.options(["replay": .bool(false)]))
        let end = try process.subscribe(Self.options(["stdout": .bool(false), "stderr": .bool(false)]))
        try process.closeInput()
        #expect(try vm.sidecar.events(of: errors.op).map(\.text) == ["b", "e", ""])
        #expect(try vm.sidecar.events(of: output.op).map(\.text) == ["a", "c", "d", ""])
        #expect(try vm.sidecar.events(of: live.op).map(\.text) == ["d", "e", ""])
        #expect(try vm.sidecar.events(of: end.op).map(\.value) == [3])
        let late = try process.subscribe(Self.options(["replay": .bool(false)]))
        #expect(try vm.sidecar.events(of: late.op).map(\.value) == [3])
    }

    @Test("of a long output the newest MiB of each channel is kept, behind the count of what is not")
    func replayBound() throws {
        let total = 40 * Self.chunk
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.output("e", "stderr"),
                S.times(40, S.output(bytes: Self.chunk, fill: "0123456789")),
                S.exit(0)
            )
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let (all, _, _) = try process.finish()
        let events = try vm.sidecar.events(of: try process.subscribe().op)
        let lost = events.filter { $0.kind == AOS_EV_LOST }
        let output = events.filter { $0.kind == AOS_EV_STDOUT }.flatMap(\.data)
        #expect(events.first?.kind == AOS_EV_LOST && lost.count == 1)
        #expect(Int(lost.first?.value ?? 0) + output.count == total && output.count == 1 << 20)
        #expect(output == Array(all.suffix(output.count)))
        // A flood on one channel does not push the other one out.
        #expect(events.filter { $0.kind == AOS_EV_STDERR }.map(\.text) == ["e"])
        #expect(events.last?.kind == AOS_EV_COMPLETE && events.last?.value == 0)
    }

    @Test("spawn says how much is kept for later ones")
    func replayBytes() throws {
        let peer = S.peer(S.on("execute", S.answer, S.times(10, S.output("$i;")), S.exit(0)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"], Self.options(["replayBytes": .integer(5)]))
        _ = try process.wait()
        let events = try vm.sidecar.events(of: try process.subscribe().op)
        #expect(events.map(\.kind) == [AOS_EV_LOST, AOS_EV_STDOUT, AOS_EV_STDOUT, AOS_EV_COMPLETE])
        // `9;` and `10;`
        #expect(events.dropFirst().map(\.text) == ["9;", "10;", ""] && events.first?.value == 16)
        #expect(try process.finish().output.count == 21, "the first consumer gets all")
    }

    @Test("options that are none are refused")
    func badOptions() throws {
        let vm = try Self.peer().sidecar().createVM()
        let process = try vm.spawn(["x"])
        for text in [
            #"{"stdin":true}"#, #"{"stdout":1}"#, #"{"replay":"yes"}"#, #"{"overflow":"drop"}"#,
            #"{"overflowBytes":-1}"#, #"{"replayBytes":5}"#, "[]",
        ] {
            let options = try JSONReader.parse(text)
            #expect(failure { _ = try process.subscribe(options) }?.status == AOS_E_INVALID, "\(text)")
        }
        try process.closeInput()
        _ = try process.finish()
    }

    @Test("a shell's output goes to further consumers the same way")
    func shell() throws {
        let vm = try Self.peer().sidecar().createVM()
        let shell = try vm.openShell()
        let early = try shell.subscribe(Self.options(["stderr": .bool(false)]))
        try shell.closeInput()
        #expect(try shell.wait() == 3)
        #expect(try vm.sidecar.events(of: early).map(\.text) == ["a", "c", "d", ""])
        let late = try vm.sidecar.events(of: try shell.subscribe())
        #expect(late.map(\.text) == ["a", "b", "c", "d", "e", ""])
        #expect(late.allSatisfy { $0.object == shell.id } && late.last?.value == 3)
    }
}
