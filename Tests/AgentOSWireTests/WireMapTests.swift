// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@Suite("WireMap: order on the wire (wire-protocol.md 3)")
struct WireMapTests {
    @Test("names are ordered by bytes, a prefix first, and equivalent ones stay apart")
    func names() {
        let names = ["b", "\u{E9}", "ab", "e\u{301}", "", "a", "B", "🚀", "\u{FFFF}"]
        let map = WireMap(names.map { (key: $0, value: $0) })
        #expect(
            map.sorted.map { Array($0.key.utf8) }
                == ["", "B", "a", "ab", "b", "e\u{301}", "\u{E9}", "\u{FFFF}", "🚀"].map { Array($0.utf8) }
        )
    }

    @Test("numbers are ordered as numbers")
    func numbers() {
        let map = WireMap<UInt32, Bool>([256, 10, 2, .max, 0].map { (key: $0, value: true) })
        #expect(map.sorted.map(\.key) == [0, 2, 10, 256, .max])
    }

    @Test("of a repeated key the last value is the map's")
    func repeated() {
        let map = WireMap<String, Int>([("a", 1), ("b", 2), ("a", 3), ("a", 4)])
        #expect(map.sorted.map(\.key) == ["a", "b"])
        #expect(map.sorted.map(\.value) == [4, 2])
        #expect(map["a"] == 4)
        #expect(map["c"] == nil)
    }

    @Test(
        "a number as key of the JSON form is digits",
        arguments: [("0", 0), ("15", 15), ("4294967295", UInt32.max)]
    )
    func jsonKey(text: String, number: UInt32) throws {
        #expect(try UInt32(jsonKey: text) == number)
        #expect(number.jsonKey == text)
    }

    @Test("anything else as key is refused", arguments: ["", "-1", "4294967296", "1.0", "a", " 1"])
    func badJSONKey(text: String) { #expect(throws: JSONFormError.self) { try UInt32(jsonKey: text) } }
}
