// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import Testing

@Suite("BareReader: numbers (wire-protocol.md 3)")
struct BareReaderTests {
    @Test("fixed-width numbers are little-endian, and take their width")
    func fixedWidth() throws {
        let bytes: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88, 0xFF]
        #expect(try reading(bytes) { (r) throws(BareError) in try r.u16() } == (0x0201, 2))
        #expect(try reading(bytes) { (r) throws(BareError) in try r.u32() } == (0x0403_0201, 4))
        #expect(try reading(bytes) { (r) throws(BareError) in try r.u64() } == (0x8807_0605_0403_0201, 8))
        #expect(try reading(bytes) { (r) throws(BareError) in try r.i32() } == (0x0403_0201, 4))
        #expect(try reading(bytes) { (r) throws(BareError) in try r.i64() } == (-0x77F8_F9FA_FBFC_FDFF, 8))
    }

    @Test("signed numbers are two's complement")
    func signed() throws {
        let ones = [UInt8](repeating: 0xFF, count: 8)
        #expect(try reading(ones) { (r) throws(BareError) in try r.i32() }.value == -1)
        #expect(try reading(ones) { (r) throws(BareError) in try r.i64() }.value == -1)
        #expect(try reading([0, 0, 0, 0x80]) { (r) throws(BareError) in try r.i32() }.value == .min)
        #expect(
            try reading([0, 0, 0, 0, 0, 0, 0, 0x80]) { (r) throws(BareError) in try r.i64() }.value == .min
        )
    }

    @Test("numbers that do not lie on their natural boundary are read all the same")
    func unaligned() throws {
        let bytes: [UInt8] = [0xAA, 0x01, 0, 0, 0, 0, 0, 0, 0]
        let result = try reading(bytes) { (r) throws(BareError) -> UInt64 in
            _ = try r.take(1)
            return try r.u64()
        }
        #expect(result == (1, 9))
    }

    @Test("any byte but 0 is true", arguments: UInt8.min...UInt8.max)
    func bool(byte: UInt8) throws {
        #expect(try reading([byte]) { (r) throws(BareError) in try r.bool() } == (byte != 0, 1))
    }

    static let varints: [(bytes: [UInt8], value: UInt64)] = [
        ([0x00], 0), ([0x01], 1), ([0x7F], 127), ([0x80, 0x01], 128), ([0xAC, 0x02], 300),
        ([0xFF, 0x7F], 16_383),
        ([0x80, 0x80, 0x01], 16_384), ([0xFF, 0xFF, 0xFF, 0xFF, 0x0F], UInt64(UInt32.max)),
        ([UInt8](repeating: 0x80, count: 9) + [0x01], 1 << 63),
        ([UInt8](repeating: 0xFF, count: 9) + [0x01], .max),
    ]

    @Test("a variable-length integer has its least significant group first", arguments: varints)
    func varint(bytes: [UInt8], value: UInt64) throws {
        #expect(try reading(bytes + [0xEE]) { (r) throws(BareError) in try r.uint() } == (value, bytes.count))
    }

    @Test("padded variable-length integers of up to ten bytes are accepted, as the reference does")
    func paddedVarint() throws {
        for padding in 0...8 {
            let bytes = [0x93] + [UInt8](repeating: 0x80, count: padding) + [0x00]
            #expect(try reading(bytes) { (r) throws(BareError) in try r.uint() } == (19, padding + 2))
        }
    }

    @Test(
        "an eleventh byte and a tenth above 1 are no variable-length integer",
        arguments: [
            [UInt8](repeating: 0x80, count: 10) + [0x00], [UInt8](repeating: 0xFF, count: 9) + [0x02],
            [UInt8](repeating: 0x80, count: 9) + [0x80], [UInt8](repeating: 0xFF, count: 64),
        ]
    )
    func varintTooLong(bytes: [UInt8]) {
        #expect(throws: BareError.invalidVarint(offset: 0)) {
            try reading(bytes) { (r) throws(BareError) in try r.uint() }
        }
    }

    @Test("an invalid variable-length integer is reported where it begins")
    func varintOffset() {
        #expect(throws: BareError.invalidVarint(offset: 2)) {
            try reading([1, 0] + [UInt8](repeating: 0xFF, count: 10)) { (r) throws(BareError) -> UInt64 in
                _ = try r.u16()
                return try r.uint()
            }
        }
    }

    @Test("a number that ends too early is an unexpected end, at every length", arguments: 0..<8)
    func truncated(count: Int) {
        let bytes = [UInt8](repeating: 0x80, count: count)
        expectEnd(bytes) { (r) throws(BareError) in try r.u64() }
        expectEnd(bytes) { (r) throws(BareError) in try r.i64() }
        expectEnd(bytes) { (r) throws(BareError) in try r.uint() }
        if count < 4 {
            expectEnd(bytes) { (r) throws(BareError) in try r.u32() }
            expectEnd(bytes) { (r) throws(BareError) in try r.i32() }
        }
        if count < 2 { expectEnd(bytes) { (r) throws(BareError) in try r.u16() } }
        if count < 1 { expectEnd(bytes) { (r) throws(BareError) in try r.bool() } }
    }

    private func expectEnd<Value>(_ bytes: [UInt8], _ body: (inout BareReader) throws(BareError) -> Value) {
        do {
            _ = try reading(bytes, body)
            Issue.record("\(bytes.count) bytes were enough")
        } catch {
            guard case .unexpectedEnd = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test(
        "a length above what is left fails before it becomes an Int",
        arguments: [3, 4, 1 << 31, 1 << 62, UInt64(Int.max), UInt64(Int.max) + 1, .max] as [UInt64]
    )
    func hugeLength(length: UInt64) {
        let bytes = written { $0.uint(length) } + [0x41, 0x41]
        expectEnd(bytes) { (r) throws(BareError) in try r.str() }
        expectEnd(bytes) { (r) throws(BareError) in try r.data() }
        expectEnd(bytes) { (r) throws(BareError) in try r.span().count }
    }

    @Test("taking nothing works everywhere, also from no bytes at all")
    func takeNothing() throws {
        #expect(try reading([]) { (r) throws(BareError) in try r.take(0).count } == (0, 0))
        #expect(
            try reading([7]) { (r) throws(BareError) in (try r.take(1).count, try r.take(0).count) }.value
                == (1, 0)
        )
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        var reader = BareReader(nothing)
        let isAtEnd = reader.isAtEnd
        let taken = try reader.take(0).count
        #expect(isAtEnd && taken == 0)
        do throws(BareError) {
            _ = try reader.take(1)
            Issue.record("a byte out of nothing")
        } catch { #expect(error == .unexpectedEnd(offset: 0)) }
    }

    @Test("the cursor stays where it was when there is too little left")
    func failedTake() throws {
        let result = try reading([1, 2, 3]) { (r) throws(BareError) -> (UInt8, Bool) in
            _ = try r.take(1)
            do {
                _ = try r.take(3)
                return (0, false)
            } catch { return (try r.take(2)[1], r.isAtEnd) }
        }
        #expect(result.value == (3, true))
    }
}
