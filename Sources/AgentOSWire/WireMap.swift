// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare

/// A key of a wire map: it knows its order on the wire.
package protocol WireMapKey: Sendable {
    func precedesOnWire(_ other: Self) -> Bool
    init(jsonKey: String) throws(JSONFormError)
    var jsonKey: String { get }
}

extension String: WireMapKey {
    package func precedesOnWire(_ other: String) -> Bool { precedesByBytes(other) }
    package init(jsonKey: String) throws(JSONFormError) { self = jsonKey }
    package var jsonKey: String { self }
}

extension UInt32: WireMapKey {
    package func precedesOnWire(_ other: UInt32) -> Bool { self < other }
    package init(jsonKey: String) throws(JSONFormError) {
        guard let number = UInt32(jsonKey) else {
            throw JSONFormError("expected a number as key, found \"\(jsonKey)\"")
        }
        self = number
    }
    package var jsonKey: String { String(self) }
}

/// A map of the wire: pairs in their order, written sorted by key so that equal maps are equal bytes.
///
/// Not a `Dictionary`: its string equality would merge keys that differ in bytes (wire-protocol.md 18).
package struct WireMap<Key: WireMapKey, Value: Sendable>: Sendable {
    package var pairs: [(key: Key, value: Value)]

    package init(_ pairs: [(key: Key, value: Value)] = []) { self.pairs = pairs }

    init(
        from reader: inout BareReader,
        key: (inout BareReader) throws(BareError) -> Key,
        value: (inout BareReader) throws(BareError) -> Value
    ) throws(BareError) {
        pairs = try reader.list { (reader) throws(BareError) in (try key(&reader), try value(&reader)) }
    }

    func write(
        to writer: inout BareWriter,
        key: (inout BareWriter, Key) -> Void,
        value: (inout BareWriter, Value) -> Void
    ) {
        writer.list(sorted) { writer, pair in
            key(&writer, pair.key)
            value(&writer, pair.value)
        }
    }

    /// In wire order, of a repeated key the last one alone, as the reference reads it.
    package var sorted: [(key: Key, value: Value)] {
        let ordered = pairs.enumerated().sorted { a, b in
            if a.element.key.precedesOnWire(b.element.key) { return true }
            return b.element.key.precedesOnWire(a.element.key) ? false : a.offset < b.offset
        }
        return ordered.indices.compactMap { index in
            let next = index + 1
            if next < ordered.count, !ordered[index].element.key.precedesOnWire(ordered[next].element.key) {
                return nil
            }
            return ordered[index].element
        }
    }
}

extension WireMap where Key == String {
    package subscript(_ name: String) -> Value? { pairs.last { $0.key.hasSameBytes(as: name) }?.value }
}
