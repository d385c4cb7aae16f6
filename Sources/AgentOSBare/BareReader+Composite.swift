// SPDX-License-Identifier: Apache-2.0

extension BareReader {
    /// A string: strict UTF-8, every byte kept, also a leading byte order mark.
    @inlinable
    public mutating func str() throws(BareError) -> String {
        let start = offset
        let bytes = try take(try length())
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalidUTF8(offset: start) }
        return text
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

    /// A list. The declared count reserves nothing, and elements without bytes of their own are bounded by the bytes
    /// that there are: no count keeps the reader busy for longer than its input.
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
