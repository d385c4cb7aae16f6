// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSTransport

@Suite("WriteQueue, at random: what comes out is what went in, frame by frame")
struct WriteQueueModelTests {
    /// One queue, a socket that takes what it likes, and what must have come of it.
    private struct Run {
        var generator: SeededGenerator
        var queue = WriteQueue()
        var output: [UInt8] = []
        var appended: [Int64: OutgoingFrame] = [:]
        var order: [Int64] = []
        var withdrawn: Set<Int64> = []
        var pending: WriteQueue.Batch?
        var now: UInt64 = 1

        init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

        /// Eight bytes of id, four of size, and filling in parts of all sizes.
        mutating func append(_ id: Int64) {
            var parts: [[UInt8]] = [[]]
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let largest = [8, 300, 6000].randomElement(using: &generator) ?? 8
                let count = Int.random(in: 0...largest, using: &generator)
                parts.append([UInt8](repeating: UInt8(truncatingIfNeeded: id), count: count))
            }
            let size = parts.reduce(0) { $0 + $1.count }
            withUnsafeBytes(of: id.littleEndian) { parts[0] += $0 }
            withUnsafeBytes(of: UInt32(size).littleEndian) { parts[0] += $0 }
            var frame = OutgoingFrame(id: id, parts: parts)
            if Int.random(in: 0..<6, using: &generator) == 0 {
                frame.isUrgent = true
                frame.expires = MonotonicTime(nanoseconds: now + UInt64.random(in: 0...40, using: &generator))
            }
            appended[id] = frame
            order.append(id)
            queue.append(frame)
        }

        mutating func finish() {
            guard let batch = pending else { return }
            pending = nil
            let bytes = batch.chunks.flatMap { $0 }
            let isFull = Bool.random(using: &generator)
            let sent = isFull ? Int.random(in: 0...bytes.count, using: &generator) : bytes.count
            output += bytes[..<sent]
            _ = queue.finish(batch, sent: sent, isFull: isFull)
        }

        mutating func step(_ id: Int64) {
            now += 1
            switch Int.random(in: 0..<12, using: &generator) {
            case 0..<4: append(id)
            case 4, 5: pending = pending ?? queue.take(MonotonicTime(nanoseconds: now))
            case 6..<9: finish()
            case 9, 10: queue.unblock()
            default:
                guard let old = order.suffix(20).randomElement(using: &generator) else { return }
                if queue.withdraw(old) { withdrawn.insert(old) }
            }
        }

        mutating func drain() {
            while !queue.isIdle || pending != nil {
                if pending != nil { finish() }
                queue.unblock()
                pending = queue.take(MonotonicTime(nanoseconds: now))
            }
        }

        /// The ids in the output; nil when frames are mixed up or one is not whole.
        func ids() -> [Int64]? {
            var ids: [Int64] = []
            var rest = output[...]
            while !rest.isEmpty {
                guard rest.count >= 8 else { return nil }
                let id = rest.prefix(8).reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
                guard let frame = appended[id], rest.starts(with: frame.parts.joined()) else { return nil }
                ids.append(id)
                rest = rest.dropFirst(frame.size)
            }
            return ids
        }
    }

    @Test("with chunks, withdrawals and late answers of all kinds", arguments: 0..<16 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var run = Run(seed: seed)
        for id in 1...600 as ClosedRange<Int64> { run.step(id) }
        run.drain()
        let ids = try #require(run.ids(), "frames are mixed up")
        #expect(Set(ids).count == ids.count)
        #expect(run.withdrawn.isDisjoint(with: ids))
        let found = Set(ids)
        let missing = run.order.filter { !found.contains($0) && !run.withdrawn.contains($0) }
        #expect(missing.allSatisfy { run.appended[$0]?.expires != nil })
        #expect(missing.count == run.queue.expiredFrames)
        let plain = run.order.filter { run.appended[$0]?.isUrgent == false && !run.withdrawn.contains($0) }
        #expect(ids.filter { run.appended[$0]?.isUrgent == false } == plain)
        #expect(run.queue.queuedBytes == 0)
    }

    @Test("a closing at any moment ends behind a whole frame", arguments: 0..<16 as Range<UInt64>)
    func closing(seed: UInt64) throws {
        var run = Run(seed: seed &+ 1000)
        for id in 1...Int64(60 + seed * 5) { run.step(id) }
        run.queue.close()
        #expect(run.queue.queuedBytes >= 0)
        for id in 9000...9010 as ClosedRange<Int64> { run.append(id) }
        run.drain()
        let ids = try #require(run.ids(), "the last frame is not whole")
        #expect(ids.allSatisfy { $0 < 9000 })
        #expect(run.queue.queuedBytes == 0 && run.queue.isIdle)
    }
}
