// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@Suite("JSONText and JSONValue (wire-protocol.md 4 and 18)")
struct JSONTextTests {
    @Test("text that was checked is kept letter by letter")
    func kept() throws {
        let text = " {\"b\":1E2, \"a\":\"\\u0041\"}\n"
        #expect(try JSONText(checking: text).text == text)
        #expect(try JSONText(checking: text).value["b"] == .double(100))
    }

    @Test(
        "text that is no document is refused",
        arguments: ["", "{", "1 2", "\u{FEFF}{}", "1e400", #""\ud800""#]
    )
    func refused(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONText(checking: text) }
    }

    @Test("text made of a value has sorted members")
    func sorted() {
        let value = JSONValue.members(["b": .integer(1), "none": nil, "a": .null])
        #expect(JSONText(value).text == #"{"a":null,"b":1}"#)
        #expect(JSONText.null.text == "null")
        #expect(JSONText.emptyObject.text == "{}")
    }

    @Test("texts are equal byte for byte, values as JSON")
    func equality() throws {
        #expect(try JSONText(checking: "[1]") != JSONText(checking: "[ 1 ]"))
        #expect(try JSONText(checking: "\"\u{E9}\"") != JSONText(checking: "\"e\u{301}\""))
        #expect(try JSONReader.parse(#"{"a":1,"b":2}"#) == JSONReader.parse(#"{"b":2,"a":1}"#))
        #expect(try JSONReader.parse(#"{"a":1}"#) != JSONReader.parse(#"{"a":1,"b":2}"#))
        #expect(try JSONReader.parse(#"{"a":1}"#) != JSONReader.parse(#"{"b":1}"#))
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
        #expect(JSONValue.integer(1) != .double(1))
    }

    @Test("strings are compared and ordered by bytes")
    func bytes() {
        #expect(!"\u{E9}".hasSameBytes(as: "e\u{301}"))
        #expect("é".hasSameBytes(as: "é"))
        #expect("a".precedesByBytes("ab"))
        #expect(!"ab".precedesByBytes("a"))
        #expect("Z".precedesByBytes("a"))
        #expect("\u{FFFF}".precedesByBytes("🚀"))
    }
}
