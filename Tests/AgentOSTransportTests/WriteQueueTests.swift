// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSTransport

@Suite("WriteQueue")
struct WriteQueueTests {
    /// The value behind a reference: the test macros take no call that changes a value.
    @dynamicMemberLookup
    private final class Queue {
        var value = WriteQueue()
        subscript<Member>(dynamicMember path: KeyPath<WriteQueue, Member>) -> Member { value[keyPath: path] }
        func append(_ frame: OutgoingFrame) { value.append(frame) }
        func take(_ now: MonotonicTime) -> WriteQueue.Batch? { value.take(now) }
        func finish(_ batch: WriteQueue.Batch, sent: Int, isFull: Bool) -> Bool {
            value.finish(batch, sent: sent, isFull: isFull)
        }
        func unblock() { value.unblock() }
        func withdraw(_ id: Int64) -> Bool { value.withdraw(id) }
        func close() { value.close() }
    }

    private let now = MonotonicTime(nanoseconds: 1000)

    private func frame(
        _ id: Int64,
        _ size: Int = 10,
        urgent: Bool = false,
        expires: UInt64? = nil
    ) -> OutgoingFrame {
        var frame = OutgoingFrame(
            id: id,
            parts: [[UInt8](repeating: UInt8(truncatingIfNeeded: id), count: size)]
        )
        frame.isUrgent = urgent
        frame.expires = expires.map { MonotonicTime(nanoseconds: $0) }
        return frame
    }

    /// A queue whose socket has taken `sent` bytes of the frames and then no more.
    private func blocked(_ frames: [OutgoingFrame], sent: Int) -> Queue {
        let queue = Queue()
        for frame in frames { queue.append(frame) }
        if let batch = queue.take(now) { _ = queue.finish(batch, sent: sent, isFull: true) }
        return queue
    }

    /// The ids of what comes out once the socket takes everything.
    private func rest(_ queue: Queue, at time: UInt64 = 1000) -> [Int64] {
        queue.unblock()
        var ids: [Int64] = []
        while let batch = queue.take(MonotonicTime(nanoseconds: time)) {
            ids += batch.frames.map(\.id)
            let count = batch.chunks.reduce(0) { $0 + $1.count }
            #expect(count == batch.frames.reduce(0) { $0 + $1.size })
            _ = queue.finish(batch, sent: count, isFull: false)
        }
        return ids
    }

    @Test("small frames run together in one buffer, large parts stay apart and are not copied")
    func runTogether() throws {
        let queue = Queue()
        #expect(queue.isIdle)
        #expect(queue.take(now) == nil)
        for id in 1...100 { queue.append(frame(Int64(id))) }
        queue.append(OutgoingFrame(id: 101, parts: [[1], [UInt8](repeating: 2, count: 5000), [3]]))
        #expect(queue.queuedBytes == 1000 + 5002)
        let batch = try #require(queue.take(now))
        #expect(batch.chunks.map(\.count) == [1001, 5001])
        #expect(batch.frames.map(\.id) == Array(1...101))
        #expect(queue.hasBegunFrame && !queue.isIdle)
        #expect(!queue.finish(batch, sent: 6002, isFull: false))
        #expect(queue.isIdle && queue.queuedBytes == 0)
    }

    @Test("one sender at a time; what comes meanwhile is told to it")
    func oneSender() throws {
        let queue = Queue()
        queue.append(frame(1))
        let batch = try #require(queue.take(now))
        queue.append(frame(2))
        #expect(queue.take(now) == nil)
        #expect(queue.finish(batch, sent: 10, isFull: false))
        #expect(queue.take(now)?.frames.map(\.id) == [2])
    }

