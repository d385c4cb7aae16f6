// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import Testing

@Suite("BareReader: strings, data, optionals, lists (wire-protocol.md 3)")
struct BareReaderCompositeTests {
    @Test(
        "a string keeps every byte, also NUL, a byte order mark and combining characters",
        arguments: [
            "", "a", "a\0b", "\u{FEFF}x", "e\u{301}", "\u{E9}", "🚀", String(repeating: "x", count: 200),
        ]
    )
    func string(text: String) throws {
        let bytes = written { $0.uint(UInt64(text.utf8.count)) } + Array(text.utf8)
        let result = try reading(bytes) { (r) throws(BareError) in try r.str() }
        #expect(Array(result.value.utf8) == Array(text.utf8))
        #expect(result.used == bytes.count)
    }

    @Test(
        "a string that is not UTF-8 is refused, with the place of its length",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80],
        ] as [[UInt8]]
    )
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: BareError.invalidUTF8(offset: 1)) {
            try reading([9, UInt8(bytes.count)] + bytes) { (r) throws(BareError) -> String in
                _ = try r.take(1)
                return try r.str()
            }
        }
    }

    @Test("data is taken as it is")
    func data() throws {
        let content = Array(UInt8.min...UInt8.max)
        let bytes: [UInt8] = [0x80, 0x02] + content
        #expect(try reading(bytes) { (r) throws(BareError) in try r.data() } == (content, 258))
        #expect(try reading(bytes) { (r) throws(BareError) in Array(try r.span()) } == (content, 258))
        #expect(try reading([0]) { (r) throws(BareError) in try r.data() } == ([], 1))
    }

    @Test("any flag but 0 means that an optional is there")
    func optional() throws {
        func read(_ bytes: [UInt8]) throws(BareError) -> (value: UInt16?, used: Int) {
            try reading(bytes) { (r) throws(BareError) in
                try r.optional { (r) throws(BareError) in try r.u16() }
            }
        }
        #expect(try read([0, 1, 2]) == (nil, 1))
        #expect(try read([1, 1, 2]) == (0x0201, 3))
        #expect(try read([0xFF, 1, 2]) == (0x0201, 3))
        #expect(throws: BareError.unexpectedEnd(offset: 1)) { try read([1, 1]) }
        #expect(throws: BareError.unexpectedEnd(offset: 0)) { try read([]) }
    }

    private func strings(_ bytes: [UInt8]) throws(BareError) -> (value: [String], used: Int) {
        try reading(bytes) { (r) throws(BareError) in try r.list { (r) throws(BareError) in try r.str() } }
    }

    @Test("a list has its elements in order")
    func list() throws {
        #expect(try strings([2, 1, 0x61, 2, 0x62, 0x63, 9]) == (["a", "bc"], 6))
        #expect(try strings([0]) == ([], 1))
    }

    @Test("a list that ends too early is an unexpected end, at every offset", arguments: 0..<6)
    func truncatedList(count: Int) {
        let whole: [UInt8] = [2, 1, 0x61, 2, 0x62, 0x63]
        #expect(throws: BareError.self) { try strings(Array(whole[..<count])) }
    }

    @Test(
        "a declared count reserves nothing: the largest fails at the end of the bytes",
        arguments: [4, 1 << 20, 1 << 40, UInt64(Int.max), .max] as [UInt64]
    )
    func hugeCount(count: UInt64) {
        // An allocation for any of these counts but the first would trap or run out of memory.
        let bytes = written { $0.uint(count) } + [0, 0, 0]
        #expect(throws: BareError.unexpectedEnd(offset: bytes.count)) { try strings(bytes) }
    }

    @Test("elements without bytes of their own are bounded by the bytes there are", .timeLimit(.minutes(10)))
    func elementsWithoutBytes() throws {
        func voids(_ bytes: [UInt8]) throws(BareError) -> Int {
            try reading(bytes) { (r) throws(BareError) in try r.list { (_) throws(BareError) in () }.count }
                .value
        }
        #expect(throws: BareError.self) { try voids(written { $0.uint(.max) } + [0, 0]) }
        #expect(try voids([2, 0xAA, 0xAA]) == 2)
    }

    @Test("the error of an element is the error of the list")
    func elementError() {
        #expect(throws: BareError.invalidUTF8(offset: 3)) { try strings([2, 1, 0x61, 1, 0xFF]) }
    }
}
