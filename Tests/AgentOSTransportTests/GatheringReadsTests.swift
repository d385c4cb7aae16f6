// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSTransport

/// Answers that come one after the other, as from the sidecar, while many are on their way.
@Suite("FrameChannel: answers are read several at a time", .timeLimit(.minutes(10)))
struct GatheringReadsTests {
    private static let answers: Int64 = 300
    private static let interval: UInt32 = 500

    /// How many batches the answers came in, read by a thread that waits for the last of them, or by the I/O thread, and
    /// how many microseconds lay between two answers.
    private func batches(byWaiter: Bool) throws -> (count: Int, interval: UInt64) {
        let pipe = try ChannelPipe()
        let (channel, receiver) = (pipe.channel, pipe.receiver)
        defer { withExtendedLifetime(pipe) { channel.stop() } }
        let word = WakeWord()
        receiver.state.withLock { state in
            state.unanswered = 32
            state.waiting[Self.answers] = word
        }
        let output = pipe.output.number
        let frames = try (1...Self.answers).map { try Frames.response($0) }
        let limit = MonotonicTime.now.adding(60_000_000_000)
        let isDone = Lock(false)
        let duration = Lock<UInt64>(0)
        Parallel.run(2) { index in
            if index == 0 {
                let begin = MonotonicTime.now
                for frame in frames {
                    _ = frame.withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
                    usleep(Self.interval)
                }
                let end = MonotonicTime.now
                duration.withLock { $0 = end.since(begin) }
            } else if byWaiter {
                let isOver = channel.wait(word, until: limit)
                isDone.withLock { $0 = isOver }
            } else {
                let isOver = word.sleep(until: limit) == .done
                isDone.withLock { $0 = isOver }
            }
        }
        #expect(isDone.withLock { $0 })
        let state = receiver.state.withLock { $0 }
        #expect(state.answers.count == Int(Self.answers), "none is lost")
        #expect(state.overlaps == 0)
        return (state.batches, duration.withLock { $0 } / UInt64(Self.answers) / 1000)
    }

    /// On a busy machine the peer itself may be too slow for anything to gather: then it is tried again.
    @Test("by a thread that waits, and by the I/O thread", arguments: [true, false])
    func gathered(byWaiter: Bool) throws {
        for _ in 0..<20 {
            let batches = try batches(byWaiter: byWaiter)
            if batches.count <= Int(Self.answers) / 2 { return }
            #expect(batches.interval > 2000, "\(batches.count) batches")
        }
    }

    @Test("a wait that ends otherwise ends also while answers gather")
    func interrupted() throws {
        let pipe = try ChannelPipe()
        let (channel, receiver) = (pipe.channel, pipe.receiver)
        defer { withExtendedLifetime(pipe) { channel.stop() } }
        receiver.state.withLock { $0.unanswered = 32 }
        let frame = try Frames.response(1)
        let output = pipe.output.number
        let isOver = Lock(false)
        // Always inside a pause, or a moment beside one.
        Parallel.run(2) { index in
            if index == 0 {
                while !isOver.withLock({ $0 }) {
                    _ = frame.withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
                    usleep(Self.interval)
                }
            } else {
                for _ in 0..<100 {
                    let word = WakeWord()
                    let sleeper = Lock(false)
                    Parallel.run(2) { which in
                        if which == 0 {
                            let isDone = channel.wait(word, until: .now.adding(60_000_000_000))
                            sleeper.withLock { $0 = isDone }
                        } else {
                            usleep(3000)
                            channel.finish(word)
                        }
                    }
                    #expect(sleeper.withLock { $0 })
                }
                isOver.withLock { $0 = true }
            }
        }
    }
}
