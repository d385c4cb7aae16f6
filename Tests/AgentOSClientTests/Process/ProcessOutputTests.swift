// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("ProcessOutput (architecture decision 15)")
struct ProcessOutputTests {
    /// What a consumer gets: bytes with their places, gaps, and the end.
    private final class Consumer: OutputConsumer {
        struct State: Sendable {
            var blocks: [ByteBlock] = []
            var events: [String] = []
            var ends: [String] = []
            var lost = 0
            var inside = 0
            var overlaps = 0
        }
        let state: Lock<State> = Lock(State())

        func consume(_ channel: OutputChannel, _ block: ByteBlock) {
            state.withLock { state in
                state.inside += 1
                if state.inside > 1 || !state.ends.isEmpty { state.overlaps += 1 }
                state.blocks.append(block)
                state.events.append("\(channel == .standardOutput ? "out" : "err") \(block.count)")
            }
            state.withLock { $0.inside -= 1 }
        }
        func lost(_ bytes: Int) {
            state.withLock { state in
                state.lost += bytes
                state.events.append("lost \(bytes)")
            }
        }
        func ended(_ end: ProcessEnd) {
            let text: String =
                switch end {
                case .exited(let code): "code \(code)"
                case .endedWithVM: "with VM"
                case .failed(let error): error.message
                }
            state.withLock { state in
                state.ends.append(text)
                state.events.append(text)
            }
        }
        var events: [String] { state.withLock { $0.events } }
    }

    private let window = ProcessOutput.window
    private let consumer = Consumer()

    private func output(_ policy: ProcessOptions.OverflowPolicy) -> ProcessOutput {
        ProcessOutput(policy: policy, consumer: consumer)
    }

    private func send(_ output: ProcessOutput, _ counts: Int..., channel: OutputChannel = .standardOutput) {
        for count in counts {
            if let block = ByteBlock.copy([UInt8](repeating: 1, count: count)) {
                output.output(channel, block)
            }
        }
    }

    @Test("output goes on as it comes, on both channels in one order, and the end behind it, once")
    func order() {
        let output = output(.keep(bytes: 100))
        send(output, 1)
        send(output, 2, channel: .standardError)
        send(output, 3)
        output.ended(.exited(code: 7))
        output.ended(.endedWithVM)
        #expect(consumer.events == ["out 1", "err 2", "out 3", "code 7"])
    }

    @Test("past the window output waits, and so does the end, until some is given back")
    func windowed() {
        let output = output(.keep(bytes: 1 << 30))
        send(output, window - 1, 10, 20)
        output.ended(.exited(code: 0))
        #expect(consumer.events == ["out \(window - 1)", "out 10"])
        output.giveBack(9)
        #expect(consumer.events.count == 2)
        output.giveBack(1)
        #expect(consumer.events.suffix(2) == ["out 20", "code 0"])
    }

    @Test("past the bound of `keep` nothing more is kept, what was kept arrives, and the end is the error")
    func keep() {
        let output = output(.keep(bytes: 100))
        send(output, window, 60, 40, 1, 5)
        output.ended(.exited(code: 0))
        #expect(consumer.events == ["out \(window)"])
        output.giveBack(window)
        #expect(
            consumer.events.dropFirst() == [
                "out 60", "out 40",
                "the output of the process was not taken in time: its last 6 bytes are missing",
            ]
        )
    }

    @Test("a ring keeps the newest bytes and tells of the dropped ones before them")
    func ring() {
        let output = output(.ring(bytes: 100))
        send(output, window, 60, 40, 30, 10)
        output.ended(.exited(code: 0))
        output.giveBack(window)
        #expect(consumer.events.dropFirst() == ["lost 40", "out 20", "out 40", "out 30", "out 10", "code 0"])
        let second = ProcessOutput(policy: .ring(bytes: 100), consumer: consumer)
        send(second, window, 500)
        second.ended(.exited(code: 1))
        second.giveBack(window)
        // Of a chunk that is too large by itself its end is kept.
        #expect(consumer.events.suffix(3) == ["lost 400", "out 100", "code 1"])
    }

    @Test("what a ring drops is released at once, however long nobody takes anything")
    func ringMemory() {
        let output = output(.ring(bytes: 100))
        send(output, window)
        let released = Lock(0)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 60, alignment: 1)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        defer { memory.deallocate() }
        for _ in 0..<1000 {
            output.output(
                .standardOutput,
                .adopting(UnsafeRawBufferPointer(memory)) { released.withLock { $0 += 1 } }
            )
        }
        // The last one, and the one before it, of which a part is kept.
        #expect(released.withLock { $0 } == 998)
    }

    @Test("who discards the output gets the end all the same")
    func discard() {
        let output = output(.keep(bytes: 100))
        send(output, window, 50)
        output.discard()
        output.ended(.exited(code: 3))
        #expect(consumer.events.last == "code 3")
        #expect(!consumer.events.contains("out 50"))
    }

    @Test(
        "at random: every byte is delivered or told as lost, in order, and the end is last",
        arguments: 0..<12 as Range<UInt64>
    )
    func random(seed: UInt64) {
        let isRing = seed % 2 == 0
        let output = output(isRing ? .ring(bytes: 300_000) : .keep(bytes: 1 << 40))
        let sent = Lock(0)
        let isOver = Lock(false)
        Parallel.run(2) { index in
            var generator = SeededGenerator(seed: seed * 2 + UInt64(index))
            if index == 0 {
                for _ in 0..<400 {
                    let count = Int.random(in: 1...40_000, using: &generator)
                    let first = sent.withLock { $0 }
                    // Each byte tells its place, so that order and gaps are seen.
                    let bytes = (first..<first + count).map { UInt8(truncatingIfNeeded: $0 % 251) }
                    sent.withLock { $0 += count }
                    if let block = ByteBlock.copy(bytes) { output.output(.standardOutput, block) }
                }
                output.ended(.exited(code: 0))
                return isOver.withLock { $0 = true }
            }
            var given = 0
            while true {
                let (taken, hasEnded) = consumer.state.withLock {
                    ($0.blocks.reduce(0) { $0 + $1.count }, !$0.ends.isEmpty)
                }
                if hasEnded { return }
                if taken == given {
                    _ = Parallel.waits(limit: .milliseconds(1)) { false }
                } else {
                    let part = Int.random(in: 1...(taken - given), using: &generator)
                    given += part
                    output.giveBack(part)
                }
            }
        }
        let state = consumer.state.withLock { $0 }
        #expect(state.ends == ["code 0"] && state.overlaps == 0)
        #expect(state.events.last == "code 0")
        let delivered = state.blocks.reduce(0) { $0 + $1.count }
        #expect(delivered + state.lost == sent.withLock { $0 })
        if !isRing { #expect(state.lost == 0) }
        var place = 0
        var blocks = state.blocks[...]
        for event in state.events {
            if event.hasPrefix("lost ") {
                place += Int(event.dropFirst(5)) ?? 0
            } else if event.hasPrefix("out "), let block = blocks.popFirst() {
                if block.bytes.first != UInt8(place % 251) { Issue.record("another byte at \(place)") }
                place += block.count
            }
        }
    }
}
