// SPDX-License-Identifier: Apache-2.0

/// Reads the declarations of a BARE schema in their order.
struct SchemaParser {
    private static let primitives: Set<String> = ["str", "data", "bool", "u16", "u32", "u64", "i32", "i64"]

    private let tokens: [SchemaToken]
    private var position = 0
    private var known: Set<String> = []

    static func declarations(_ source: String) throws -> [SchemaDeclaration] {
        var parser = SchemaParser(tokens: try SchemaLexer.tokens(source))
        return try parser.declarations()
    }

    private init(tokens: [SchemaToken]) { self.tokens = tokens }

    private mutating func declarations() throws -> [SchemaDeclaration] {
        var found: [SchemaDeclaration] = []
        var section = "Types"
        while position < tokens.count {
            if tokens[position].kind == .section {
                section = tokens[position].text
                position += 1
                continue
            }
            try expect("type")
            let line = line
            let name = try word()
            guard known.insert(name).inserted else { throw error("\(name) is declared twice", at: line) }
            found.append(SchemaDeclaration(name: name, type: try type(), section: section))
        }
        return found
    }

    private var line: Int { position < tokens.count ? tokens[position].line : tokens.last?.line ?? 0 }
    private func error(_ reason: String, at line: Int? = nil) -> SchemaError {
        SchemaError(line: line ?? self.line, reason: reason)
    }

    private mutating func next() throws -> SchemaToken {
        guard position < tokens.count else { throw error("unexpected end of the schema") }
        defer { position += 1 }
        return tokens[position]
    }

    private mutating func word() throws -> String {
        let token = try next()
        guard token.kind == .word else {
            throw SchemaError(line: token.line, reason: "expected a name, found \(token.text)")
        }
        return token.text
    }

    private mutating func expect(_ text: String) throws {
        let token = try next()
        guard token.text == text else {
            throw SchemaError(line: token.line, reason: "expected \(text), found \(token.text)")
        }
    }

    private mutating func accept(_ text: String) -> Bool {
        guard position < tokens.count, tokens[position].text == text else { return false }
        position += 1
        return true
    }

    private mutating func inBrackets() throws -> SchemaType {
        try expect("<")
        let inner = try type()
        try expect(">")
        return inner
    }

    private mutating func type() throws -> SchemaType {
        let nameLine = line
        let name = try word()
        switch name {
        case "optional": return .optional(try inBrackets())
        case "list": return .list(try inBrackets())
        case "map": return .map(key: try inBrackets(), value: try inBrackets())
        case "void": return .void
        case "struct":
            try expect("{")
            var fields: [SchemaType.Field] = []
            while !accept("}") {
                let line = line
                let name = try word()
                guard !fields.contains(where: { $0.name == name }) else {
                    throw error("\(name) is declared twice", at: line)
                }
                try expect(":")
                fields.append(SchemaType.Field(name: name, type: try type()))
            }
            return .structure(fields)
        case "enum", "union":
            try expect("{")
            var members: [SchemaType.Member] = []
            while !accept("}") {
                _ = accept("|")
                members.append(try member(isType: name == "union", of: members))
            }
            return name == "enum" ? .enumeration(members) : .union(members)
        default:
            if Self.primitives.contains(name) { return .primitive(name) }
            guard known.contains(name) else {
                throw error("\(name) is used before it is declared", at: nameLine)
            }
            return .reference(name)
        }
    }

    /// `NAME = NUMBER`: in a union, the name is that of a type.
    private mutating func member(isType: Bool, of others: [SchemaType.Member]) throws -> SchemaType.Member {
        let line = line
        let name = try word()
        if isType, !known.contains(name) { throw error("\(name) is used before it is declared", at: line) }
        if others.contains(where: { $0.name == name }) { throw error("\(name) is declared twice", at: line) }
        try expect("=")
        guard let tag = UInt64(try word()) else { throw error("expected a number for \(name)", at: line) }
        if others.contains(where: { $0.tag == tag }) {
            throw error("the number \(tag) of \(name) is taken", at: line)
        }
        return SchemaType.Member(name: name, tag: tag)
    }
}
