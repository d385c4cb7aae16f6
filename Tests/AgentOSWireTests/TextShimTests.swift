// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import CAgentOSShims
import Testing

@Suite("Text of the C shims, against the standard library")
struct TextShimTests {
    private func isUTF8(_ bytes: [UInt8]) -> Bool { aos_shim_is_utf8(bytes, bytes.count) != 0 }
    private func isString(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    @Test("every pair of bytes is UTF-8 exactly where the standard library says so")
    func pairs() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max where isUTF8([first, second]) != isString([first, second]) {
                Issue.record("\(first) \(second)")
            }
        }
    }

    @Test("all leads with all second bytes and borders behind, alone and after seven letters")
    func longer() {
        let borders: [UInt8] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for first in UInt8(0xC0)...UInt8.max {
            for second in UInt8.min...UInt8.max {
                for third in borders {
                    for fourth in borders {
                        let bytes = [first, second, third, fourth]
                        let shifted = Array("abcdefg".utf8) + bytes
                        if isUTF8(bytes) != isString(bytes) || isUTF8(shifted) != isUTF8(bytes) {
                            Issue.record("\(bytes)")
                        }
                    }
                }
            }
        }
    }

    @Test("text that is cut anywhere is UTF-8 exactly where the standard library says so")
    func cut() {
        let text = Array("ascii only here, ü ß € 漢字 🚀🏴󠁧󠁢 e\u{301} \u{10FFFF} \u{FEFF}end".utf8)
        for start in text.indices {
            for end in start...text.count {
                let bytes = Array(text[start..<end])
                if isUTF8(bytes) != isString(bytes) { Issue.record("\(start)..<\(end)") }
            }
        }
    }

    @Test("text with one byte changed is UTF-8 exactly where the standard library says so")
    func random() {
        var generator = SeededGenerator(seed: 6)
        let text = Array("0123456789 üöä €€€ 🚀🚀 abcdefghijklmnop".utf8)
        for _ in 0..<20_000 {
            var bytes = text
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                in: 0...255,
                using: &generator
            )
            if isUTF8(bytes) != isString(bytes) { Issue.record("\(bytes)") }
        }
    }

    @Test(
        "a JSON string has the size that the writer gives it, for every character below U+0180 and longer text"
    )
    func stringSize() {
        var texts = (UInt32(0)..<0x180).compactMap { Unicode.Scalar($0).map { String(Character($0)) } }
        texts += ["", "\"\\\u{8}\u{C}\n\r\t\u{1}\u{7F}/", "🚀 \u{2028}", texts.joined()]
        for text in texts {
            let utf8 = Array(text.utf8)
            #expect(
                Int(aos_shim_json_string_size(utf8, utf8.count)) == JSONWriter.bytes(.string(text)).count - 2
            )
        }
    }

    @Test("bytes as JSON numbers have the size that the writer gives them")
    func bytesSize() {
        var generator = SeededGenerator(seed: 7)
        for bytes in [[], [0], [9, 10, 99, 100, 255], Array(UInt8.min...UInt8.max), generator.bytes(1000)] {
            let json = JSONWriter.bytes(.array(bytes.map { .integer(Int64($0)) }))
            #expect(Int(aos_shim_json_bytes_size(bytes, bytes.count)) == json.count)
        }
    }
}
