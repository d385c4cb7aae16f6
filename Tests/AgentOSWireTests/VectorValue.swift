// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

/// Turns the `value` of a vector (Tests/Corpus/vectors, spelled for comparing) into the frame's JSON form.
struct VectorValue {
    let schema: Schema
    /// An optional JSON text was there and `null`: the one thing that the JSON form cannot say.
    private(set) var hasPresentNull = false

    init() throws { schema = try #require(Schema.current) }

    mutating func jsonForm(_ value: JSONValue?) throws -> JSONValue {
        try convert(try #require(value), .named("ProtocolFrame"))
    }

    private mutating func convert(_ value: JSONValue, _ shape: Schema.Shape) throws -> JSONValue {
        switch shape {
        case .named("data"):
            let bytes = try #require(value.stringValue.flatMap { Hex.bytes($0) })
            return .array(bytes.map { .integer(Int64($0)) })
        case .named("JsonUtf8"): return try JSONReader.parse(try #require(value.stringValue))
        case .named("str"), .named("bool"), .named("u16"), .named("u32"), .named("u64"), .named("i32"),
            .named("i64"),
            .enumeration:
            return value
        case .named(let name):
            guard case .union(let members) = try #require(schema.types[name], "\(name)") else {
                return try convert(value, try #require(schema.types[name]))
            }
            return try union(value, name, members)
        case .optional(let inner):
            if value == .null { return .null }
            if case .named("JsonUtf8") = inner, value == .string("null") { hasPresentNull = true }
            return try convert(value, inner)
        case .list(let inner):
            guard case .array(let elements) = value else { throw VectorError("no array: \(value)") }
            return .array(try elements.map { try convert($0, inner) })
        case .map(_, let inner):
            guard case .array(let pairs) = value else { throw VectorError("no pairs: \(value)") }
            return .object(try pairs.map { try member($0, inner) })
        case .structure(let fields): return try structure(value, fields)
        case .union: throw VectorError("a union without a name")
        }
    }

    private mutating func member(_ pair: JSONValue, _ inner: Schema.Shape) throws -> JSONMember {
        guard case .array(let pair) = pair, pair.count == 2 else { throw VectorError("no pair: \(pair)") }
        let name = pair[0].stringValue ?? JSONWriter.text(pair[0])
        return JSONMember(name, try convert(pair[1], inner))
    }

    private mutating func structure(
        _ value: JSONValue,
        _ fields: [(name: String, shape: Schema.Shape)]
    ) throws -> JSONValue {
        var members: [JSONMember] = []
        for field in fields where field.name != "placeholder" {
            let name = field.name.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
            if case .optional = field.shape {
                members.append(JSONMember(name, try convert(value[field.name] ?? .null, field.shape)))
            } else {
                members.append(
                    JSONMember(name, try convert(try #require(value[field.name], "\(name)"), field.shape))
                )
            }
        }
        return .object(members)
    }

    private mutating func union(_ value: JSONValue, _ name: String, _ members: [String]) throws -> JSONValue {
        if name.hasSuffix("PermissionScope") {
            if case .string = value { return value }
            return try convert(value, .named(try #require(members.first { $0.hasSuffix("RuleSet") })))
        }
        let tag =
            switch name {
            case "ProtocolFrame": "frameType"
            case "OwnershipScope": "scope"
            case "SidecarPlacement", "RootFilesystemLowerDescriptor": "kind"
            default: "type"
            }
        let type = try #require(value[tag]?.stringValue)
        let member = try #require(members.first { Self.typeNames(type).contains($0) }, "\(name) \(type)")
        guard case .object(let fields) = try convert(value, .named(member)) else { throw VectorError(type) }
        return .object([JSONMember(tag == "frameType" ? "frame_type" : tag, .string(type))] + fields)
    }

    /// What a union's member with this JSON name may be called in the schema.
    private static func typeNames(_ json: String) -> [String] {
        let irregular = [
            "vm_fetch_result": "VmFetchResponse",
            "permission_request_result": "SidecarPermissionResultResponse",
            "acp_request_result": "SidecarAcpResultResponse",
        ]
        let words = json.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        let suffixes = [
            "", "Request", "Response", "Event", "Frame", "Ownership", "Lower", "RootFilesystemLower",
        ]
        return [irregular[json] ?? "", "Sidecar\(words)", "SidecarPlacement\(words)"]
            + suffixes.map { words + $0 }
    }
}

struct VectorError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
