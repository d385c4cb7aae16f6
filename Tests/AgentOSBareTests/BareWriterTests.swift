// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import AgentOSTestSupport
import Testing

@Suite("BareWriter: numbers (wire-protocol.md 3)")
struct BareWriterTests {
    @Test("fixed-width numbers are written little-endian")
    func fixedWidth() {
        #expect(written { $0.u16(0x0201) } == [1, 2])
        #expect(written { $0.u32(0x0403_0201) } == [1, 2, 3, 4])
        #expect(written { $0.u64(0x0807_0605_0403_0201) } == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(written { $0.i32(-2) } == [0xFE, 0xFF, 0xFF, 0xFF])
        #expect(written { $0.i64(.min) } == [0, 0, 0, 0, 0, 0, 0, 0x80])
    }

    @Test("a bool is 0 or 1")
    func bool() {
        #expect(written { $0.bool(false) } == [0])
        #expect(written { $0.bool(true) } == [1])
    }

    @Test("variable-length integers are written in their shortest form", arguments: BareReaderTests.varints)
    func varint(bytes: [UInt8], value: UInt64) {
        #expect(written { $0.uint(value) } == bytes)
    }

    @Test("what is written is read again: the borders of every width and 2000 random numbers")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        var numbers: [UInt64] = (0..<64).flatMap { [1 << $0, (1 << $0) &- 1] } + [.max]
        numbers += (0..<2000).map { _ in generator.next() >> UInt64.random(in: 0..<64, using: &generator) }
        for number in numbers {
            let bytes = written { writer in
                writer.uint(number)
                writer.u16(UInt16(truncatingIfNeeded: number))
                writer.u32(UInt32(truncatingIfNeeded: number))
                writer.u64(number)
                writer.i32(Int32(truncatingIfNeeded: number))
                writer.i64(Int64(truncatingIfNeeded: number))
            }
            let (isSame, used) = try reading(bytes) { (r) throws(BareError) -> Bool in
                let variable = try r.uint() == number
                let two = try r.u16() == UInt16(truncatingIfNeeded: number)
                let four = try r.u32() == UInt32(truncatingIfNeeded: number)
                let eight = try r.u64() == number
                let signedFour = try r.i32() == Int32(truncatingIfNeeded: number)
                let signedEight = try r.i64() == Int64(truncatingIfNeeded: number)
                return variable && two && four && eight && signedFour && signedEight
            }
            #expect(isSame, "\(number)")
            #expect(used == bytes.count)
        }
    }

    @Test("a writer goes on behind the bytes that it was given")
    func appending() {
        var writer = BareWriter(appendingTo: [9, 8])
        writer.u16(1)
        #expect(writer.finish() == [9, 8, 1, 0])
    }
}
