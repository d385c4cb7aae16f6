// SPDX-License-Identifier: Apache-2.0

/// Why a JSON document is not the JSON form of a wire value; `path` says where.
package struct JSONFormError: Error, Equatable, Sendable {
    package var path: String
    package let reason: String

    package init(_ reason: String, path: String = "") {
        self.reason = reason
        self.path = path
    }

    func below(_ step: String) -> JSONFormError {
        let joined = path.isEmpty || path.hasPrefix("[") ? step + path : "\(step).\(path)"
        return JSONFormError(reason, path: joined)
    }

    package var text: String { path.isEmpty ? reason : "\(path): \(reason)" }
}

/// The members of a JSON object while they are read: any order, unknown ones ignored, a repeated one refused.
struct JSONFormObject {
    private let members: [JSONMember]
    private let type: String

    init(_ value: JSONValue, type: String) throws(JSONFormError) {
        guard case .object(let members) = value else {
            throw JSONFormError("expected an object for \(type), found \(value.typeName)")
        }
        self.members = members
        self.type = type
    }

    private func find(_ name: String) throws(JSONFormError) -> JSONValue? {
        var found: JSONValue?
        for member in members where member.name.hasSameBytes(as: name) {
            if found != nil { throw JSONFormError("duplicate field `\(name)`") }
            found = member.value
        }
        return found
    }

    func required<Value>(
        _ name: String,
        _ read: (JSONValue) throws(JSONFormError) -> Value
    ) throws(JSONFormError) -> Value {
        guard let value = try find(name) else { throw JSONFormError("missing field `\(name)` of \(type)") }
        do { return try read(value) } catch { throw error.below(name) }
    }

    /// Absent or null: the default.
    func optional<Value>(
        _ name: String,
        default fallback: Value,
        _ read: (JSONValue) throws(JSONFormError) -> Value
    ) throws(JSONFormError) -> Value {
        guard let value = try find(name) else { return fallback }
        do { return try read(value) } catch { throw error.below(name) }
    }

    func optional<Value>(
        _ name: String,
        _ read: (JSONValue) throws(JSONFormError) -> Value
    ) throws(JSONFormError) -> Value? {
        guard let value = try find(name), value != .null else { return nil }
        do { return try read(value) } catch { throw error.below(name) }
    }
}

/// Readers and writers of the JSON form's leaves (wire-protocol.md 13).
enum JSONForm {
    static func string(_ value: JSONValue) throws(JSONFormError) -> String {
        guard case .string(let text) = value else {
            throw JSONFormError("expected a string, found \(value.typeName)")
        }
        return text
    }

    static func bool(_ value: JSONValue) throws(JSONFormError) -> Bool {
        guard case .bool(let flag) = value else {
            throw JSONFormError("expected a boolean, found \(value.typeName)")
        }
        return flag
    }

    static func integer<Number: FixedWidthInteger>(_ value: JSONValue) throws(JSONFormError) -> Number {
        let number: Number? =
            switch value {
            case .integer(let integer): Number(exactly: integer)
            case .unsigned(let unsigned): Number(exactly: unsigned)
            default: throw JSONFormError("expected an integer, found \(value.typeName)")
            }
        guard let number else { throw JSONFormError("integer out of range \(Number.min) to \(Number.max)") }
        return number
    }

    static func integer(_ number: some FixedWidthInteger & Sendable) -> JSONValue {
        .number(number)
    }

    static func data(_ value: JSONValue) throws(JSONFormError) -> [UInt8] { try list(value, integer) }
    static func data(_ bytes: [UInt8]) -> JSONValue { .array(bytes.map { .integer(Int64($0)) }) }

    static func text(_ value: JSONValue) throws(JSONFormError) -> JSONText { JSONText(value) }

    static func list<Element>(
        _ value: JSONValue,
        _ element: (JSONValue) throws(JSONFormError) -> Element
    ) throws(JSONFormError) -> [Element] {
        guard case .array(let values) = value else {
            throw JSONFormError("expected an array, found \(value.typeName)")
        }
        var elements: [Element] = []
        for (index, value) in values.enumerated() {
            do { elements.append(try element(value)) } catch { throw error.below("[\(index)]") }
        }
        return elements
    }

    static func map<Key: WireMapKey, Value>(
        _ value: JSONValue,
        _ element: (JSONValue) throws(JSONFormError) -> Value
    ) throws(JSONFormError) -> WireMap<Key, Value> {
        guard case .object(let members) = value else {
            throw JSONFormError("expected an object, found \(value.typeName)")
        }
        var map = WireMap<Key, Value>()
        for member in members {
            do { map.pairs.append((try Key(jsonKey: member.name), try element(member.value))) } catch {
                throw error.below(member.name)
            }
        }
        return map
    }

    static func map<Key, Value>(_ map: WireMap<Key, Value>, _ element: (Value) -> JSONValue) -> JSONValue {
        .object(map.sorted.map { JSONMember($0.key.jsonKey, element($0.value)) })
    }

    static func optional<Value>(_ value: Value?, _ element: (Value) -> JSONValue) -> JSONValue {
        value.map(element) ?? .null
    }

    /// The member that tells the members of a tagged union apart.
    static func tag(_ value: JSONValue, _ name: String, type: String) throws(JSONFormError) -> String {
        try JSONFormObject(value, type: type).required(name, string)
    }

    /// The object of a union's member, with the tag in front.
    static func tagged(_ name: String, _ tag: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let members) = value else { return value }
        return .object([JSONMember(name, .string(tag))] + members)
    }
}
