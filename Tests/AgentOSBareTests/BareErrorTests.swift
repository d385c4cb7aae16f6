// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import Testing

@Suite("BareError: the reference's words (wire-protocol.md 10)")
struct BareErrorTests {
    static let errors: [(BareError, String)] = [
        (.unexpectedEnd(offset: 7), "unexpected end of input"),
        (.invalidUTF8(offset: 7), "invalid utf-8 in string"),
        (.invalidVarint(offset: 7), "continuation bit indicated an invalid variable-length integer"),
        (.unknownTag(type: "ProtocolFrame", tag: 123, offset: 7), "unknown ProtocolFrame tag: 123"),
        (.invalidText(detail: "EOF at line 1 column 0", offset: 7), "EOF at line 1 column 0"),
    ]

    @Test("each error has its text and knows its place", arguments: errors)
    func text(error: BareError, detail: String) {
        #expect(error.detail == detail)
        #expect(error.offset == 7)
    }
}
