// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("FrameChannel")
struct FrameChannelTests {
    /// Reads requests and answers each with its own number, until end of file.
    private static func echo(_ input: Int32, _ output: Int32) {
        var buffer: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(input, &room, room.count)
            if count <= 0 { return }
            buffer += room[..<count]
            var answers: [UInt8] = []
            while buffer.count >= 4 {
                let size = buffer[..<4].reduce(0) { $0 << 8 | Int($1) }
                guard buffer.count >= 4 + size else { break }
                let offset = FrameCodec.requestIDOffset
                let id = buffer[offset..<offset + 8].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
                answers += (try? Frames.response(id, "answer \(id)")) ?? []
                buffer.removeFirst(4 + size)
            }
            var sent = 0
            while sent < answers.count {
                let count = answers.withUnsafeBytes {
                    Glibc.write(output, $0.baseAddress?.advanced(by: sent), $0.count - sent)
                }
                if count <= 0 { return }
                sent += count
            }
        }
    }

    @Test("eight threads wait for 20,000 answers of one peer, and none hangs")
    func stress() throws {
        let pipe = try ChannelPipe()
        let (channel, receiver) = (pipe.channel, pipe.receiver)
        let request = try Frames.request()
        let wrong = Lock<[String]>([])
        let (input, output) = (pipe.input.number, pipe.output.number)
        let left = Lock(8)
        Parallel.run(9) { index in
            if index == 8 { return Self.echo(input, output) }
            for round in 0..<2500 {
                let word = WakeWord()
                let outcome = channel.send(request) { id in
                    receiver.state.withLock { $0.waiting[id] = word }
                    return true
                }
                guard case .sent(let id) = outcome else { return wrong.withLock { $0.append("closed") } }
                let isDone = channel.wait(word, until: .now.adding(30_000_000_000))
                let answer = receiver.state.withLock { $0.answers.removeValue(forKey: id) }
                if !isDone || answer != "answer \(id)" {
                    return wrong.withLock {
                        $0.append("thread \(index), round \(round): \(answer ?? "none")")
                    }
                }
            }
            if left.withLock({
                $0 -= 1
                return $0
            }) == 0 {
                channel.endWriting()
            }
        }
        #expect(wrong.withLock { $0 } == [])
        #expect(receiver.state.withLock { $0.overlaps } == 0)
        #expect(receiver.state.withLock { $0.waiting.isEmpty })
        channel.stop()
    }

    @Test("answers that nobody waits for are read by the I/O thread")
    func nobodyWaits() throws {
        let pipe = try ChannelPipe()
        for id in 1...3 as ClosedRange<Int64> {
            let bytes = try Frames.response(id)
            write(pipe.output.number, bytes, bytes.count)
            #expect(Parallel.waits { pipe.receiver.state.withLock { $0.answers[id] != nil } })
            // After a waiter has read, the I/O thread comes back by itself.
            #expect(!pipe.channel.wait(WakeWord(), until: .now.adding(1_000_000)))
        }
        pipe.channel.stop()
    }

    @Test("a wait ends with its time, and when its word is finished from another thread")
    func waitEnds() throws {
        let pipe = try ChannelPipe()
        let channel = pipe.channel
        let before = MonotonicTime.now
        #expect(!channel.wait(WakeWord(), until: before.adding(20_000_000)))
        #expect(MonotonicTime.now.since(before) >= 20_000_000)
        let words = Lock<[WakeWord]>([])
        let threads = Lock<[ObservedThread]>([])
        let woken = Lock(0)
        Parallel.run(5) { index in
            if index == 4 {
                // One of them reads, the others sleep on their words.
                let isAtRest = Parallel.waits {
                    let all = threads.withLock { $0 }
                    return all.count { $0.sleeps(.onDescriptors) } == 1
                        && all.count { $0.sleeps(.onWord) } == 3
                }
                #expect(isAtRest)
                for word in words.withLock({ $0 }) { channel.finish(word) }
                return
            }
            let word = WakeWord()
            words.withLock { $0.append(word) }
            if let thread = ObservedThread.current { threads.withLock { $0.append(thread) } }
            if channel.wait(word, until: .now.adding(30_000_000_000)) { woken.withLock { $0 += 1 } }
        }
        #expect(woken.withLock { $0 } == 4)
        channel.stop()
    }

    @Test("end of file and garbage end the channel once; who waits on goes on waiting for its word alone")
    func ends() throws {
        for (bytes, expected) in [([], "end"), ([0, 0], "torn 2 of 4"), ([0, 0, 0, 1, 0xEE], "bad")]
            as [([UInt8], String)]
        {
            let pipe = try ChannelPipe()
            write(pipe.output.number, bytes, bytes.count)
            SystemCall.endWriting(pipe.output.number)
            #expect(!pipe.channel.wait(WakeWord(), until: .now.adding(50_000_000)))
            #expect(Parallel.waits { pipe.receiver.state.withLock { !$0.ends.isEmpty } })
            let ends = pipe.receiver.state.withLock { $0.ends }.map { end in
                switch end {
                case .endOfFile(nil): "end"
                case .endOfFile(.some(let torn)): "torn \(torn.got) of \(torn.wanted)"
                case .badFrame: "bad"
                case .readFailed(let error): error.text
                }
            }
            #expect(ends == [expected])
            pipe.channel.stop()
        }
    }

    @Test("what a full socket does not take goes out when it takes again, whole and in order")
    func backpressure() throws {
        let pipe = try ChannelPipe()
        let channel = pipe.channel
        let large = try Frames.request(padding: 500_000)
        var ids: [Int64] = []
        for _ in 0..<20 {
            if case .sent(let id) = channel.send(large, register: { _ in true }) { ids.append(id) }
        }
        #expect(ids == Array(1...20))
        #expect(channel.queuedBytes > 0)
        #expect(channel.withdraw(20))
        #expect(!channel.withdraw(1))
        channel.sendUrgently([0, 0, 0, 1, 0x7B], expires: nil)
        channel.sendUrgently([0, 0, 0, 1, 0x7D], expires: MonotonicTime(nanoseconds: 1))
        var received: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 20)
        var found: [Int64] = []
        var urgent: [UInt8] = []
        while found.count < 19 || urgent.isEmpty {
            let count = read(pipe.input.number, &room, room.count)
            if count <= 0 { break }
            received += room[..<count]
            while received.count >= 4 {
                let size = received[..<4].reduce(0) { $0 << 8 | Int($1) }
                guard received.count >= 4 + size else { break }
                if size == 1 {
                    urgent.append(received[4])
                } else {
                    found.append(Int64(received[FrameCodec.requestIDOffset]))
                }
                received.removeFirst(4 + size)
            }
        }
        #expect(found == Array(1...19))
        #expect(urgent == [0x7B])
        #expect(channel.expiredFrames == 1)
        #expect(Parallel.waits { channel.queuedBytes == 0 })
        channel.endWriting()
        #expect(read(pipe.input.number, &room, 1) == 0)
        channel.stop()
    }

    @Test(
        "a close while a frame is half written: that frame is finished, the rest is dropped, then the end (case 39)",
        arguments: [70_000, 300_000, 500_000, 900_000]
    )
    func halfWritten(padding: Int) throws {
        let pipe = try ChannelPipe()
        let channel = pipe.channel
        let frame = try Frames.request(padding: padding)
        // 8 MiB and more: nothing reads, so the socket is full, and stays as it is.
        let count = (8 << 20) / frame.count + 2
        for _ in 0..<count { _ = channel.send(frame) { _ in true } }
        let left = frame.count * count - channel.queuedBytes
        #expect(left > 0 && left < frame.count * (count - 1))
        #expect(left % frame.count != 0, "by chance the socket holds whole frames: another size, please")
        channel.endWriting()
        #expect(channel.queuedBytes < frame.count)
        if case .sent = channel.send(frame, register: { _ in true }) { Issue.record("sent after the end") }
        var received: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 20)
        var got = 1
        while got > 0 {
            var entry = pollfd(fd: pipe.input.number, events: Int16(POLLIN), revents: 0)
            try #require(poll(&entry, 1, 20_000) == 1, "no end of file")
            got = read(pipe.input.number, &room, room.count)
            received += room[..<max(got, 0)]
        }
        #expect(got == 0)
        let begun = (left + frame.count - 1) / frame.count
        #expect(received.count == begun * frame.count)
        let ids = (0..<received.count / frame.count).map { index in
            received[index * frame.count + FrameCodec.requestIDOffset]
        }
        #expect(ids == (1...begun).map { UInt8($0) })
        channel.stop()
    }

    @Test("a request that is refused has no number; after the end nothing is sent")
    func closed() throws {
        let pipe = try ChannelPipe()
        let request = try Frames.request()
        func sent(_ accept: Bool) -> Int64? {
            if case .sent(let id) = pipe.channel.send(request, register: { _ in accept }) { return id }
            return nil
        }
        #expect(sent(false) == nil)
        #expect(sent(true) == 1)
        pipe.channel.endWriting()
        #expect(sent(true) == nil)
        pipe.channel.stop()
    }

    @Test("a peer that does not read any more is an error, told once")
    func writingFails() throws {
        let pipe = try ChannelPipe()
        let request = try Frames.request()
        SystemCall.endWriting(pipe.output.number)
        shutdown(pipe.input.number, Int32(SHUT_RD))
        #expect(
            Parallel.waits {
                _ = pipe.channel.send(request) { _ in true }
                return pipe.receiver.state.withLock { !$0.writeErrors.isEmpty }
            }
        )
        _ = pipe.channel.send(request) { _ in true }
        #expect(pipe.receiver.state.withLock { $0.writeErrors } == [SystemError(EPIPE)])
        pipe.channel.stop()
    }
}
