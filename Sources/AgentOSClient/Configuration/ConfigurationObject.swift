// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// The members of a configuration object, read strictly: an unknown or repeated member, a wrong type and a
/// number out of range are errors that name their place (`software[1].kind`).
struct ConfigurationObject: Sendable {
    private let members: [JSONMember]
    private let path: String

    /// The whole document. An absent one is an object without members.
    init(document: String?, allowed: [String]) throws(ClientError) {
        var value: JSONValue = .object([])
        if let document {
            do { value = try JSONReader.parse(document) } catch {
                throw .invalid("invalid JSON: \(error.text)")
            }
        }
        try self.init(value, path: "", allowed: allowed)
    }

    init(_ value: JSONValue, path: String, allowed: [String]?) throws(ClientError) {
        guard case .object(let members) = value else {
            throw .invalid("\(path.isEmpty ? "" : "\(path): ")expected an object, found \(value.typeName)")
        }
        self.members = members
        self.path = path
        for (index, member) in members.enumerated() {
            if let allowed, !allowed.contains(where: { $0.hasSameBytes(as: member.name) }) {
                throw .invalid(
                    "\(place(member.name)): unknown member; known are \(allowed.joined(separator: ", "))"
                )
            }
            if members[..<index].contains(where: { $0.name.hasSameBytes(as: member.name) }) {
                throw .invalid("\(place(member.name)): given twice")
            }
        }
    }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    var all: [(name: String, value: JSONValue)] { members.map { ($0.name, $0.value) } }

    /// Null is as good as absent.
    func value(_ name: String) -> JSONValue? {
        guard let value = members.first(where: { $0.name.hasSameBytes(as: name) })?.value, value != .null
        else { return nil }
        return value
    }

    private func wrongType(_ name: String, _ expected: String, _ value: JSONValue) -> ClientError {
        .invalid("\(place(name)): expected \(expected), found \(value.typeName)")
    }

    func string(_ name: String) throws(ClientError) -> String? {
        guard let value = value(name) else { return nil }
        return try Self.string(value, place(name))
    }

    func bool(_ name: String) throws(ClientError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else { throw wrongType(name, "true or false", value) }
        return flag
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(ClientError) -> Int64? {
        guard let value = value(name) else { return nil }
        return try Self.integer(value, place(name), in: range)
    }

    /// Milliseconds, as nanoseconds.
    func milliseconds(_ name: String) throws(ClientError) -> UInt64? {
        try integer(name, in: 0...86_400_000_000).map { UInt64($0) * 1_000_000 }
    }

    func choice<Value>(_ name: String, _ choices: KeyValuePairs<String, Value>) throws(ClientError) -> Value?
    {
        guard let text = try string(name) else { return nil }
        if let found = choices.first(where: { $0.key.hasSameBytes(as: text) }) { return found.value }
        throw .invalid(
            "\(place(name)): expected one of \(choices.map(\.key).joined(separator: ", ")), found \"\(text)\""
        )
    }

    func list<Element>(
        _ name: String,
        _ element: (JSONValue, String) throws(ClientError) -> Element
    ) throws(ClientError) -> [Element]? {
        guard let value = value(name) else { return nil }
        guard case .array(let values) = value else { throw wrongType(name, "an array", value) }
        var elements: [Element] = []
        for (index, value) in values.enumerated() {
            elements.append(try element(value, "\(place(name))[\(index)]"))
        }
        return elements
    }

    func strings(_ name: String) throws(ClientError) -> [String]? { try list(name, Self.string) }

    func object(_ name: String, allowed: [String]?) throws(ClientError) -> ConfigurationObject? {
        guard let value = value(name) else { return nil }
        return try ConfigurationObject(value, path: place(name), allowed: allowed)
    }

    /// An object whose members are all strings, in the order of the text.
    func map(_ name: String) throws(ClientError) -> [(name: String, value: String)]? {
        guard let object = try object(name, allowed: nil) else { return nil }
        var pairs: [(name: String, value: String)] = []
        for member in object.all {
            pairs.append((member.name, try Self.string(member.value, object.place(member.name))))
        }
        return pairs
    }

    /// Environment variables; an absent member has none.
    func environment(_ name: String) throws(ClientError) -> [(name: String, value: String)] {
        let entries = try map(name) ?? []
        for entry in entries {
            guard !entry.name.isEmpty, !entry.name.utf8.contains(UInt8(ascii: "=")),
                !entry.name.utf8.contains(0),
                !entry.value.utf8.contains(0)
            else {
                throw .invalid(
                    "\(place(name)).\(entry.name): a name is not empty and has no `=`, and neither has a NUL byte"
                )
            }
        }
        return entries
    }

    static func string(_ value: JSONValue, _ place: String) throws(ClientError) -> String {
        guard case .string(let text) = value else {
            throw .invalid("\(place): expected a string, found \(value.typeName)")
        }
        return text
    }

    static func integer(_ value: JSONValue, _ place: String, in range: ClosedRange<Int64>) throws(ClientError)
        -> Int64
    {
        switch value {
        case .integer(let number) where range.contains(number): return number
        case .integer, .unsigned:
            throw .invalid(
                "\(place): expected an integer from \(range.lowerBound) to \(range.upperBound), found \(JSONWriter.text(value))"
            )
        default: throw .invalid("\(place): expected an integer, found \(value.typeName)")
        }
    }
}
