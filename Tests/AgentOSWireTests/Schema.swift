// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

/// The schema, read a second time and apart from the generator, so that a mistake there does not hide itself.
struct Schema: Sendable {
    indirect enum Shape: Sendable {
        case named(String)
        case optional(Shape)
        case list(Shape)
        case map(Shape, Shape)
        case structure([(name: String, shape: Shape)])
        case enumeration
        case union([String])
    }

    private(set) var types: [String: Shape] = [:]
    static let current: Schema? = try? Schema(Repository.text("schema/agent-os-sidecar-v1.bare"))

    init(_ source: String) throws {
        var tokens: [Substring] = []
        for line in source.split(separator: "\n") {
            let code = line.prefix { $0 != "#" }
            tokens += code.split { $0.isWhitespace || $0 == "|" || $0 == ":" }.flatMap(Self.parts)
        }
        var rest = tokens[...]
        while let word = rest.popFirst() {
            try Self.expect("type", word)
            let name = String(try Self.next(&rest))
            types[name] = try Self.shape(&rest)
        }
    }

    /// `map<str><str>` as its signs and words.
    private static func parts(_ word: Substring) -> [Substring] {
        var parts: [Substring] = []
        var rest = word
        while !rest.isEmpty {
            let name = rest.prefix { $0 != "<" && $0 != ">" }
            parts.append(name.isEmpty ? rest.prefix(1) : name)
            rest = rest.dropFirst(max(name.count, 1))
        }
        return parts
    }

    private static func shape(_ rest: inout ArraySlice<Substring>) throws -> Shape {
        switch try next(&rest) {
        case "optional": return .optional(try bracketed(&rest))
        case "list": return .list(try bracketed(&rest))
        case "map": return .map(try bracketed(&rest), try bracketed(&rest))
        case "void": return .structure([])
        case "struct":
            try expect("{", next(&rest))
            var fields: [(name: String, shape: Shape)] = []
            while let name = rest.popFirst(), name != "}" { fields.append((String(name), try shape(&rest))) }
            return .structure(fields)
        case "enum", "union":
            let isNumbered = rest.popFirst() == "{" && rest.dropFirst(2).first?.first?.isNumber == true
            var members: [String] = []
            while let name = rest.popFirst(), name != "}" {
                members.append(String(name))
                rest = rest.dropFirst(2)
            }
            guard isNumbered else { throw VectorError("members without numbers") }
            return members.allSatisfy { $0 == $0.uppercased() } ? .enumeration : .union(members)
        case let name: return .named(String(name))
        }
    }

    private static func next(_ rest: inout ArraySlice<Substring>) throws -> Substring {
        guard let token = rest.popFirst() else { throw VectorError("the schema ends too early") }
        return token
    }

    private static func expect(_ expected: Substring, _ token: Substring) throws {
        guard token == expected else { throw VectorError("\(expected) expected, found \(token)") }
    }

    private static func bracketed(_ rest: inout ArraySlice<Substring>) throws -> Shape {
        try expect("<", next(&rest))
        let inner = try shape(&rest)
        try expect(">", next(&rest))
        return inner
    }
}
