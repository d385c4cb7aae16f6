// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Output that is not taken (architecture decision 15)", .timeLimit(.minutes(10)))
struct FlowControlTests {
    private typealias S = ProcessScript
    private static let window = 1 << 20
    private static let chunk = 64 << 10

    /// A program that prints so many chunks of 64 KiB, each with a number at its head.
    private static func flood(_ chunks: Int, _ code: Int = 0) -> String {
        let filling = String(repeating: "x", count: chunk - 8)
        return S.on(
            "execute",
            command: "flood",
            S.answer,
            S.times(chunks, S.output("$i:\(filling)\n")),
            S.exit(code)
        )
    }

    private static func expected(_ chunks: Int) -> [UInt8] {
        let filling = String(repeating: "x", count: chunk - 8)
        return (1...chunks).flatMap { Array("\($0):\(filling)\n".utf8) }
    }

    private static let quick = S.on("execute", command: "quick", S.answer, S.output("q"), S.exit(0))

    @Test("1 MiB may be outstanding; each release lets as much follow, and nothing is lost")
    func window() throws {
        let peer = S.peer(Self.flood(64, 7))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["flood"])
        var held = HeldEvents(process)
        held.take(silence: 500 * millisecond)
        #expect(!held.hasEnded)
        #expect((Self.window..<Self.window + Self.chunk).contains(held.output.count), "\(held.output.count)")
        let before = held.output.count
        held.releaseOne()
        held.take()
        #expect(held.output.count > before && held.output.count <= before + 2 * Self.chunk)
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * second) else { break }
        }
        held.releaseAll()
        #expect(held.output == Self.expected(64))
        #expect(held.isInSequence && held.lastStatus == AOS_OK && held.lastValue == 7 && held.lostBytes == 0)
    }

    @Test("released twice, an event gives its credit once")
    func releasedTwice() throws {
        let peer = S.peer(Self.flood(64))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["flood"])
        var first = aos_event()
        first.struct_size = UInt32(MemoryLayout<aos_event>.size)
        #expect(aos_op_take(vm.sidecar.handle, process.op, 5 * second, &first) == AOS_OK)
        var copy = first
        for _ in 0..<20 {
            aos_event_release(&first, 1, 0)
            var again = copy
            aos_event_release(&again, 1, 0)
        }
        copy.bytes = nil
        var held = HeldEvents(process)
        held.take(silence: 500 * millisecond)
        #expect(held.output.count < Self.window + 2 * Self.chunk, "\(held.output.count)")
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * second) else { break }
        }
        held.releaseAll()
        #expect(held.hasEnded)
    }

    @Test("a consumer that takes nothing until the end gets all from the first byte")
    func nothingUntilTheEnd() throws {
        let peer = S.peer(Self.flood(320))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["flood"])
        #expect(eventually { failure { try process.write([1]) }?.status == AOS_E_NOT_FOUND })
        let (output, _, last) = try process.finish()
        #expect(output == Self.expected(320))
        #expect(last.status == AOS_OK && last.value == 0)
    }

    @Test(
        "past the cap of `keep` the stream fails with the count of what is missing, and the program goes on"
    )
    func keepOverflow() throws {
        let peer = S.peer(
            S.on(
                "execute",
                command: "flood",
                S.answer,
                S.times(64, S.output(bytes: Self.chunk, fill: "0123456789")),
                S.output("end")
            ),
            S.on("close_stdin", S.answer, S.exit(3))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["flood"], .members(["overflowBytes": .integer(Int64(1 << 20))]))
        var held = HeldEvents(process)
        held.take(silence: 500 * millisecond)
        // It still runs: its stdin can be closed, and that is what ends it.
        try process.closeInput()
        #expect(peer.wait { $0.requestTypes.last == "close_stdin" })
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * second) else { break }
        }
        held.releaseAll()
        let total = 64 * Self.chunk + 3
        #expect(held.lastStatus == AOS_E_TOO_LARGE && held.failure?.kind == "too_large")
        let missing = Int(held.failure?.detail["size"]?.integerValue ?? 0)
        #expect(missing > 0 && held.output.count + missing == total, "\(held.output.count) + \(missing)")
        #expect(held.failure?.message.contains("\(missing)") == true)
        #expect((2 << 20) - Self.chunk <= held.output.count && held.output.count <= (2 << 20) + Self.chunk)
        // What is there is the beginning, without holes.
        let pattern = [UInt8]("0123456789".utf8)
        #expect(held.output.indices.allSatisfy { held.output[$0] == pattern[($0 % Self.chunk) % 10] })
        #expect(vm.isAlive && peer.signals.isEmpty)
    }

    @Test("`ring` keeps the newest, and says in its place how much was dropped (case 25)")
    func ring() throws {
        let peer = S.peer(Self.flood(64, 2))
        let vm = try peer.sidecar().createVM()
        let size = 256 << 10
        let process = try vm.spawn(
            ["flood"],
            .members(["overflow": .string("ring"), "overflowBytes": .integer(Int64(size))])
        )
        #expect(eventually { failure { try process.write([1]) }?.status == AOS_E_NOT_FOUND })
        var held = HeldEvents(process)
        held.take()
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * second) else { break }
        }
        held.releaseAll()
        let all = Self.expected(64)
        let before = try #require(held.bytesBeforeLoss)
        let after = held.output.count - before
        #expect(held.lastStatus == AOS_OK && held.lastValue == 2 && held.isInSequence)
        #expect(held.output.count + Int(held.lostBytes) == all.count)
        #expect((Self.window..<Self.window + Self.chunk).contains(before), "\(before)")
        #expect((size - Self.chunk...size).contains(after), "\(after)")
        #expect(held.output[..<before].elementsEqual(all[..<before]))
        #expect(held.output[before...].elementsEqual(all[(all.count - after)...]))
    }

    @Test("who sleeps on one stream holds up no other process and no call, of the same VM or of another")
    func others() throws {
        let peer = S.peer(Self.flood(256), Self.quick)
        let sidecar = try peer.sidecar()
        let (first, second) = (try sidecar.createVM(), try sidecar.createVM())
        let process = try first.spawn(["flood"])
        var held = HeldEvents(process)
        held.take(silence: 100 * millisecond)
        for vm in [first, second] {
            for _ in 0..<50 {
                #expect(try vm.run("quick", limit: 5 * AgentOSHostTesting.second).outputText == "q")
                _ = try vm.read("/x", limit: 5 * AgentOSHostTesting.second)
            }
        }
        #expect(!held.hasEnded)
        while !held.hasEnded {
            held.releaseAll()
            guard held.takeOne(limit: 5 * AgentOSHostTesting.second) else { break }
        }
        held.releaseAll()
        #expect(held.output == Self.expected(256))
    }

    @Test(
        "a function that sleeps 1 ms with each of 10,000 chunks loses none, in both ways of calling it (case 12)",
        arguments: [AOS_DELIVER_THREAD, AOS_DELIVER_CALL]
    )
    func slowFunction(deliver: UInt32) throws {
        let filling = String(repeating: "x", count: 1000)
        let peer = S.peer(
            S.on("execute", S.answer, S.times(10_000, S.output("$i:\(filling)\n")), S.exit(11))
        )
        let vm = try peer.sidecar().createVM()
        let collector = Collector(pause: 1000)
        var queue: OpaquePointer?
        if deliver == AOS_DELIVER_CALL { try check { aos_queue_create(0, &queue, $0) } }
        defer { aos_queue_release(queue) }
        _ = try vm.spawn(["x"], completion: collector.completion(deliver, queue))
        let isOver: Bool = eventually(limit: .seconds(180)) {
            if let queue { _ = aos_queue_dispatch(queue, 0, 100 * millisecond) }
            return collector.isDropped
        }
        #expect(isOver)
        let result = collector.result
        #expect(result.text.elementsEqual((1...10_000).map { "\($0):\(filling)\n" }.joined().utf8))
        #expect(result.value == 11 && result.status == AOS_OK && result.ends == 1 && result.drops == 1)
        #expect(result.overlaps == 0 && result.isInSequence)
    }

    @Test("events of a queue hold credit until they are released")
    func queue() throws {
        let peer = S.peer(Self.flood(64))
        let vm = try peer.sidecar().createVM()
        var queue: OpaquePointer?
        try check { aos_queue_create(0, &queue, $0) }
        defer { aos_queue_release(queue) }
        var completion = waiting()
        (completion.deliver, completion.queue, completion.tag) = (AOS_DELIVER_QUEUE, queue, 77)
        _ = try vm.spawn(["flood"], completion: completion)
        var output: [UInt8] = []
        var unreleased: [aos_event] = []
        var events = [aos_event](repeating: aos_event(), count: 16)
        func drain(_ limit: UInt64) -> Int {
            let count = Int(max(aos_queue_drain(queue, &events, 16, 0, limit), 0))
            for event in events[..<count] {
                #expect(event.tag == 77)
                if event.kind == AOS_EV_STDOUT {
                    output += UnsafeRawBufferPointer(start: event.data, count: Int(event.data_len))
                }
                unreleased.append(event)
            }
            return count
        }
        while drain(500 * millisecond) > 0 {}
        #expect((Self.window..<Self.window + Self.chunk).contains(output.count), "\(output.count)")
        while unreleased.last?.kind != AOS_EV_COMPLETE {
            for index in unreleased.indices { aos_event_release(&unreleased[index], 1, 0) }
            unreleased = []
            guard drain(5 * second) > 0 else { break }
        }
        #expect(unreleased.last?.kind == AOS_EV_COMPLETE && unreleased.last?.status == AOS_OK)
        for index in unreleased.indices { aos_event_release(&unreleased[index], 1, 0) }
        #expect(output == Self.expected(64))
    }

    @Test("a program whose output nobody wants runs to its end")
    func unwanted() throws {
        let peer = S.peer(Self.flood(64), Self.quick)
        let vm = try peer.sidecar().createVM()
        var completion = waiting()
        completion.deliver = AOS_DELIVER_NONE
        let process = try vm.spawn(["flood"], completion: completion)
        #expect(eventually { failure { try process.write([1]) }?.status == AOS_E_NOT_FOUND })
        #expect(try vm.run("quick").outputText == "q")
    }
}
