// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare

/// Frames to bytes and back, with the reference codec's order of checks.
package enum FrameCodec {
    /// Bytes of the big-endian length in front of each payload.
    package static let prefixSize: Int = 4
    /// Room for a request without data in it.
    private static let usualSize = 192
    /// Where a request's id lies in its frame: behind prefix, tag and schema. A fact of this dialect.
    package static let requestIDOffset: Int = prefixSize + 1 + 19

    /// One complete buffer, prefix included.
    package static func decode(buffer: UnsafeRawBufferPointer, limit: Int) throws(FrameError) -> ProtocolFrame
    {
        guard buffer.count >= prefixSize else { throw .truncated(actual: buffer.count) }
        let declared = Int(UInt32(bigEndian: buffer.loadUnaligned(as: UInt32.self)))
        guard declared <= limit else { throw .tooLarge(size: declared, limit: limit) }
        let actual = buffer.count - prefixSize
        guard declared == actual else { throw .lengthMismatch(declared: declared, actual: actual) }
        return try decode(payload: UnsafeRawBufferPointer(rebasing: buffer[prefixSize...]))
    }

    /// One payload: BARE, or the JSON form where it begins with `{`.
    package static func decode(payload: UnsafeRawBufferPointer) throws(FrameError) -> ProtocolFrame {
        payload.first == JSONFrameCodec.firstByte
            ? try JSONFrameCodec.decode(payload) : try decode(bare: payload)
    }

    /// One payload in BARE.
    package static func decode(bare payload: UnsafeRawBufferPointer) throws(FrameError) -> ProtocolFrame {
        try Dialect.check(payload)
        var reader = BareReader(payload)
        let frame: ProtocolFrame
        do { frame = try ProtocolFrame(from: &reader) } catch { throw .undecodable(error) }
        guard reader.isAtEnd else { throw .trailingBytes(reader.end - reader.offset) }
        try frame.validate()
        return frame
    }

    /// A whole frame, prefix included.
    package static func encode(_ frame: ProtocolFrame, limit: Int) throws(FrameError) -> [UInt8] {
        try frame.validate()
        var writer = BareWriter(appendingTo: [0, 0, 0, 0])
        frame.write(to: &writer)
        var bytes = writer.finish()
        try setLength(of: &bytes, extra: 0, limit: limit)
        return bytes
    }

    /// A request frame of which the id is filled in later, when it is sent; the same bytes and errors as
    /// above.
    package static func encode(
        request payload: RequestPayload,
        _ owner: FrameOwner,
        limit: Int
    ) throws(FrameError) -> [UInt8] {
        let rule = payload.scopeRule
        if owner.hasEmptyID || !rule.allows(owner.scope) {
            try ProtocolFrame.check(Dialect.schema, id: 1, positive: true, owner.scope, rule)
        }
        if case .authenticate(let request) = payload, request.authToken.isEmpty { throw .emptyAuthToken }
        var writer = BareWriter()
        begin(&writer, tag: 1, id: 1, owner)
        payload.write(to: &writer)
        var bytes = writer.finish()
        try setLength(of: &bytes, extra: 0, limit: limit)
        return bytes
    }

    /// Prefix, tag, schema, id and owner of a frame, with room for what usually follows.
    static func begin(_ writer: inout BareWriter, tag: UInt64, id: Int64, _ owner: FrameOwner) {
        writer.bytes.reserveCapacity(usualSize)
        writer.u32(0)
        writer.uint(tag)
        Dialect.write(to: &writer)
        writer.i64(id)
        writer.bytes.append(contentsOf: owner.bytes)
    }

    /// The answer to a callback.
    package static func encode(
        answer frame: SidecarResponseFrame,
        limit: Int
    ) throws(FrameError) -> [UInt8] {
        try ProtocolFrame.check(frame)
        var writer = BareWriter(appendingTo: [0, 0, 0, 0])
        writer.uint(5)
        frame.write(to: &writer)
        var bytes = writer.finish()
        try setLength(of: &bytes, extra: 0, limit: limit)
        return bytes
    }

    /// Fills in the prefix of a frame of which `extra` bytes follow elsewhere.
    package static func setLength(of bytes: inout [UInt8], extra: Int, limit: Int) throws(FrameError) {
        let size = bytes.count - prefixSize + extra
        guard size <= limit, let length = UInt32(exactly: size) else {
            throw .tooLarge(size: size, limit: limit)
        }
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: length.bigEndian, as: UInt32.self) }
    }
}

/// The JSON payload form of a frame (wire-protocol.md 13), for diagnostics and `aos_request_json`.
package enum JSONFrameCodec {
    /// By which it is told from BARE.
    static let firstByte: UInt8 = UInt8(ascii: "{")

    package static func decode(_ payload: UnsafeRawBufferPointer) throws(FrameError) -> ProtocolFrame {
        let value: JSONValue
        do { value = try JSONReader.parse(payload) } catch { throw .undecodableJSON(error.text) }
        if let schema = value["schema"], let name = schema["name"]?.stringValue,
            let version = schema["version"]?.integerValue.flatMap(UInt16.init(exactly:)),
            version != Dialect.version || !name.hasSameBytes(as: Dialect.name)
        {
            throw .unsupportedSchema(name: name, version: version)
        }
        let frame: ProtocolFrame
        do { frame = try ProtocolFrame(json: value) } catch { throw .undecodableJSON(error.text) }
        try frame.validate()
        return frame
    }

    /// The payload as the reference writes it: tag first, then schema order, no white space.
    package static func encode(_ frame: ProtocolFrame) throws(FrameError) -> [UInt8] {
        try frame.validate()
        return JSONWriter.bytes(frame.json)
    }
}
