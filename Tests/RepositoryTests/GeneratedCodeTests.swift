// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@Suite("Generated code, and the generator's errors")
struct GeneratedCodeTests {
    static let schema = "schema/agent-os-sidecar-v1.bare"
    static let generated = "Sources/AgentOSWire/Generated"

    private func generate(_ schema: String, _ folder: String) throws -> ChildRun {
        try ChildRun.run("\(Repository.products)/bare-generator", [schema, folder])
    }

    @Test("the generator writes what is checked in, byte for byte, and nothing is there besides")
    func upToDate() throws {
        try withTestFolder { path in
            let run = try generate("\(Repository.root)/\(Self.schema)", path)
            #expect(run.end == .exited(0), "\(run.errorText)")
            let names = try folder(path).sorted()
            #expect(
                try folder("\(Repository.root)/\(Self.generated)").sorted() == names,
                "run `make generate`"
            )
            for name in names {
                let isSame = try readFile("\(path)/\(name)") == Repository.bytes("\(Self.generated)/\(name)")
                #expect(isSame, "\(name) differs: run `make generate`")
            }
        }
    }

    static let broken: [(schema: String, message: String)] = [
        ("type A struct { x: Nothing }\n", "line 1: Nothing is used before it is declared"),
        ("type A struct { x: B }\ntype B str\n", "line 1: B is used before it is declared"),
        ("type A str\n\ntype A u16\n", "line 3: A is declared twice"),
        ("type A enum {\n  X = 1\n  Y = 1\n}\n", "line 3: the number 1 of Y is taken"),
        ("type A enum {\n  X = 1\n  X = 2\n}\n", "line 3: X is declared twice"),
        ("type B str\ntype A union {\n  B = 1 |\n  B = 2\n}\n", "line 4: B is declared twice"),
        (
            "type B str\ntype C str\ntype A union {\n  B = 3 |\n  C = 3\n}\n",
            "line 5: the number 3 of C is taken"
        ),
        ("type A union {\n  B = 1\n}\n", "line 2: B is used before it is declared"),
        ("type A struct {\n  x: str\n  x: u16\n}\n", "line 3: x is declared twice"),
        ("type A enum { X = one }\n", "line 1: expected a number for X"),
        ("type A struct {\n  x: str\n", "line 2: unexpected end of the schema"),
        ("type A optional<str\n", "line 1: unexpected end of the schema"),
        ("type A list str\n", "line 1: expected <, found str"),
        ("enum A { X = 1 }\n", "line 1: expected type, found enum"),
        ("type A ; str\n", "line 1: unexpected character ;"),
        ("type { str\n", "line 1: expected a name, found {"),
    ]

    @Test(
        "a broken schema ends with status 1 and a message with its line, and writes nothing",
        arguments: broken
    )
    func errors(schema: String, message: String) throws {
        try withTestFolder { path in
            try writeFile("\(path)/broken.bare", Array(schema.utf8))
            let run = try generate("\(path)/broken.bare", path)
            #expect(run.end == .exited(1))
            #expect(run.errorText == "bare-generator: \(path)/broken.bare: \(message)\n")
            #expect(try folder(path) == ["broken.bare"])
        }
    }

    @Test("a schema that cannot be read, a folder that cannot be written and wrong arguments have a message")
    func files() throws {
        try withTestFolder { path in
            let unreadable = try generate("\(path)/none.bare", path)
            #expect(unreadable.end == .exited(1))
            #expect(unreadable.errorText == "bare-generator: cannot read \(path)/none.bare\n")
            try writeFile("\(path)/good.bare", Array("type A enum { X = 1 }\n".utf8))
            let unwritable = try generate("\(path)/good.bare", "\(path)/none")
            #expect(unwritable.end == .exited(1))
            #expect(unwritable.errorText == "bare-generator: cannot write \(path)/none/Types.swift\n")
        }
        let wrong = try ChildRun.run("\(Repository.products)/bare-generator")
        #expect(wrong.end == .exited(1))
        #expect(wrong.errorText == "bare-generator: usage: bare-generator SCHEMA FOLDER\n")
    }
}
