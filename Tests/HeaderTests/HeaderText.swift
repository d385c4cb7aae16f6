// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport

/// A function as the header declares and describes it.
struct HeaderFunction: Sendable, CustomStringConvertible {
    let name: String
    let returnType: String
    let parameters: [String]
    /// The comment before it, without stars.
    let comment: String
    var description: String { name }
}

/// A field of a struct of the header.
struct HeaderField: Sendable, Equatable {
    let structure: String
    let name: String
}

/// The header, taken apart as far as the tests need it.
enum HeaderText {
    static let path: String = "include/agentos.h"

    static let functions: [HeaderFunction] = {
        let lines = (try? Repository.lines(path)) ?? []
        var found: [HeaderFunction] = []
        var comment: [Substring] = []
        var isInComment = false
        var declaration: String?
        for line in lines {
            if line.hasPrefix("/**") {
                comment = []
                isInComment = true
            }
            if isInComment {
                comment.append(line)
                isInComment = !line.hasSuffix("*/")
                continue
            }
            if line.hasPrefix("AOS_API ") { declaration = "" }
            guard var text = declaration else {
                if !line.isEmpty { comment = [] }
                continue
            }
            text += " " + line
            declaration = text
            guard line.hasSuffix(";") else { continue }
            if let function = function(text, comment) { found.append(function) }
            declaration = nil
            comment = []
        }
        return found
    }()

    /// `AOS_API type name(parameters);` in one line.
    private static func function(_ text: String, _ comment: [Substring]) -> HeaderFunction? {
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")") else { return nil }
        let head = text[..<open].split(whereSeparator: { " *".contains($0) })
        guard let name = head.last else { return nil }
        var type = String(text[..<open].dropLast(name.count))
        if let range = type.firstRange(of: "AOS_API ") { type.removeSubrange(range) }
        let parameters = split(text[text.index(after: open)..<close]).compactMap(parameterName)
        let words = comment.map { line in
            String(line.drop { "/* ".contains($0) }.reversed().drop { "/* ".contains($0) }.reversed())
        }
        return HeaderFunction(
            name: String(name),
            returnType: type.split(separator: " ").joined(separator: " "),
            parameters: parameters,
            comment: words.joined(separator: "\n")
        )
    }

    /// At the commas outside parentheses.
    private static func split(_ text: Substring) -> [Substring] {
        var parts: [Substring] = []
        var depth = 0
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case "(": depth += 1
            case ")": depth -= 1
            case "," where depth == 0:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return parts + [text[start...]]
    }

    /// The last word, or that in `(*name)`; nil for `void`.
    private static func parameterName(_ text: Substring) -> String? {
        var text = text
        if let star = text.firstRange(of: "(*"), let close = text.firstIndex(of: ")") {
            text = text[star.upperBound..<close]
        }
        let name = text.split(whereSeparator: { " *".contains($0) }).last.map(String.init)
        return name == "void" ? nil : name
    }

    /// The fields of the structs whose layout is promised.
    static let fields: [HeaderField] = {
        var found: [HeaderField] = []
        var structure: String?
        for line in (try? Repository.lines(path)) ?? [] {
            if line.hasPrefix("typedef struct "), line.hasSuffix("{") {
                structure = line.split(separator: " ").dropFirst(2).first.map(String.init)
            } else if line.hasPrefix("}") {
                structure = nil
            } else if let name = structure, let end = line.firstIndex(of: ";") {
                let word = line[..<end].split(whereSeparator: { " *".contains($0) }).last ?? ""
                found.append(HeaderField(structure: name, name: String(word)))
            }
        }
        return found
    }()

    /// The names of its constants: macros without parameters that stand for a number.
    static let constants: [String] = {
        let others: Set<Substring> = ["AGENTOS_H", "AOS_API", "AOS_COMPLETION_INIT"]
        return ((try? Repository.lines(path)) ?? []).compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 1, words[0] == "#define", !words[1].contains("("), !others.contains(words[1])
            else { return nil }
            return String(words[1])
        }
    }()
}

/// Calls of the tools that these tests need.
enum Tool {
    /// Runs a program that is looked for in PATH.
    static func run(_ name: String, _ arguments: [String]) throws -> ChildRun {
        let run = try ChildRun.run("/usr/bin/env", [name] + arguments)
        guard run.end != .exited(127) else {
            throw FileError(name, "not found: run scripts/setup.sh --only tests")
        }
        return run
    }

    /// Compiles C from `source` and gives what the program wrote.
    static func output(ofC source: String) throws -> [Substring] {
        try withTestFolder { folder in
            try writeFile("\(folder)/a.c", Array(source.utf8))
            let compiled = try run(
                "cc",
                ["-std=c11", "-I\(Repository.root)/include", "-o", "\(folder)/a", "\(folder)/a.c"]
            )
            guard compiled.end == .exited(0) else { throw FileError("a.c", compiled.errorText) }
            let ran = try ChildRun.run("\(folder)/a")
            guard ran.end == .exited(0) else { throw FileError("a", "ended with \(ran.end)") }
            return ran.outputText.split(separator: "\n")
        }
    }
}
