// SPDX-License-Identifier: Apache-2.0

/// A word or a sign of the schema, or a section heading from a comment (`# 3. Shared enums (...)`).
struct SchemaToken {
    enum Kind: Equatable { case word, sign, section }
    let kind: Kind
    let text: String
    let line: Int
}

enum SchemaLexer {
    static func tokens(_ source: String) throws -> [SchemaToken] {
        var tokens: [SchemaToken] = []
        for (index, line) in source.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            let code = line.prefix { $0 != "#" }
            if let section = section(line.dropFirst(code.count)) {
                tokens.append(SchemaToken(kind: .section, text: section, line: number))
            }
            var word = ""
            func flush() {
                if !word.isEmpty { tokens.append(SchemaToken(kind: .word, text: word, line: number)) }
                word = ""
            }
            for character in code {
                if character.isLetter || character.isNumber || character == "_" {
                    word.append(character)
                } else {
                    flush()
                    if "{}<>|=:".contains(character) {
                        tokens.append(SchemaToken(kind: .sign, text: String(character), line: number))
                    } else if !character.isWhitespace {
                        throw SchemaError(line: number, reason: "unexpected character \(character)")
                    }
                }
            }
            flush()
        }
        return tokens
    }

    /// `# 5. Requests (host to sidecar)` -> `Requests`. Sub-headings such as `# 5a.` do not count.
    private static func section(_ comment: Substring) -> String? {
        let words = comment.dropFirst().split(separator: " ")
        guard comment.hasPrefix("# "), words.count > 1, words[0].hasSuffix("."),
            Int(words[0].dropLast()) != nil
        else {
            return nil
        }
        // `# 8. Callbacks: sidecar requests (...)`: what explains the title is no part of it.
        let title = comment.dropFirst(2 + words[0].count).prefix { $0 != "(" && $0 != ":" }
        return title.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}
