// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("PermissionPolicy (vm.md 5, hazard H21)")
struct PermissionPolicyTests {
    private func policy(_ document: String) throws -> PermissionPolicy {
        try PermissionPolicy(try JSONReader.parse(document), place: "permissions")
    }

    private static func rule(_ mode: String, _ paths: String?, _ operations: String? = nil) -> String {
        #"{"mode":"\#(mode)"\#(paths.map { #","paths":["\#($0)"]"# } ?? "")\#(operations.map { #","operations":["\#($0)"]"# } ?? "")}"#
    }

    static let writing: [(fs: String?, writing: String)] = [
        (nil, "nowhere"), (#""allow""#, "everywhere"), (#""deny""#, "nowhere"), (#""ask""#, "nowhere"),
        ("{}", "nowhere"), (#"{"default":"allow"}"#, "everywhere"), (#"{"default":"ask"}"#, "nowhere"),
        (#"{"rules":[\#(rule("allow", nil))]}"#, "everywhere"),
        (#"{"default":"allow","rules":[\#(rule("deny", nil))]}"#, "nowhere"),
        (#"{"default":"allow","rules":[\#(rule("deny", "/etc/**"))]}"#, "somewhere permissions.fs.rules[0]"),
        (#"{"default":"allow","rules":[\#(rule("deny", "/etc/**", "read"))]}"#, "everywhere"),
        (#"{"default":"allow","rules":[\#(rule("deny", "/**", "write"))]}"#, "nowhere"),
        (#"{"default":"deny","rules":[\#(rule("allow", "/tmp/**"))]}"#, "somewhere permissions.fs.rules[0]"),
        (#"{"default":"deny","rules":[\#(rule("allow", "/tmp/**", "read"))]}"#, "nowhere"),
        (#"{"default":"allow","rules":[\#(rule("deny", "/a")),\#(rule("allow", "**"))]}"#, "everywhere"),
        (
            #"{"default":"allow","rules":[\#(rule("allow", "/x")),\#(rule("ask", "/a", "write"))]}"#,
            "somewhere permissions.fs.rules[1]"
        ),
        (
            #"{"rules":[\#(rule("allow", nil)),\#(rule("deny", "/a")),\#(rule("deny", "/b"))]}"#,
            "somewhere permissions.fs.rules[1]"
        ),
    ]

    @Test("whether files may be written is told from the policy: the last match wins", arguments: writing)
    func writing(fs: String?, writing: String) throws {
        let found: String =
            switch try policy(fs.map { #"{"fs":\#($0)}"# } ?? "{}").reach(of: "write") {
            case .everywhere: "everywhere"
            case .nowhere: "nowhere"
            case .somewhere(let rule): "somewhere \(rule)"
            }
        #expect(found == writing)
    }

    @Test("absent permissions allow everything; an object is sent as it is, its left-out domains left out")
    func wire() throws {
        #expect(
            JSONWriter.text(PermissionPolicy.allowAll.wire.json)
                == #"{"fs":"allow","network":"allow","child_process":"allow","process":"allow","env":"allow","tool":"allow"}"#
        )
        let given = try policy(
            #"{"network":{"default":"deny","rules":[{"mode":"allow","patterns":["a","b"],"operations":["fetch"]},{"mode":"ask"}]},"childProcess":"deny"}"#
        )
        #expect(
            JSONWriter.text(given.wire.json)
                == #"{"fs":null,"network":{"default":"deny","rules":[{"mode":"allow","operations":["fetch"],"patterns":["a","b"]},"#
                + #"{"mode":"ask","operations":["*"],"patterns":["**"]}]},"child_process":"deny","process":null,"env":null,"tool":null}"#
        )
    }

    static let refused: [(document: String, text: String)] = [
        ("[]", "permissions: expected an object, found an array"),
        (
            #"{"disk":"allow"}"#,
            "permissions.disk: unknown member; known are fs, network, childProcess, process, env, tool"
        ),
        (#"{"fs":"yes"}"#, "permissions.fs: expected one of allow, deny, ask, found \"yes\""),
        (#"{"fs":1}"#, "permissions.fs: expected an object, found an integer"),
        (#"{"fs":{"rules":[{}]}}"#, "permissions.fs.rules[0].mode: missing"),
        (
            #"{"fs":{"rules":[{"mode":"deny","patterns":["a"]}]}}"#,
            "permissions.fs.rules[0].patterns: unknown member; known are mode, operations, paths"
        ),
        (
            #"{"childProcess":{"rules":[{"mode":"allow"},{"mode":"deny","patterns":[]}]}}"#,
            "invalid permissions policy: child_process.rules[1].patterns must not be empty; use [\"*\"] for wildcard"
        ),
        (
            #"{"env":{"rules":[{"mode":"deny","operations":["*","raed"]}]}}"#,
            "permissions.env.rules[0].operations[1]: expected one of read, write, *, found \"raed\""
        ),
        (
            #"{"fs":{"rules":[{"mode":"deny","paths":["/a","etc/**"]}]}}"#,
            "permissions.fs.rules[0].paths[1]: matches no path, for it does not begin with /, * or ?: \"etc/**\""
        ),
        (
            #"{"fs":{"rules":[{"mode":"deny","operations":[]}]}}"#,
            "invalid permissions policy: fs.rules[0].operations must not be empty; use [\"*\"] for wildcard"
        ),
    ]

    @Test("a policy with one thing wrong is refused", arguments: refused)
    func refused(document: String, text: String) throws {
        let value = try JSONReader.parse(document)
        #expect(
            refusal { () throws(ClientError) in _ = try PermissionPolicy(value, place: "permissions") }
                == text
        )
    }
}
