// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import AgentOSWire
import Testing

@Suite("Dialect: a foreign one is named (architecture decision 7)")
struct DialectTests {
    private func check(tag: UInt64 = 2, name: String, version: UInt16, rest: [UInt8] = []) throws(FrameError)
    {
        var writer = BareWriter()
        writer.uint(tag)
        writer.str(name)
        writer.u16(version)
        let bytes = writer.finish() + rest
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(FrameError) in try Dialect.check(buffer) }
        }
        try result.get()
    }

    @Test("our own passes, whatever follows")
    func own() throws { try check(name: "agent-os-sidecar", version: 1, rest: [0xFF]) }

    @Test("another name or version is reported, whatever the tag and the rest")
    func foreign() {
        #expect(throws: FrameError.unsupportedSchema(name: "agent-os-sidecar", version: 2)) {
            try check(tag: 99, name: "agent-os-sidecar", version: 2)
        }
        #expect(throws: FrameError.unsupportedSchema(name: "Other_1.x", version: 1)) {
            try check(name: "Other_1.x", version: 1, rest: [1, 2])
        }
    }

    @Test("bytes that do not look like a frame of this family are left to the decoder")
    func garbage() throws {
        try check(name: "", version: 7)
        try check(name: "with space", version: 7)
        try check(name: String(repeating: "x", count: 65), version: 7)
        for bytes in [[], [2], [2, 5, 0x61], [2, 1, 0xFF, 0, 0], [2, 1, 0x61, 9]] as [[UInt8]] {
            try bytes.withUnsafeBytes { try Dialect.check($0) }
        }
    }

    @Test("JSON text of a frame's first bytes is the schema that every frame carries (wire-protocol.md 5)")
    func schemaBytes() throws {
        let expected = Array("\u{10}agent-os-sidecar\u{1}\0".utf8)
        for vector in Vector.frames { #expect(Array(vector.payload[1..<20]) == expected) }
        #expect(Dialect.bridgeVersion == 1)
        #expect(Dialect.defaultMaximumFrameSize == 1_048_576)
    }
}
