// SPDX-License-Identifier: Apache-2.0

extension BareWriter {
    @inlinable
    public mutating func str(_ value: String) {
        // In one piece: the bytes of a native string lie together, and those of a short one in itself.
        var text = value
        text.withUTF8 { utf8 in
            uint(UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    @inlinable
    public mutating func data(_ value: [UInt8]) {
        uint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    @inlinable
    public mutating func optional<Element>(_ value: Element?, _ element: (inout BareWriter, Element) -> Void)
    {
        guard let value else { return bool(false) }
        bool(true)
        element(&self, value)
    }

    @inlinable
    public mutating func list<Element>(_ value: [Element], _ element: (inout BareWriter, Element) -> Void) {
        uint(UInt64(value.count))
        for entry in value { element(&self, entry) }
    }
}
