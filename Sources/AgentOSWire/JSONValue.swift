// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims

/// One JSON value, with 64-bit integers apart from doubles and object members in the order of the text.
package indirect enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Above the range of `Int64`.
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .unsigned: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The member of an object; of repeated ones the last, as the reference's parser has it.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.hasSameBytes(as: name) }?.value
    }

    package var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integerValue: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    /// An object of these members, absent ones left out.
    package static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(members.compactMap { name, value in value.map { JSONMember(name, $0) } })
    }
}

/// One member of a JSON object.
package struct JSONMember: Sendable {
    package let name: String
    package let value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}

extension JSONMember {
    /// Sorted by the bytes of their names, of repeated ones the last: the reference keeps that one's value.
    static func sortedByBytes(_ members: [JSONMember]) -> [JSONMember] {
        let sorted = members.enumerated().sorted { a, b in
            a.element.name.hasSameBytes(as: b.element.name)
                ? a.offset < b.offset : a.element.name.precedesByBytes(b.element.name)
        }
        return sorted.indices.compactMap { index in
            let next = index + 1
            if next < sorted.count, sorted[next].element.name.hasSameBytes(as: sorted[index].element.name) {
                return nil
            }
            return sorted[index].element
        }
    }
}

extension JSONValue {
    /// The same with the members of every object in it sorted.
    var sortedByBytes: JSONValue {
        switch self {
        case .array(let elements): .array(elements.map(\.sortedByBytes))
        case .object(let members):
            .object(JSONMember.sortedByBytes(members).map { JSONMember($0.name, $0.value.sortedByBytes) })
        default: self
        }
    }
}

extension JSONValue {
    /// A number up to 64 bits, exactly.
    package static func number(_ number: some FixedWidthInteger & Sendable) -> JSONValue {
        Int64(exactly: number).map(JSONValue.integer) ?? .unsigned(UInt64(truncatingIfNeeded: number))
    }
}

extension JSONValue: Equatable {
    /// Equal as JSON: members in any order, strings by their bytes.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.unsigned(let a), .unsigned(let b)): a == b
        case (.double(let a), .double(let b)): a == b
        case (.string(let a), .string(let b)): a.hasSameBytes(as: b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && a.allSatisfy { member in right[member.name] == member.value }
        default: false
        }
    }
}

extension String {
    /// Byte equality. Swift's `==` is canonical equivalence and would call `é` and `e` + U+0301 the same
    /// name.
    package func hasSameBytes(as other: String) -> Bool {
        // Short strings hold their bytes, and copies of a long one share them.
        typealias Representation = (UInt64, UInt64)
        if unsafeBitCast(self, to: Representation.self) == unsafeBitCast(other, to: Representation.self) {
            return true
        }
        let count = utf8.count
        guard count == other.utf8.count else { return false }
        // Native strings lie in one piece, and are compared in one piece.
        let isSame = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { right in
                aos_shim_same_bytes(left.baseAddress, right.baseAddress, count) != 0
            }
        }
        return (isSame ?? nil) ?? utf8.elementsEqual(other.utf8)
    }

    /// The order of the wire: by bytes, a prefix first.
    package func precedesByBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
