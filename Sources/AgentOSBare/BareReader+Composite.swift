// SPDX-License-Identifier: Apache-2.0

extension BareReader {
    /// A string: strict UTF-8, every byte kept, also a leading byte order mark.
    @inlinable
    public mutating func str() throws(BareError) -> String {
        let start = offset
        let bytes = try take(try length())
        guard let text = Self.text(bytes) else { throw .invalidUTF8(offset: start) }
        return text
    }

    /// Strictly, but for ASCII, which nearly everything is, without the library's check of each byte.
    @usableFromInline
    static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        let count = bytes.count
        var offset = 0
        var high: UInt64 = 0
        while offset &+ 8 <= count {
            high |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < count {
            high |= UInt64(bytes[offset])
            offset &+= 1
        }
        if high & 0x8080_8080_8080_8080 == 0 { return String(decoding: bytes, as: UTF8.self) }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Moves behind `expected` if that is what comes next.
    @inlinable
    public mutating func skip(_ expected: [UInt8]) -> Bool {
        let count = expected.count
        guard count <= end &- offset, let base else { return false }
        let isSame = expected.withUnsafeBytes { known in
            var at = 0
            while at &+ 8 <= count {
                let here = base.loadUnaligned(fromByteOffset: offset &+ at, as: UInt64.self)
                if here != known.loadUnaligned(fromByteOffset: at, as: UInt64.self) { return false }
                at &+= 8
            }
            while at < count {
                if base.load(fromByteOffset: offset &+ at, as: UInt8.self) != known[at] { return false }
                at &+= 1
            }
            return true
        }
        if isSame { offset += count }
        return isSame
    }

    @inlinable
    public mutating func data() throws(BareError) -> [UInt8] {
        let bytes = try take(try length())
        return [UInt8](bytes)
    }

    /// The bytes of a string or of data, where they lie.
    @inlinable
    public mutating func span() throws(BareError) -> UnsafeRawBufferPointer { try take(try length()) }

    @inlinable
    public mutating func optional<Element>(
        _ element: (inout BareReader) throws(BareError) -> Element
    ) throws(BareError) -> Element? {
        try bool() ? try element(&self) : nil
    }

    /// A list. The declared count reserves nothing, and elements without bytes of their own are bounded by
    /// the bytes that there are: no count keeps the reader busy for longer than its input.
    @inlinable
    public mutating func list<Element>(
        _ element: (inout BareReader) throws(BareError) -> Element
    ) throws(BareError) -> [Element] {
        let count = try uint()
        var elements: [Element] = []
        var index: UInt64 = 0
        while index < count {
            if isAtEnd || index >= UInt64(end) { throw .unexpectedEnd(offset: offset) }
            elements.append(try element(&self))
            index += 1
        }
        return elements
    }
}
