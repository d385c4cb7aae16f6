// SPDX-License-Identifier: Apache-2.0

extension SwiftEmitter {
    private static let swiftNames: [String: String] = [
        "str": "String", "data": "[UInt8]", "bool": "Bool", "u16": "UInt16", "u32": "UInt32", "u64": "UInt64",
        "i32": "Int32", "i64": "Int64",
    ]

    func swift(_ type: SchemaType) -> String {
        switch type {
        case .primitive(let name): Self.swiftNames[name] ?? name
        case .reference("JsonUtf8"): "JSONText"
        case .reference("RequestId"): "Int64"
        case .reference(let name): name
        case .optional(let inner): "\(swift(inner))?"
        case .list(let inner): "[\(swift(inner))]"
        case .map(let key, let value): "WireMap<\(swift(key)), \(swift(value))>"
        case .structure, .enumeration, .union, .void: "Never"
        }
    }

    /// Lists, maps and optionals need not be named where they are empty.
    func initialValue(_ type: SchemaType) -> String {
        switch type {
        case .optional: " = nil"
        case .list: " = []"
        case .map: " = WireMap()"
        default: ""
        }
    }

    private func resolved(_ type: SchemaType) -> SchemaType {
        if case .reference("RequestId") = type { return .primitive("i64") }
        return type
    }

    func read(_ type: SchemaType) -> String {
        switch resolved(type) {
        case .primitive(let name): return "reader.\(name)()"
        case .optional(let inner): return "reader.optional \(reading(inner))"
        case .list(let inner): return "reader.list \(reading(inner))"
        case .map(let key, let value):
            return "WireMap(from: &reader, key: \(reading(key)), value: \(reading(value)))"
        default: return "\(swift(type))(from: &reader)"
        }
    }

    private func reading(_ type: SchemaType) -> String {
        "{ (reader) throws(BareError) in try \(read(type)) }"
    }

    func write(_ type: SchemaType, _ value: String) -> String {
        switch resolved(type) {
        case .primitive(let name): return "writer.\(name)(\(value))"
        case .optional(let inner): return "writer.optional(\(value)) \(writing(inner))"
        case .list(let inner): return "writer.list(\(value)) \(writing(inner))"
        case .map(let key, let item):
            return "\(value).write(to: &writer, key: \(writing(key)), value: \(writing(item)))"
        default: return "\(value).write(to: &writer)"
        }
    }

    private func writing(_ type: SchemaType) -> String { "{ writer, value in \(write(type, "value")) }" }

    func jsonMember(_ owner: String, _ field: SchemaType.Field) -> String {
        let name = Names.snake(field.name)
        if case .optional(let inner) = field.type {
            return "object.optional(\"\(name)\") \(readingJSON(inner))"
        }
        if let fallback = JSONFormRules.defaults["\(owner).\(field.name)"] {
            return "object.optional(\"\(name)\", default: \(fallback)) \(readingJSON(field.type))"
        }
        return "object.required(\"\(name)\") \(readingJSON(field.type))"
    }

    private func readingJSON(_ type: SchemaType) -> String {
        "{ (value) throws(JSONFormError) in \(readJSON(type)) }"
    }

    private func readJSON(_ type: SchemaType) -> String {
        switch resolved(type) {
        case .primitive("str"): return "try JSONForm.string(value)"
        case .primitive("data"): return "try JSONForm.data(value)"
        case .primitive("bool"): return "try JSONForm.bool(value)"
        case .primitive: return "try JSONForm.integer(value)"
        case .reference("JsonUtf8"): return "try JSONForm.text(value)"
        case .list(let inner): return "try JSONForm.list(value) \(readingJSON(inner))"
        case .map(_, let inner): return "try JSONForm.map(value) \(readingJSON(inner))"
        default: return "try \(swift(type))(json: value)"
        }
    }

    func writeJSON(_ type: SchemaType, _ value: String) -> String {
        switch resolved(type) {
        case .primitive("str"): return ".string(\(value))"
        case .primitive("data"): return "JSONForm.data(\(value))"
        case .primitive("bool"): return ".bool(\(value))"
        case .primitive: return "JSONForm.integer(\(value))"
        case .optional(let inner):
            return "JSONForm.optional(\(value)) { value in \(writeJSON(inner, "value")) }"
        case .list(let inner): return ".array(\(value).map { value in \(writeJSON(inner, "value")) })"
        case .map(_, let inner): return "JSONForm.map(\(value)) { value in \(writeJSON(inner, "value")) }"
        default: return "\(value).json"
        }
    }
}
