// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("ByteKey")
struct ByteKeyTests {
    @Test("names that are canonically equivalent but differ in bytes are two keys")
    func bytes() {
        let composed = ByteKey("\u{E9}")
        let decomposed = ByteKey("e\u{301}")
        #expect(composed.text == decomposed.text)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, ByteKey("\u{E9}")]).count == 2)
        #expect(ByteKey("a").hashValue == ByteKey("a").hashValue)
        #expect(ByteKey("") == ByteKey(""))
        #expect(ByteKey("a\0") != ByteKey("a"))
    }
}
