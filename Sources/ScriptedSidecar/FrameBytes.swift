// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Frames as bytes, also those that the codec refuses to write.
enum FrameBytes {
    static func encode(_ frame: ProtocolFrame) throws(ScriptError) -> [UInt8] {
        if let bytes = try? FrameCodec.encode(frame, limit: Int(UInt32.max)) { return bytes }
        return try encodeFaulty(frame)
    }

    /// The payload from a sound frame of the same kind, behind a head that says what the script says.
    private static func encodeFaulty(_ frame: ProtocolFrame) throws(ScriptError) -> [UInt8] {
        let (wanted, sound) = (head(of: frame), sounded(frame))
        let bytes: [UInt8]
        do { bytes = try FrameCodec.encode(sound, limit: Int(UInt32.max)) } catch {
            throw ScriptError("frame cannot be encoded, use \"hex\": \(error.text)")
        }
        let body = wanted + bytes[(FrameCodec.prefixSize + head(of: sound).count)...]
        return withUnsafeBytes(of: UInt32(truncatingIfNeeded: body.count).bigEndian) { Array($0) } + body
    }

    private static func sounded(_ frame: ProtocolFrame) -> ProtocolFrame {
        switch frame {
        case .request(let frame):
            .request(
                RequestFrame(
                    schema: Dialect.schema,
                    requestId: 1,
                    ownership: ownership(frame.payload.scopeRule),
                    payload: frame.payload
                )
            )
        case .response(let frame):
            .response(
                ResponseFrame(
                    schema: Dialect.schema,
                    requestId: 1,
                    ownership: ownership(frame.payload.scopeRule),
                    payload: frame.payload
                )
            )
        case .event(let frame):
            .event(
                EventFrame(
                    schema: Dialect.schema,
                    ownership: ownership(frame.payload.scopeRule),
                    payload: frame.payload
                )
            )
        case .sidecarRequest(let frame):
            .sidecarRequest(
                SidecarRequestFrame(
                    schema: Dialect.schema,
                    requestId: -1,
                    ownership: ownership(.vm),
                    payload: frame.payload
                )
            )
        case .sidecarResponse(let frame):
            .sidecarResponse(
                SidecarResponseFrame(
                    schema: Dialect.schema,
                    requestId: -1,
                    ownership: ownership(.vm),
                    payload: frame.payload
                )
            )
        }
    }

    private static func ownership(_ rule: ScopeRule) -> OwnershipScope {
        switch rule {
        case .any, .connection: .connection("c")
        case .session: .session(SessionOwnership(connectionId: "c", sessionId: "s"))
        case .vm, .sessionOrVM: .vm(VmOwnership(connectionId: "c", sessionId: "s", vmId: "v"))
        }
    }

    private static func head(of frame: ProtocolFrame) -> [UInt8] {
        switch frame {
        case .request(let frame): head(1, frame.schema, frame.requestId, frame.ownership)
        case .response(let frame): head(2, frame.schema, frame.requestId, frame.ownership)
        case .event(let frame): head(3, frame.schema, nil, frame.ownership)
        case .sidecarRequest(let frame): head(4, frame.schema, frame.requestId, frame.ownership)
        case .sidecarResponse(let frame): head(5, frame.schema, frame.requestId, frame.ownership)
        }
    }

    private static func head(
        _ tag: UInt8,
        _ schema: ProtocolSchema,
        _ id: Int64?,
        _ ownership: OwnershipScope
    ) -> [UInt8] {
        var bytes: [UInt8] = [tag]
        append(schema.name, to: &bytes)
        withUnsafeBytes(of: schema.version.littleEndian) { bytes.append(contentsOf: $0) }
        if let id { withUnsafeBytes(of: id.littleEndian) { bytes.append(contentsOf: $0) } }
        let ids = ownership.ids
        bytes.append(UInt8(ids.count))  // The scopes' tags count their ids (wire-protocol.md 6).
        for id in ids { append(id.value, to: &bytes) }
        return bytes
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        var rest = text.utf8.count
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        bytes.append(contentsOf: text.utf8)
    }
}
