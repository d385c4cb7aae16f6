// SPDX-License-Identifier: Apache-2.0
import AgentOSFuzzing
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("FrameCodec: malformed frames (wire-protocol.md 9 and 10, vectors/malformed.jsonl)")
struct MalformedFrameTests {
    static let rejected = Vector.malformed.filter { $0.text("expect") == "reject" }
    static let either = Vector.malformed.filter { $0.text("expect") == "either" }
    static let fixedText = "protocol frame deserialization failed: "

    /// The details that are the reference's own and part of the protocol (wire-protocol.md 10).
    static func isFixed(_ detail: Substring) -> Bool {
        detail.hasPrefix("unexpected end") || detail.hasPrefix("invalid utf-8")
            || detail.hasPrefix("continuation bit")
            || (detail.hasPrefix("unknown ") && detail.contains(" tag: "))
    }

    @Test("every line of malformed.jsonl is tested: 44 to reject, 5 either way")
    func count() {
        #expect(Self.rejected.count == 44)
        #expect(Self.either.count == 5)
    }

    @Test("a malformed frame is rejected with the reference's kind and text", arguments: rejected)
    func rejects(vector: Vector) throws {
        do throws(FrameError) {
            _ = try FrameCodec.decode(vector.frame)
            Issue.record("accepted")
        } catch {
            try expect(error, as: vector)
        }
    }

    @Test("InboundFrame rejects a malformed payload with the reference's kind and text", arguments: rejected)
    func rejectsInbound(vector: Vector) throws {
        // What is wrong with the length is the business of the stream, not of the payload.
        let isFraming = ["TruncatedFrame", "FrameTooLarge", "LengthPrefixMismatch"].contains(
            vector.text("errorKind")
        )
        if isFraming { return }
        if vector.payload.first == UInt8(ascii: "{") {
            #expect(throws: FrameError.undecodableJSON("the JSON payload form, where BARE is spoken")) {
                try InboundFrame.decode(payload: vector.payload)
            }
            return
        }
        do throws(FrameError) {
            _ = try InboundFrame.decode(payload: vector.payload)
            Issue.record("accepted")
        } catch {
            try expect(error, as: vector)
        }
    }

    private func expect(_ error: FrameError, as vector: Vector) throws {
        #expect(error.kind == vector.text("errorKind"))
        let expected = try #require(vector.text("error"))
        guard expected.hasPrefix(Self.fixedText), !Self.isFixed(expected.dropFirst(Self.fixedText.count))
        else {
            #expect(error.text == expected)
            return
        }
        #expect(error.text.hasPrefix(Self.fixedText))
        #expect(error.text.count > Self.fixedText.count)
    }

    @Test("a lenient form gives the reference's value or an error", arguments: either)
    func lenient(vector: Vector) throws {
        var converter = try VectorValue()
        let expected = try converter.jsonForm(vector.line["value"])
        do throws(FrameError) {
            let frame = try FrameCodec.decode(vector.frame)
            #expect(frame.json == expected)
            #expect(Hex.text(try FrameCodec.encode(frame)) == vector.text("canonicalHex"))
        } catch {
            // Of the five, bytes behind the frame are the one thing that we refuse.
            #expect(vector.testDescription == "trailing-bytes")
            #expect(error == .trailingBytes(1) || error.kind == "DeserializeFailure")
        }
    }

    @Test("both decoders agree on every malformed payload", arguments: Vector.malformed)
    func agreement(vector: Vector) {
        #expect(vector.payload.withUnsafeBytes { FuzzTargets.check($0) } == nil)
    }
}
