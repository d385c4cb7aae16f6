// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// The members of one object of a script, read by name; a member that nobody knows is refused.
struct ScriptObject {
    let json: JSONValue
    let names: [String]

    init(_ json: JSONValue, allowed: [String]? = nil) throws(ScriptError) {
        guard case .object(let members) = json else {
            throw ScriptError("expected an object, found \(json.typeName)")
        }
        self.json = json
        names = members.map(\.name)
        if let allowed { try allow(allowed) }
    }

    func allow(_ allowed: [String]) throws(ScriptError) {
        for name in names where !allowed.contains(name) {
            throw ScriptError("unknown member \"\(name)\"; accepted: \(allowed.joined(separator: ", "))")
        }
    }

    func has(_ name: String) -> Bool { json[name] != nil }

    func value(_ name: String) throws(ScriptError) -> JSONValue {
        guard let value = json[name] else { throw ScriptError("member \"\(name)\" is missing") }
        return value
    }

    func string(_ name: String) throws(ScriptError) -> String {
        guard let text = try value(name).stringValue else {
            throw ScriptError("\"\(name)\" must be a string, found \(try value(name).typeName)")
        }
        return text
    }

    func flag(_ name: String) throws(ScriptError) -> Bool? {
        guard let value = json[name] else { return nil }
        guard case .bool(let flag) = value else { throw ScriptError("\"\(name)\" must be true or false") }
        return flag
    }

    func integer<Number: FixedWidthInteger>(_ name: String) throws(ScriptError) -> Number? {
        guard let value = json[name] else { return nil }
        guard let number = value.integerValue.flatMap(Number.init(exactly:)) else {
            throw ScriptError("\"\(name)\" must be an integer from \(Number.min) to \(Number.max)")
        }
        return number
    }

    /// A count or a size: an integer from 0.
    func count(_ name: String) throws(ScriptError) -> Int {
        guard let number: Int = try integer(name), number >= 0 else {
            throw ScriptError("\"\(name)\" must be an integer from 0")
        }
        return number
    }

    func list<Element>(
        _ name: String,
        _ element: (JSONValue) throws(ScriptError) -> Element
    ) throws(ScriptError) -> [Element]? {
        guard let value = json[name] else { return nil }
        guard case .array(let values) = value else { throw ScriptError("\"\(name)\" must be a list") }
        var elements: [Element] = []
        for (index, value) in values.enumerated() {
            do { elements.append(try element(value)) } catch { throw error.below("\(name)[\(index)]") }
        }
        return elements
    }
}
