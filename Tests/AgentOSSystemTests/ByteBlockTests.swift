// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@testable import AgentOSSystem

@Suite("ByteBlock")
struct ByteBlockTests {
    private struct Refusal: Error {}

    private func terminator(_ block: ByteBlock) -> UInt8? {
        block.bytes.baseAddress?.load(fromByteOffset: block.count, as: UInt8.self)
    }

    @Test("bytes are copied as they are, with a NUL behind the last", arguments: [0, 1, 7, 4096, 1 << 20])
    func copy(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let bytes = generator.bytes(count)
        let block = try #require(ByteBlock.copy(bytes))
        #expect(block.count == count)
        #expect(Array(block.bytes) == bytes)
        #expect(terminator(block) == 0)
        #expect(block.bytes.baseAddress == block.bytes.baseAddress)
    }

    @Test("no memory at all is an empty block with an address")
    func empty() throws {
        let block = try #require(ByteBlock.copy(UnsafeRawBufferPointer(start: nil, count: 0)))
        #expect(block.count == 0)
        #expect(block.bytes.baseAddress != nil)
        #expect(terminator(block) == 0)
    }

    @Test("a text is its UTF-8, a NUL inside included")
    func text() throws {
        let block = try #require(ByteBlock.text("a\0ü"))
        #expect(Array(block.bytes) == [0x61, 0, 0xC3, 0xBC])
        #expect(terminator(block) == 0)
    }

    @Test("a block that is filled in part ends where the filling ended")
    func filled() throws {
        let block = try #require(
            ByteBlock.filled(capacity: 64) { buffer in
                #expect(buffer.count == 64)
                buffer.copyBytes(from: [1, 2, 3])
                return 3
            }
        )
        #expect(Array(block.bytes) == [1, 2, 3])
        #expect(terminator(block) == 0)
    }

    @Test("an error while filling comes out, and a size that cannot be is no block")
    func failures() {
        #expect(throws: Refusal.self) {
            try ByteBlock.filled(capacity: 8) { (_) throws(Refusal) -> Int in throw Refusal() }
        }
        #expect(ByteBlock.filled(capacity: -1) { _ in 0 } == nil)
        #expect(ByteBlock.filled(capacity: .max) { _ in 0 } == nil)
        #expect(ByteBlock.filled(capacity: .max - 1) { _ in 0 } == nil)
    }

    @Test("memory of the host is not copied, and released once, by whoever drops it last")
    func adopting() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
        memory.initializeMemory(as: UInt8.self, repeating: 9)
        let released = Lock(0)
        let holder = Lock<[ByteBlock?]>([])
        do {
            let block = ByteBlock.adopting(UnsafeRawBufferPointer(memory)) { released.withLock { $0 += 1 } }
            #expect(block.bytes.baseAddress == UnsafeRawPointer(memory.baseAddress))
            #expect(block.count == 16)
            holder.withLock { $0 = Array(repeating: block, count: 8) }
        }
        #expect(released.withLock { $0 } == 0)
        Parallel.run(8) { index in
            let block = holder.withLock { $0[index].take() }
            #expect(block?.bytes.allSatisfy { $0 == 9 } == true)
        }
        #expect(released.withLock { $0 } == 1)
        memory.deallocate()
    }

    @Test("a host's empty memory is released too")
    func adoptingNothing() {
        let released = Lock(0)
        do {
            let block = ByteBlock.adopting(UnsafeRawBufferPointer(start: nil, count: 0)) {
                released.withLock { $0 += 1 }
            }
            #expect(block.count == 0 && block.bytes.isEmpty)
        }
        #expect(released.withLock { $0 } == 1)
    }
}