    @Test("a full socket leaves what it did not take, to the byte", arguments: 0...30)
    func full(sent: Int) throws {
        let queue = blocked([frame(1), frame(2), frame(3)], sent: sent)
        #expect(queue.isBlocked)
        #expect(queue.take(now) == nil)
        #expect(queue.queuedBytes == 30 - sent)
        #expect(queue.hasBegunFrame == (sent % 10 != 0))
        queue.append(frame(4))
        queue.unblock()
        let batch = try #require(queue.take(now))
        let all = [1, 2, 3, 4].flatMap { [UInt8](repeating: $0, count: 10) }
        #expect(batch.chunks.flatMap { $0 } == Array(all[sent...]))
        _ = queue.finish(batch, sent: 40 - sent, isFull: false)
        #expect(queue.isIdle && queue.queuedBytes == 0)
    }

    @Test("a frame of which nothing is out can be taken back, a begun one and one on its way cannot")
    func withdraw() throws {
        let queue = blocked([frame(1), frame(2), frame(3)], sent: 5)
        #expect(!queue.withdraw(1))
        #expect(queue.withdraw(2))
        #expect(!queue.withdraw(2))
        #expect(!queue.withdraw(9))
        #expect(queue.queuedBytes == 15)
        #expect(rest(queue) == [1, 3])
        let fresh = Queue()
        fresh.append(frame(1))
        #expect(!fresh.withdraw(1))
        let batch = try #require(fresh.take(now))
        #expect(!fresh.withdraw(1))
        _ = fresh.finish(batch, sent: 0, isFull: true)
        #expect(fresh.withdraw(1))
        #expect(fresh.queuedBytes == 0)
        #expect(rest(fresh) == [])
    }

    @Test("an urgent frame overtakes requests that wait, in its own order, but not a begun frame")
    func urgent() {
        let begun = blocked([frame(1), frame(2)], sent: 5)
        begun.append(frame(3, urgent: true))
        begun.append(frame(4))
        begun.append(frame(5, urgent: true))
        #expect(rest(begun) == [1, 3, 5, 2, 4])
        let whole = blocked([frame(1), frame(2)], sent: 10)
        whole.append(frame(3, urgent: true))
        #expect(rest(whole) == [3, 2])
        // It may also come while somebody sends, before anybody knows that the socket is full.
        let sending = Queue()
        for id in 1...2 as ClosedRange<Int64> { sending.append(frame(id)) }
        let batch = sending.take(now)
        sending.append(frame(3))
        sending.append(frame(4, urgent: true))
        if let batch { _ = sending.finish(batch, sent: 5, isFull: true) }
        #expect(rest(sending) == [1, 4, 2, 3])
    }

    @Test("a begun frame stays a begun one, also when the socket takes nothing of its rest")
    func begunTwice() throws {
        let queue = blocked([frame(1), frame(2)], sent: 5)
        queue.unblock()
        let batch = try #require(queue.take(now))
        _ = queue.finish(batch, sent: 0, isFull: true)
        #expect(queue.hasBegunFrame)
        #expect(!queue.withdraw(1))
        queue.append(frame(3, urgent: true))
        #expect(rest(queue) == [1, 3, 2])
    }

    @Test("a frame that is late is dropped and counted, unless it was begun")
    func expiry() {
        let queue = blocked([frame(1, expires: 2000), frame(2, expires: 2000)], sent: 5)
        queue.append(frame(3, urgent: true, expires: 3000))
        queue.append(frame(4))
        #expect(rest(queue, at: 2001) == [1, 3, 4])
        #expect(queue.expiredFrames == 1)
        #expect(queue.queuedBytes == 0)
        let punctual = blocked([frame(1, expires: 2000)], sent: 0)
        #expect(rest(punctual, at: 2000) == [1])
        let late = blocked([frame(1, expires: 2000)], sent: 0)
        #expect(rest(late, at: 2001) == [])
        #expect(late.isIdle && late.expiredFrames == 1 && late.queuedBytes == 0)
    }

    @Test("after the closing nothing goes in, and only what was begun goes out")
    func close() throws {
        let queue = blocked([frame(1), frame(2), frame(3)], sent: 15)
        queue.close()
        queue.append(frame(4))
        #expect(queue.hasBegunFrame && queue.queuedBytes == 5)
        #expect(rest(queue) == [2])
        #expect(!queue.hasBegunFrame && queue.queuedBytes == 0)
        let whole = blocked([frame(1), frame(2)], sent: 10)
        whole.close()
        #expect(!whole.hasBegunFrame)
        #expect(rest(whole) == [])
        let fresh = Queue()
        fresh.append(frame(1))
        fresh.close()
        #expect(fresh.take(now) == nil && fresh.queuedBytes == 0)
    }

