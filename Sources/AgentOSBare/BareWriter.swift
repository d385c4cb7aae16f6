// SPDX-License-Identifier: Apache-2.0

/// Appends encoded values to one growing buffer.
public struct BareWriter: ~Copyable {
    public var bytes: [UInt8]

    /// Goes on behind the bytes of `buffer`; take them back with `finish()`. No copy either way.
    @inlinable
    public init(appendingTo buffer: consuming [UInt8] = []) { bytes = buffer }

    @inlinable public consuming func finish() -> [UInt8] { bytes }

    @inlinable
    public mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    @inlinable public mutating func u16(_ value: UInt16) { fixed(value) }
    @inlinable public mutating func u32(_ value: UInt32) { fixed(value) }
    @inlinable public mutating func u64(_ value: UInt64) { fixed(value) }
    @inlinable public mutating func i32(_ value: Int32) { fixed(value) }
    @inlinable public mutating func i64(_ value: Int64) { fixed(value) }
    @inlinable public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// A variable-length unsigned integer in its shortest form.
    @inlinable
    public mutating func uint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
