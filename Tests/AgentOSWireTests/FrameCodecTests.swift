// SPDX-License-Identifier: Apache-2.0
import AgentOSFuzzing
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("FrameCodec: golden frames (wire-protocol.md 5 to 8, vectors/frames.jsonl)")
struct FrameCodecTests {
    @Test("every line of frames.jsonl is tested: 165, of which 161 canonical")
    func count() {
        #expect(Vector.frames.count == 165)
        #expect(Vector.frames.count { $0.isCanonical } == 161)
    }

    @Test("a golden frame decodes to its value", arguments: Vector.frames)
    func decodes(vector: Vector) throws {
        var converter = try VectorValue()
        let expected = try converter.jsonForm(vector.line["value"])
        let frame = try FrameCodec.decode(vector.frame)
        #expect(frame.json == expected)
        #expect(frame.typeName == vector.text("kind"))
    }

    @Test("a canonical frame is encoded to the same bytes again", arguments: Vector.canonical)
    func reencodes(vector: Vector) throws {
        #expect(Hex.text(try FrameCodec.encode(try FrameCodec.decode(vector.frame))) == vector.text("hex"))
    }

    @Test("the value of a canonical frame is encoded to its bytes", arguments: Vector.canonical)
    func encodes(vector: Vector) throws {
        var converter = try VectorValue()
        let json = try converter.jsonForm(vector.line["value"])
        let bytes = try FrameCodec.encode(try ProtocolFrame(json: json))
        if converter.hasPresentNull {
            // wire-protocol.md 13: JSON reads a present null as absent, so the frames must differ.
            #expect(Hex.text(bytes) != vector.text("hex"))
        } else {
            #expect(Hex.text(bytes) == vector.text("hex"))
        }
    }

    @Test("the lines that JSON cannot say are these")
    func presentNulls() throws {
        let names = try Vector.frames.filter { vector in
            var converter = try VectorValue()
            _ = try converter.jsonForm(vector.line["value"])
            return converter.hasPresentNull
        }
        #expect(
            names.map(\.testDescription) == [
                "session-request-params-null", "session-created-json-null", "tool-invocation-result-null",
            ]
        )
    }

    @Test(
        "a frame in other than canonical bytes is written canonically, but JSON text is kept as it came",
        arguments: Vector.noncanonical
    )
    func noncanonical(vector: Vector) throws {
        let bytes = try FrameCodec.encode(try FrameCodec.decode(vector.frame))
        let isText = vector.testDescription == "noncanonical-json-text"
        #expect(Hex.text(bytes) == vector.text(isText ? "hex" : "canonicalHex"))
    }

    @Test("no prefix of a golden payload is a frame", arguments: Vector.frames)
    func truncated(vector: Vector) {
        for count in 0..<vector.payload.count {
            let payload = Array(vector.payload[..<count])
            #expect(throws: FrameError.self, "\(count) bytes") { try FrameCodec.decode(payload: payload) }
        }
    }

    @Test("what the fuzzer checks holds for every golden frame", arguments: Vector.frames)
    func fuzzInvariants(vector: Vector) {
        #expect(vector.payload.withUnsafeBytes { FuzzTargets.check($0) } == nil)
    }

    @Test("golden frames with a few bytes changed are decoded or refused, alike by both decoders")
    func mutations() {
        var generator = SeededGenerator(seed: 2)
        for vector in Vector.frames where vector.payload.count < 4096 {
            for _ in 0..<40 {
                var payload = vector.payload
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let place = Int.random(in: 20..<payload.count, using: &generator)
                    payload[place] =
                        [0, 1, 2, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
                        .randomElement(using: &generator) ?? 0
                }
                let problem = payload.withUnsafeBytes { FuzzTargets.check($0) }
                #expect(problem == nil, "\(vector.testDescription) \(Hex.text(payload))")
            }
        }
    }

    @Test("the limit is inclusive, when reading and when writing (wire-protocol.md 2)")
    func limit() throws {
        let vector = try #require(Vector.frames.first)
        let size = vector.payload.count
        let frame = try FrameCodec.decode(vector.frame, limit: size)
        #expect(try FrameCodec.encode(frame, limit: size) == vector.frame)
        let error = FrameError.tooLarge(size: size, limit: size - 1)
        #expect(throws: error) { try FrameCodec.decode(vector.frame, limit: size - 1) }
        #expect(throws: error) { try FrameCodec.encode(frame, limit: size - 1) }
    }

    @Test(
        "a length above the limit is refused before the length is compared with the bytes (wire-protocol.md 2)"
    )
    func limitFirst() {
        #expect(throws: FrameError.tooLarge(size: 5, limit: 4)) {
            try FrameCodec.decode([0, 0, 0, 5, 1], limit: 4)
        }
        #expect(throws: FrameError.lengthMismatch(declared: 4, actual: 1)) {
            try FrameCodec.decode([0, 0, 0, 4, 1], limit: 4)
        }
    }

    @Test("the length in front counts what follows elsewhere")
    func setLength() throws {
        var bytes: [UInt8] = [0, 0, 0, 0, 9, 9]
        try FrameCodec.setLength(of: &bytes, extra: 0x0102_00, limit: 1 << 20)
        #expect(bytes == [0, 1, 2, 2, 9, 9])
        let kept = bytes
        #expect(throws: FrameError.tooLarge(size: 12, limit: 11)) {
            try FrameCodec.setLength(of: &bytes, extra: 10, limit: 11)
        }
        #expect(bytes == kept)
    }

    @Test("a length that four bytes cannot hold is refused, whatever the limit")
    func lengthOverflow() {
        var bytes: [UInt8] = [0, 0, 0, 0]
        let size = Int(UInt32.max) + 1
        #expect(throws: FrameError.tooLarge(size: size, limit: .max)) {
            try FrameCodec.setLength(of: &bytes, extra: size, limit: .max)
        }
    }

    @Test("the request id lies where its offset says", arguments: Vector.requests)
    func requestIDOffset(vector: Vector) throws {
        var bytes = vector.frame
        bytes.replaceSubrange(
            FrameCodec.requestIDOffset..<FrameCodec.requestIDOffset + 8,
            with: [8, 7, 6, 5, 4, 3, 2, 1]
        )
        guard case .request(let frame) = try FrameCodec.decode(bytes) else { throw VectorError("no request") }
        #expect(frame.requestId == 0x0102_0304_0506_0708)
    }
}