    @Test(
        "a closing while somebody sends keeps the frame that was begun there, and counts right",
        arguments: [0, 5, 10, 15, 20]
    )
    func closeWhileSending(sent: Int) throws {
        let queue = Queue()
        queue.append(frame(1))
        queue.append(frame(2))
        let batch = try #require(queue.take(now))
        queue.append(frame(3))
        queue.close()
        #expect(queue.hasBegunFrame)
        #expect(!queue.finish(batch, sent: sent, isFull: sent < 20))
        #expect(queue.queuedBytes == (sent % 10 == 0 ? 0 : 5))
        #expect(queue.hasBegunFrame == (sent % 10 != 0))
        #expect(rest(queue) == (sent % 10 == 0 ? [] : [sent < 10 ? 1 : 2]))
        #expect(queue.queuedBytes == 0)
    }

    @Test("an id is written where the frame's own stands")
    func requestID() throws {
        var frame = try Frames.request(1)
        OutgoingFrame.setRequestID(0x0102_0304_0506_0708, in: &frame)
        let wanted = try Frames.request(0x0102_0304_0506_0708)
        #expect(frame == wanted)
        var short: [UInt8] = [1, 2, 3]
        OutgoingFrame.setRequestID(7, in: &short)
        #expect(short == [1, 2, 3])
    }

    @Test(
        "a frame goes past the queue only while nothing is in its way, and what comes meanwhile waits for it"
    )
    func direct() {
        var queue = WriteQueue()
        let first = queue.beginDirectly(size: 10)
        #expect(first && queue.queuedBytes == 10 && queue.hasBegunFrame && !queue.isIdle)
        let second = queue.beginDirectly(size: 10)
        #expect(!second)
        queue.append(OutgoingFrame(id: 2, parts: [[2, 2]]))
        #expect(queue.take(MonotonicTime(nanoseconds: 1)) == nil)
        let more = queue.finishDirectly(size: 10)
        #expect(more && queue.queuedBytes == 2)
        #expect(queue.take(MonotonicTime(nanoseconds: 1))?.chunks == [[2, 2]])
    }

    @Test("of a frame that went past the queue in part the rest is kept, and it is not taken back")
    func directInPart() {
        var queue = WriteQueue()
        _ = queue.beginDirectly(size: 4)
        let outline = WriteQueue.Outline(OutgoingFrame(id: 7, parts: [[1, 2, 3, 4]]))
        _ = queue.finish(WriteQueue.Batch(chunks: [[1, 2, 3, 4]], frames: [outline]), sent: 1, isFull: true)
        #expect(queue.queuedBytes == 3 && queue.isBlocked)
        let isBack = queue.withdraw(7)
        #expect(!isBack)
        queue.unblock()
        #expect(queue.take(MonotonicTime(nanoseconds: 1))?.chunks == [[2, 3, 4]])
    }

    @Test("the end tells which request was the first that did not go out")
    func firstUnsent() {
        var queue = WriteQueue()
        _ = queue.beginDirectly(size: 2)
        let outline = WriteQueue.Outline(OutgoingFrame(id: 4, parts: [[4, 4]]))
        _ = queue.finish(WriteQueue.Batch(chunks: [[4, 4]], frames: [outline]), sent: 1, isFull: true)
        var urgent = OutgoingFrame(id: 0, parts: [[9]])
        urgent.isUrgent = true
        for frame in [OutgoingFrame(id: 5, parts: [[5]]), OutgoingFrame(id: 6, parts: [[6]]), urgent] {
            queue.append(frame)
        }
        #expect(queue.firstUnsentID == nil)
        queue.close()
        #expect(queue.firstUnsentID == 5)
        queue.close()
        #expect(queue.firstUnsentID == 5)
    }
}
