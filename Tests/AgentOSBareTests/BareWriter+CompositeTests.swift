// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import Testing

@Suite("BareWriter: strings, data, optionals, lists (wire-protocol.md 3)")
struct BareWriterCompositeTests {
    @Test("a string is its count of bytes, then its bytes, unchanged")
    func string() {
        #expect(written { $0.str("") } == [0])
        #expect(written { $0.str("é\0") } == [3, 0xC3, 0xA9, 0])
        #expect(written { $0.str("e\u{301}") } == [3, 0x65, 0xCC, 0x81])
        #expect(written { $0.str(String(repeating: "x", count: 128)) }.prefix(3) == [0x80, 0x01, 0x78])
    }

    @Test("data is its count, then its bytes")
    func data() {
        #expect(written { $0.data([]) } == [0])
        #expect(written { $0.data([0, 0xFF]) } == [2, 0, 0xFF])
    }

    @Test("an optional list tells absent from empty")
    func optional() {
        func bytes(_ list: [String]?) -> [UInt8] {
            written { $0.optional(list) { writer, list in writer.list(list) { $0.str($1) } } }
        }
        #expect(bytes(nil) == [0])
        #expect(bytes([]) == [1, 0])
        #expect(bytes(["a"]) == [1, 1, 1, 0x61])
    }

    @Test("what is written is read again, and every shorter prefix of it is refused")
    func roundTrip() throws {
        let bytes = written { writer in
            writer.list(["one", "", "ü"]) { $0.str($1) }
            writer.optional([1, 2, 3] as [UInt8]) { $0.data($1) }
            writer.list([1, .max] as [UInt64]) { $0.uint($1) }
        }
        func read(_ bytes: [UInt8]) throws(BareError) -> (value: ([String], [UInt8]?, [UInt64]), used: Int) {
            try reading(bytes) { (r) throws(BareError) in
                (
                    try r.list { (r) throws(BareError) in try r.str() },
                    try r.optional { (r) throws(BareError) in try r.data() },
                    try r.list { (r) throws(BareError) in try r.uint() }
                )
            }
        }
        let (value, used) = try read(bytes)
        #expect(value == (["one", "", "ü"], [1, 2, 3], [1, .max]))
        #expect(used == bytes.count)
        for count in 0..<bytes.count {
            #expect(throws: BareError.self) { try read(Array(bytes[..<count])) }
        }
    }
}
