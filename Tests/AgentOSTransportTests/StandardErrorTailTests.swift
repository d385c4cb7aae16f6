// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("StandardErrorTail")
struct StandardErrorTailTests {
    /// Writes bytes as a child would, and reads them after each piece.
    private func tail(_ bytes: [UInt8]) throws -> StandardErrorTail {
        let pipe = try SystemCall.pipe()
        let tail = StandardErrorTail(pipe.read)
        for start in stride(from: 0, to: bytes.count, by: 32_768) {
            let piece = Array(bytes[start..<min(start + 32_768, bytes.count)])
            #expect(write(pipe.write.number, piece, piece.count) == piece.count)
            tail.collect()
        }
        return tail
    }

    @Test(
        "a text is shown without white space around it",
        arguments: [
            ("", ""), ("   \n\t ", ""), ("oops", "oops"), ("\n  oops: no\n\n", "oops: no"),
            ("two\nlines\r\n", "two\nlines"),
        ]
    )
    func trimmed(written: String, shown: String) throws {
        #expect(try tail(Array(written.utf8)).text == shown)
    }

    @Test("bytes that are no UTF-8 are replaced")
    func badUTF8() throws {
        #expect(try tail([0x61, 0xFF, 0x62, 0xC3]).text == "a\u{FFFD}b\u{FFFD}")
    }

    @Test("exactly 4 KiB are shown whole")
    func whole() throws {
        let text = String(repeating: "x", count: 4095) + "y"
        #expect(try tail(Array(text.utf8)).text == text)
    }

    @Test("of more the last 4 KiB are shown, from the start of a line where one is near")
    func atALine() throws {
        let lines = (0..<2000).map { "line \($0)" }.joined(separator: "\n")
        let shown = try tail(Array(lines.utf8)).text
        #expect(shown.utf8.count <= 4096)
        #expect(shown.utf8.count >= 4096 - 512)
        #expect(shown.hasPrefix("line "))
        #expect(lines.hasSuffix("\n" + shown))
    }

    @Test("without a line start within 512 bytes the text is cut where it is")
    func noLine() throws {
        let near =
            String(repeating: "a", count: 4000) + String(repeating: "b", count: 511) + "\n"
            + String(repeating: "c", count: 3584)
        #expect(try tail(Array(near.utf8)).text == String(repeating: "c", count: 3584))
        let far =
            String(repeating: "a", count: 4000) + String(repeating: "b", count: 512) + "\n"
            + String(repeating: "c", count: 3583)
        let shown = try tail(Array(far.utf8)).text
        #expect(shown.utf8.count == 4096)
        #expect(shown.hasPrefix("bbb"))
    }

    @Test("a character that is cut at the beginning is replaced, not dropped with what follows")
    func cutCharacter() throws {
        let text = "x" + String(repeating: "é", count: 4096)
        let shown = try tail(Array(text.utf8)).text
        #expect(shown == String(repeating: "é", count: 2048))
        let odd = try tail(Array((text + "z").utf8)).text
        #expect(odd == "\u{FFFD}" + String(repeating: "é", count: 2047) + "z")
    }

    @Test("of a flood the end is kept")
    func flood() throws {
        var generator = SeededGenerator(seed: 1)
        let flood = (0..<40_000).map { "\($0) \(UInt8.random(in: 0...255, using: &generator))" }
        let text = flood.joined(separator: "\n")
        let shown = try tail(Array(text.utf8)).text
        #expect(text.hasSuffix(shown) && shown.utf8.count > 3500)
    }

    @Test("the I/O thread reads it by itself, and forgets it at its end")
    func watched() throws {
        let pipe = try SystemCall.pipe()
        let tail = StandardErrorTail(pipe.read)
        tail.start()
        write(pipe.write.number, "hello\n", 6)
        #expect(Parallel.waits { tail.text == "hello" })
        tail.stop()
        write(pipe.write.number, "late\n", 5)
        tail.collect()
        #expect(tail.text == "hello")
    }
}
