// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("JSONReader (wire-protocol.md 4, RFC 8259)")
struct JSONReaderTests {
    static let values: [(String, JSONValue)] = [
        ("null", .null), ("true", .bool(true)), ("false", .bool(false)), ("0", .integer(0)),
        ("-1", .integer(-1)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
        ("18446744073709551616", .double(18_446_744_073_709_551_616)),
        ("-9223372036854775809", .double(-9_223_372_036_854_775_808)), ("1.0", .double(1)),
        ("1E2", .double(100)),
        ("1e-2", .double(0.01)), ("1.5e+3", .double(1500)), ("0.1", .double(0.1)), ("0e0", .double(0)),
        ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
        ("5e-324", .double(.leastNonzeroMagnitude)),
        ("1e-400", .double(0)), ("\"\"", .string("")),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
        (#""\u00e9\u00E9\u0000""#, .string("éé\0")), (#""\ud83d\ude80""#, .string("🚀")),
        (#""\uFFFF\uFEFF""#, .string("\u{FFFF}\u{FEFF}")),
        ("\"\u{7F}/\u{2028}\"", .string("\u{7F}/\u{2028}")),
        ("[]", .array([])), ("[1,[2]]", .array([.integer(1), .array([.integer(2)])])), ("{}", .object([])),
        (" \t\r\n[ 1 , 2 ] \n", .array([.integer(1), .integer(2)])),
        (#"{ "a" : 1 , "b" : {} }"#, .object([JSONMember("a", .integer(1)), JSONMember("b", .object([]))])),
    ]

    @Test("a document is its value, integers of 64 bits exactly", arguments: values)
    func value(text: String, value: JSONValue) throws { #expect(try JSONReader.parse(text) == value) }

    @Test("minus zero is a double, and stays negative")
    func minusZero() throws {
        for text in ["-0", "-0.0", "-0e5"] {
            guard case .double(let number) = try JSONReader.parse(text) else { throw VectorError(text) }
            #expect(number.sign == .minus && number == 0)
        }
    }

    static let refused: [(String, String)] = [
        ("", "EOF while parsing a value"), ("  ", "EOF while parsing a value"),
        ("nul", "EOF while parsing a value"),
        ("nulL", "expected ident"), ("[", "EOF while parsing a value"), ("[1", "EOF while parsing a list"),
        ("[1,]", "trailing comma"), ("[1 2]", "expected `,` or `]`"), ("[,]", "expected value"),
        ("{", "EOF while parsing an object"), (#"{"a"}"#, "expected `:`"), (#"{"a":1,}"#, "trailing comma"),
        ("{a:1}", "key must be a string"), (#"{"a":1 "b":2}"#, "expected `,` or `}`"),
        (#"{"a":}"#, "expected value"),
        ("{} {}", "trailing characters"), ("1 x", "trailing characters"), ("\u{FEFF}1", "expected value"),
        ("1\u{FEFF}", "trailing characters"), ("01", "invalid number"), ("-01", "invalid number"),
        ("00", "invalid number"), ("-", "EOF while parsing a value"), ("-x", "invalid number"),
        ("+1", "expected value"),
        (".5", "expected value"), ("1.", "EOF while parsing a value"), ("1.e5", "invalid number"),
        ("1e", "EOF while parsing a value"), ("1e+", "EOF while parsing a value"), ("1ex", "invalid number"),
        ("1e400", "number out of range"), ("-1e400", "number out of range"), ("NaN", "expected value"),
        ("Infinity", "expected value"), ("0x10", "trailing characters"), ("'a'", "expected value"),
        ("\"", "EOF while parsing a string"), (#""\"#, "EOF while parsing a string"),
        (#""\x""#, "invalid escape"),
        (#""\u12""#, "invalid escape"), (#""\u12g4""#, "invalid escape"),
        (#""\u"#, "EOF while parsing a string"),
        (#""\ud800""#, "lone leading surrogate"), (#""\ud800x""#, "lone leading surrogate"),
        (#""\ud800\n""#, "lone leading surrogate"), (#""\ud800\ud800""#, "lone leading surrogate"),
        (#""\ud800\u0041""#, "lone leading surrogate"), (#""\udc00""#, "lone trailing surrogate"),
        (#""\udfff\ud800""#, "lone trailing surrogate"), ("\"a\nb\"", "control character"),
        ("\"\\n\u{1F}\"", "control character"), ("\"\0\"", "control character"),
        ("[1]//", "trailing characters"),
    ]

    @Test("what is no document is refused, with the reason", arguments: refused)
    func refusal(text: String, reason: String) {
        do throws(JSONSyntaxError) {
            Issue.record("accepted as \(try JSONReader.parse(text))")
        } catch {
            #expect(error.reason.hasPrefix(reason), "\(error.text)")
        }
    }

    @Test("bytes that are not UTF-8 are refused, plain and behind an escape")
    func invalidUTF8() {
        for bytes in [
            [0x22, 0xFF, 0x22], [0x22, 0x5C, 0x6E, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
        ] as [[UInt8]] {
            #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(bytes) }
        }
    }

    @Test("127 levels are allowed, 128 are not", arguments: [("[", "]"), (#"{"a":"#, "}")])
    func depth(open: String, close: String) throws {
        func nested(_ levels: Int) -> String {
            String(repeating: open, count: levels) + (open == "[" ? "" : "1")
                + String(repeating: close, count: levels)
        }
        _ = try JSONReader.parse(nested(127))
        #expect { try JSONReader.parse(nested(128)) } throws: { error in
            (error as? JSONSyntaxError)?.reason == "recursion limit exceeded"
        }
        #expect(throws: JSONSyntaxError.self) {
            try JSONReader.parse(String(repeating: open, count: 1_000_000))
        }
    }

    @Test("levels that were closed do not count")
    func depthIsNotACount() throws {
        _ = try JSONReader.parse("[" + [String](repeating: "[{}]", count: 500).joined(separator: ",") + "]")
    }

    @Test("of a repeated key the last value wins, and the text keeps all")
    func duplicateKeys() throws {
        let value = try JSONReader.parse(#"{"a":1,"b":2,"a":3}"#)
        #expect(value["a"] == .integer(3))
        guard case .object(let members) = value else { throw VectorError("no object") }
        #expect(members.map(\.name) == ["a", "b", "a"])
    }

    @Test("keys that are canonically equivalent but differ in bytes are two (wire-protocol.md 18)")
    func keysByBytes() throws {
        let value = try JSONReader.parse("{\"e\u{301}\":1,\"\u{E9}\":2}")
        #expect(value["e\u{301}"] == .integer(1))
        #expect(value["\u{E9}"] == .integer(2))
    }

    @Test(
        "an error names line and column as the reference does",
        arguments: [
            ("", 1, 0), ("[1,\n 2,\n x]", 3, 2), ("tru", 1, 3), ("{} x", 1, 4), ("{a", 1, 2),
        ]
    )
    func position(text: String, line: Int, column: Int) {
        do throws(JSONSyntaxError) {
            _ = try JSONReader.parse(text)
            Issue.record("accepted")
        } catch {
            #expect((error.line, error.column) == (line, column))
            #expect(error.text == "\(error.reason) at line \(line) column \(column)")
        }
    }

    @Test("no prefix of a document with everything in it is a document")
    func truncated() throws {
        let text = Array(#"{"a":[1.5e3,-2,"\u00e9\ud83d\ude80ü\n",true,null,false],"b":{}}"#.utf8)
        _ = try JSONReader.parse(text)
        for count in 0..<text.count {
            #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(Array(text[..<count])) }
        }
    }

    @Test("random bytes are read or refused, and what is read is written and read to the same")
    func random() throws {
        var generator = SeededGenerator(seed: 9)
        let letters = Array("[]{},:\"\\u0123456789eE+-. truefalsn\n".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                letters.randomElement(using: &generator) ?? 0
            }
            guard let value = try? JSONReader.parse(bytes) else { continue }
            #expect(try JSONReader.parse(JSONWriter.bytes(value)) == value)
        }
    }
}
