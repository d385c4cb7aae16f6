// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSSystem

@Suite("UTF8Tail")
struct UTF8TailTests {
    @Test("a piece of a text lacks what is missing of its last character, wherever it is cut")
    func everyCut() {
        for text in ["", "a", "aé", "é日", "日本語", "a😀", "😀é", "\u{800}\u{D7FF}\u{E000}\u{10000}\u{10FFFF}"] {
            let bytes = Array(text.utf8)
            for end in 0...bytes.count {
                let piece = bytes[..<end]
                var whole = piece
                while String(validating: Array(whole), as: UTF8.self) == nil { whole.removeLast() }
                #expect(UTF8Tail.length(of: piece) == piece.count - whole.count, "\(text) \(end)")
            }
        }
    }

    @Test(
        "what can never become a character is not waited for",
        arguments: [
            [0x80], [0x80, 0x80, 0x80], [0xFF], [0xC0], [0xC1], [0xF5], [0xC3, 0xA9], [0x61, 0xBF],
            [0xE0, 0x80], [0xED, 0xA0], [0xF0, 0x8F], [0xF4, 0x90], [0xF4, 0x90, 0x80],
        ]
    )
    func never(_ bytes: [UInt8]) { #expect(UTF8Tail.length(of: bytes[...]) == 0) }
}
