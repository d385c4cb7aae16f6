// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

@testable import AgentOSTransport

@Suite("FrameSplitter")
struct FrameSplitterTests {
    private struct Refusal: Error, Equatable {}

    /// Feeds bytes as fast as the splitter has room, at most `step` at a time, and collects what comes out.
    private func feed(_ splitter: inout FrameSplitter, _ bytes: [UInt8], step: () -> Int)
        -> FrameSplitter.Batch
    {
        var all = FrameSplitter.Batch()
        var offset = 0
        while offset < bytes.count {
            let count = splitter.read { room in
                let count = min(step(), room.count, bytes.count - offset)
                room.copyBytes(from: bytes[offset..<offset + count])
                return count
            }
            offset += count
            let batch = splitter.frames()
            all.frames += batch.frames
            if let error = batch.error {
                all.error = error
                return all
            }
        }
        return all
    }

    @Test("frames that come byte by byte come out whole, each with its last byte")
    func byteByByte() throws {
        var splitter = FrameSplitter(limit: 1 << 20)
        for id in 1...3 as ClosedRange<Int64> {
            let bytes = try Frames.response(id, "number \(id)")
            for (index, byte) in bytes.enumerated() {
                _ = splitter.read { room in
                    room[0] = byte
                    return 1
                }
                let frames = splitter.frames().frames
                #expect(frames.count == (index == bytes.count - 1 ? 1 : 0))
                if let frame = frames.first { #expect(Frames.content(frame)?.text == "number \(id)") }
            }
            #expect(splitter.torn == nil)
        }
    }

    @Test("many frames in one read come out in their order")
    func many() throws {
        var splitter = FrameSplitter(limit: 1 << 20)
        let bytes = try (1...500).flatMap { try Frames.response($0, "\($0)") }
        let batch = feed(&splitter, bytes) { .max }
        #expect(batch.error == nil)
        #expect(batch.frames.compactMap { Frames.content($0)?.id } == Array(1...500))
        #expect(splitter.torn == nil)
    }

    @Test(
        "frames of all sizes in pieces of all sizes are the same frames",
        arguments: 0..<20 as Range<UInt64>
    )
    func random(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var sizes: [Int] = []
        for _ in 0..<60 {
            let largest = [10, 1000, 70_000, 600_000].randomElement(using: &generator) ?? 10
            sizes.append(Int.random(in: 0...largest, using: &generator))
        }
        let letters = ["a", "b", "c"]
        var bytes: [UInt8] = []
        for (index, size) in sizes.enumerated() {
            bytes += try Frames.response(Int64(index + 1), String(repeating: letters[index % 3], count: size))
        }
        var splitter = FrameSplitter(limit: 1 << 20)
        let batch = feed(&splitter, bytes) { Int.random(in: 1...200_000, using: &generator) }
        #expect(batch.error == nil)
        let found = batch.frames.compactMap { Frames.content($0) }
        #expect(found.map(\.id) == Array(1...60))
        #expect(found.map(\.text.utf8.count) == sizes)
        for (index, entry) in found.enumerated()
        where !entry.text.utf8.allSatisfy({ $0 == 97 + UInt8(index % 3) }) {
            Issue.record("frame \(index) has other bytes")
        }
        #expect(splitter.torn == nil)
    }

    @Test("a length above the limit is refused before anything is reserved for it")
    func limit() throws {
        var splitter = FrameSplitter(limit: 1000)
        let good = try Frames.response(1)
        let batch = feed(&splitter, good + [0, 0, 0x03, 0xE9]) { .max }
        #expect(batch.frames.count == 1)
        #expect(batch.error == .tooLarge(size: 1001, limit: 1000))
        var largest = 0
        _ = splitter.read { room in
            largest = room.count
            return 0
        }
        #expect(largest <= 64 * 1024)
        var huge = FrameSplitter(limit: 1000)
        #expect(
            feed(&huge, [0xFF, 0xFF, 0xFF, 0xFF]) { 1 }.error == .tooLarge(size: 0xFFFF_FFFF, limit: 1000)
        )
    }

    @Test("a payload of exactly the limit is accepted, also when the limit has grown meanwhile")
    func atTheLimit() throws {
        let bytes = try Frames.response(1, String(repeating: "x", count: 5000))
        var splitter = FrameSplitter(limit: bytes.count - 4)
        #expect(feed(&splitter, bytes) { 100 }.frames.count == 1)
        splitter.limit = bytes.count - 5
        #expect(
            feed(&splitter, bytes) { 100 }.error == .tooLarge(size: bytes.count - 4, limit: bytes.count - 5)
        )
        var growing = FrameSplitter(limit: 10)
        growing.limit = 1 << 20
        #expect(feed(&growing, bytes) { 100 }.frames.count == 1)
    }

    @Test("the room after a declared length holds the rest of that frame")
    func room() throws {
        let bytes = try Frames.response(1, String(repeating: "x", count: 900_000))
        var splitter = FrameSplitter(limit: 1 << 20)
        var offset = 0
        var reads = 0
        while offset < bytes.count {
            offset += splitter.read { room in
                let count = min(room.count, bytes.count - offset)
                room.copyBytes(from: bytes[offset..<offset + count])
                return count
            }
            reads += 1
            if offset < bytes.count { #expect(splitter.frames().frames.isEmpty) }
        }
        #expect(reads == 2)
        #expect(splitter.frames().frames.count == 1)
    }

    @Test("a large buffer is given back once it is empty")
    func shrinks() throws {
        let large = try Frames.response(1, String(repeating: "x", count: 3_000_000))
        var splitter = FrameSplitter(limit: 1 << 24)
        #expect(feed(&splitter, large) { .max }.frames.count == 1)
        var room = 0
        _ = splitter.read { free in
            room = free.count
            return 0
        }
        #expect(room <= 256 * 1024)
        #expect(feed(&splitter, try Frames.response(2)) { .max }.frames.count == 1)
    }

    @Test("what is torn is told: how much of a prefix or of a payload was there")
    func torn() throws {
        let bytes = try Frames.response(1, "torn")
        for count in 1..<bytes.count {
            var splitter = FrameSplitter(limit: 1 << 20)
            #expect(splitter.torn == nil)
            #expect(feed(&splitter, Array(bytes[..<count])) { .max }.frames.isEmpty)
            let torn = try #require(splitter.torn)
            #expect(torn == (count < 4 ? (count, 4) : (count - 4, bytes.count - 4)))
        }
    }

    @Test("a payload that is no frame ends the batch behind the good ones before it")
    func garbage() throws {
        var splitter = FrameSplitter(limit: 1 << 20)
        let bytes = try Frames.response(1) + [0, 0, 0, 2, 0xEE, 0xEE] + Frames.response(2)
        let batch = feed(&splitter, bytes) { .max }
        #expect(batch.frames.count == 1)
        #expect(batch.error != nil)
        var empty = FrameSplitter(limit: 10)
        #expect(feed(&empty, [0, 0, 0, 0]) { .max }.error != nil)
    }

    @Test("an error of the reading comes out and changes nothing; nor do no bytes")
    func failure() throws {
        var splitter = FrameSplitter(limit: 1 << 20)
        let bytes = try Frames.response(1)
        _ = feed(&splitter, Array(bytes[..<10])) { .max }
        #expect(throws: Refusal()) { try splitter.read { (_) throws(Refusal) -> Int in throw Refusal() } }
        #expect(splitter.read { _ in 0 } == 0)
        #expect(feed(&splitter, Array(bytes[10...])) { .max }.frames.count == 1)
    }
}
