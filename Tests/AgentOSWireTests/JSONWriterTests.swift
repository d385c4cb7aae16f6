// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("JSONWriter: the reference's spelling (wire-protocol.md 4)")
struct JSONWriterTests {
    static let numbers: [(Double, String)] = [
        (100, "100.0"), (1e16, "1e+16"), (18_446_744_073_709_551_616, "1.8446744073709552e+19"),
        (-0.0, "-0.0"),
        (0, "0.0"), (1, "1.0"), (-1.5, "-1.5"), (0.1, "0.1"), (1e15, "1000000000000000.0"),
        (123_456_789_012_345_680, "1.2345678901234568e+17"), (1_234_567_890_123_456.8, "1234567890123456.8"),
        (1e-5, "0.00001"), (1e-6, "1e-6"), (1.5e-6, "1.5e-6"), (1e-7, "1e-7"), (0.000012, "0.000012"),
        (.leastNonzeroMagnitude, "5e-324"),
        (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (1e21, "1e+21"), (123e-20, "1.23e-18"),
    ]

    @Test("a double is written in its shortest digits, with .0 on whole values", arguments: numbers)
    func double(number: Double, text: String) throws {
        #expect(JSONWriter.text(.double(number)) == text)
        #expect(Double(text)?.bitPattern == number.bitPattern)
    }

    @Test("10 000 random doubles are read again bit for bit")
    func randomDoubles() throws {
        var generator = SeededGenerator(seed: 10)
        for _ in 0..<10_000 {
            let number = Double(bitPattern: generator.next())
            guard number.isFinite else { continue }
            guard case .double(let again) = try JSONReader.parse(JSONWriter.text(.double(number))) else {
                throw VectorError("\(number) became another kind of value")
            }
            #expect(again.bitPattern == number.bitPattern)
        }
    }

    @Test("integers keep their digits")
    func integers() {
        #expect(
            JSONWriter.text(.array([.integer(.min), .integer(.max), .unsigned(.max)]))
                == "[-9223372036854775808,9223372036854775807,18446744073709551615]"
        )
    }

    @Test("only quotation mark, reverse solidus and what is below U+0020 is escaped")
    func strings() {
        let controls = (UInt8(0)..<0x20).map { String(Unicode.Scalar($0)) }.joined()
        #expect(
            JSONWriter.text(.string(controls))
                == #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r"#
                + #"\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f""#
        )
        #expect(JSONWriter.text(.string("\"\\/\u{7F}é🚀\u{2028}")) == "\"\\\"\\\\/\u{7F}é🚀\u{2028}\"")
    }

    @Test("members stand as given, or sorted by the bytes of their names, of repeated ones the last alone")
    func order() throws {
        let value = try JSONReader.parse(
            "{\"b\":1,\"a\":{\"z\":1,\"y\":2},\"b\":2,\"\u{E9}\":3,\"e\u{301}\":4,\"\":5,\"ab\":6}"
        )
        #expect(
            JSONWriter.text(value)
                == "{\"b\":1,\"a\":{\"z\":1,\"y\":2},\"b\":2,\"\u{E9}\":3,\"e\u{301}\":4,\"\":5,\"ab\":6}"
        )
        #expect(
            JSONWriter.text(value, order: .byBytes)
                == "{\"\":5,\"a\":{\"y\":2,\"z\":1},\"ab\":6,\"b\":2,\"e\u{301}\":4,\"\u{E9}\":3}"
        )
    }

    @Test("there is no white space")
    func compact() throws {
        let text = #"[ { "a" : [ ] , "b" : { } } , null , true , false ]"#
        #expect(JSONWriter.text(try JSONReader.parse(text)) == text.filter { $0 != " " })
    }
}
