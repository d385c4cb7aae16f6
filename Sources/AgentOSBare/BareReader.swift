// SPDX-License-Identifier: Apache-2.0

/// A cursor over encoded bytes. Every read checks the bound first; nothing is reserved from a declared
/// length.
///
/// Valid only inside the closure that lent the bytes.
public struct BareReader: ~Copyable {
    @usableFromInline let base: UnsafeRawPointer?
    public let end: Int
    public var offset: Int

    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer) {
        base = bytes.baseAddress
        end = bytes.count
        offset = 0
    }

    @inlinable public var isAtEnd: Bool { offset == end }

    /// The next `count` bytes; the cursor moves behind them.
    @inlinable
    public mutating func take(_ count: Int) throws(BareError) -> UnsafeRawBufferPointer {
        guard count <= end - offset, let base else {
            if count == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
            throw .unexpectedEnd(offset: offset)
        }
        let bytes = UnsafeRawBufferPointer(start: base + offset, count: count)
        offset += count
        return bytes
    }

    @inlinable
    public mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) throws(BareError)
        -> Number
    {
        let bytes = try take(MemoryLayout<Number>.size)
        return Number(littleEndian: bytes.loadUnaligned(as: Number.self))
    }

    @inlinable public mutating func u16() throws(BareError) -> UInt16 { try fixed(UInt16.self) }
    @inlinable public mutating func u32() throws(BareError) -> UInt32 { try fixed(UInt32.self) }
    @inlinable public mutating func u64() throws(BareError) -> UInt64 { try fixed(UInt64.self) }
    @inlinable public mutating func i32() throws(BareError) -> Int32 { try fixed(Int32.self) }
    @inlinable public mutating func i64() throws(BareError) -> Int64 { try fixed(Int64.self) }

    /// Any byte but 0 is true, as the reference decoder has it.
    @inlinable public mutating func bool() throws(BareError) -> Bool { try take(1)[0] != 0 }

    /// A variable-length unsigned integer; padded forms of up to ten bytes are accepted, as the reference
    /// does.
    @inlinable
    public mutating func uint() throws(BareError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try take(1)[0]
            if shift == 63, byte > 1 { throw .invalidVarint(offset: start) }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// A length or count. Compared as 64 bits before it becomes an `Int`, so that no declared size can trap.
    @inlinable
    public mutating func length() throws(BareError) -> Int {
        let value = try uint()
        guard value <= UInt64(end) else { throw .unexpectedEnd(offset: offset) }
        return Int(value)
    }
}
