// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@Suite("FrameError: the reference's words (wire-protocol.md 10)")
struct FrameErrorTests {
    static let errors: [(FrameError, String, String)] = [
        (.truncated(actual: 3), "TruncatedFrame", "protocol frame is truncated: only 3 bytes provided"),
        (
            .lengthMismatch(declared: 61, actual: 60), "LengthPrefixMismatch",
            "protocol frame length prefix mismatch: declared 61 bytes, got 60"
        ),
        (.tooLarge(size: 9, limit: 8), "FrameTooLarge", "protocol frame is 9 bytes, limit is 8"),
        (
            .unsupportedSchema(name: "x", version: 2), "UnsupportedSchema",
            "unsupported protocol schema x@2; expected agent-os-sidecar@1"
        ),
        (.zeroRequestID, "InvalidRequestId", "protocol request identifiers must be non-zero"),
        (
            .wrongDirection(id: -7, mustBePositive: true), "InvalidRequestDirection",
            "protocol request id -7 must be positive"
        ),
        (
            .wrongDirection(id: 7, mustBePositive: false), "InvalidRequestDirection",
            "protocol request id 7 must be negative"
        ),
        (
            .emptyOwnership(field: "vm_id"), "EmptyOwnershipField",
            "protocol ownership field `vm_id` cannot be empty"
        ),
        (.emptyAuthToken, "EmptyAuthToken", "authenticate requests require a non-empty auth token"),
        (
            .wrongScope(required: "session-or-vm", actual: "connection"), "InvalidOwnershipScope",
            "protocol frame requires session-or-vm ownership but carried connection"
        ),
        (
            .trailingBytes(1), "DeserializeFailure",
            "protocol frame deserialization failed: trailing 1 byte(s)"
        ),
    ]

    @Test("each error has the reference's kind and text", arguments: errors)
    func text(error: FrameError, kind: String, text: String) {
        #expect(error.kind == kind)
        #expect(error.text == text)
    }
}
