// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Requests to frames, refused here when the sidecar would refuse them for their size (transport.md 4.2).
enum RequestEncoder {
    /// A request this many times smaller than the limit cannot be too large in the JSON form either: one byte
    /// of a `data` field has at most 4 characters there, one of a text at most 6.
    private static let measuredFraction = 8

    /// The frame, with a number that is replaced when it is sent.
    static func encode(_ payload: RequestPayload, _ owner: FrameOwner, limit: Int) throws(ClientError)
        -> [UInt8]
    {
        let bytes: [UInt8]
        do { bytes = try FrameCodec.encode(request: payload, owner, limit: limit) } catch {
            if case .tooLarge(let size, let limit) = error {
                throw ClientError(.tooLarge, error.text) { ($0.size, $0.limit) = (size, limit) }
            }
            throw ClientError(.transport, error.text) { $0.request = payload.typeName }
        }
        if bytes.count > limit / measuredFraction {
            let frame = RequestFrame(
                schema: Dialect.schema,
                requestId: 1,
                ownership: owner.scope,
                payload: payload
            )
            try measure(frame, limit: limit)
        }
        return bytes
    }

    /// The sidecar's own words, without the round trip.
    private static func measure(_ frame: RequestFrame, limit: Int) throws(ClientError) {
        // The real number may have up to 19 digits where ours has one.
        let size = RequestSize.jsonSize(of: frame) + 18
        guard size > limit else { return }
        throw ClientError(.tooLarge, "request frame is \(size) bytes, limit is \(limit)") { detail in
            detail.code = "frame_too_large"
            (detail.size, detail.limit) = (size, limit)
        }
    }
}
