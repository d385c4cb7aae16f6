// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("StandardInput (process.md 6.2, 6.3)")
struct StandardInputTests {
    private let most = StandardInput.maximumWrite

    @Test("what fits is one piece, also nothing")
    func single() {
        for count in [0, 1, most] {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(StandardInput.pieces(bytes).map(\.count) == [count])
        }
    }

    @Test("bytes are cut where the limit is")
    func bytes() {
        let bytes = [UInt8](repeating: 0xFF, count: 2 * most + 1)
        #expect(StandardInput.pieces(bytes).map(\.count) == [most, most, 1])
        #expect(StandardInput.pieces([UInt8](repeating: 0xBF, count: most + 1)).map(\.count) == [most, 1])
    }

    @Test("text is not cut inside a character", arguments: 0..<5)
    func text(shift: Int) {
        let text = String(repeating: "a", count: shift) + String(repeating: "🚀é", count: 100_000)
        let bytes = Array(text.utf8)
        let pieces = StandardInput.pieces(bytes)
        #expect(pieces.flatMap { $0 } == bytes)
        for piece in pieces where String(validating: piece, as: UTF8.self) == nil || piece.count > most {
            Issue.record("\(piece.count) bytes")
        }
    }
}
