// SPDX-License-Identifier: Apache-2.0
import AgentOSWire

/// Frames of a sidecar and of a host, as these tests need them.
enum Frames {
    static let owner = OwnershipScope.connection("conn-1")

    /// An answer whose size grows with its text.
    static func response(_ id: Int64, _ text: String = "x") throws -> [UInt8] {
        let answer = AuthenticatedResponse(sidecarId: text, connectionId: "conn-1", maxFrameBytes: 1 << 20)
        let frame = ResponseFrame(
            schema: Dialect.schema,
            requestId: id,
            ownership: owner,
            payload: .authenticated(answer)
        )
        return try FrameCodec.encode(.response(frame), limit: 1 << 30)
    }

    /// `padding` bytes are no part of the request: a frame of any size, for who looks at sizes alone.
    static func request(_ id: Int64 = 1, padding: Int = 0) throws -> [UInt8] {
        let frame = RequestFrame(
            schema: Dialect.schema,
            requestId: id,
            ownership: owner,
            payload: .authenticate(AuthenticateRequest(clientName: "test", authToken: "t", bridgeVersion: 1))
        )
        var bytes = try FrameCodec.encode(.request(frame), limit: 1 << 20)
        bytes += [UInt8](repeating: 0x61, count: padding)
        withUnsafeBytes(of: UInt32(bytes.count - FrameCodec.prefixSize).bigEndian) { prefix in
            for index in 0..<FrameCodec.prefixSize { bytes[index] = prefix[index] }
        }
        return bytes
    }

    /// The id and the text of an answer made by `response`.
    static func content(_ frame: InboundFrame) -> (id: Int64, text: String)? {
        guard case .response(let id, _, .payload(.authenticated(let answer))) = frame else { return nil }
        return (id, answer.sidecarId)
    }
}
