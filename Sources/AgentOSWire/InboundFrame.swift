// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare
package import AgentOSSystem
internal import CAgentOSShims

/// A frame from the sidecar, decoded for use: file content and process output already lie in blocks of their
/// own.
package enum InboundFrame: Sendable {
    case response(id: Int64, FrameOwner, ResponseBody)
    case event(FrameOwner, EventBody)
    case callback(id: Int64, FrameOwner, SidecarRequestPayload)
    /// A frame that only a host may send.
    case unexpected(type: String)
}

package enum ResponseBody: Sendable {
    case payload(ResponsePayload)
    /// The answer to `read_file`, decoded once, straight from the frame.
    case fileContent(FileContent)

    package var typeName: String {
        switch self {
        case .payload(let payload): payload.typeName
        case .fileContent: "guest_filesystem_result"
        }
    }
}

package enum FileContent: Sendable {
    case bytes(ByteBlock)
    case absent
    case invalidBase64
}

package enum EventBody: Sendable {
    case payload(EventPayload)
    case output(processID: String, StreamChannel, ByteBlock)
}

extension InboundFrame {
    /// A payload by itself, of no stream.
    package static func decode(_ payload: UnsafeRawBufferPointer) throws(FrameError) -> InboundFrame {
        var last: FrameOwner?
        return try decode(payload, &last)
    }

    /// Decodes and validates one payload. The bytes are borrowed for the call; `last` is the owner of
    /// the stream's last frame.
    package static func decode(
        _ payload: UnsafeRawBufferPointer,
        _ last: inout FrameOwner?
    ) throws(FrameError) -> InboundFrame {
        // A sidecar answers in the form in which it was spoken to, and the library speaks BARE alone: readers of
        // the JSON form of every answer would be a part of it that nobody uses.
        if payload.first == JSONFrameCodec.firstByte {
            throw .undecodableJSON("the JSON payload form, where BARE is spoken")
        }
        if payload.first == 2 || payload.first == 3, let frame = try? quick(payload, &last) { return frame }
        return try general(payload)
    }

    /// Whatever is odd about a frame, this says what, as `FrameCodec` does, without its part that writes.
    private static func general(_ payload: UnsafeRawBufferPointer) throws(FrameError) -> InboundFrame {
        try Dialect.check(payload)
        var reader = BareReader(payload)
        let tag = try read(&reader) { (reader) throws(BareError) in try reader.uint() }
        switch tag {
        case 1:
            let frame = try last(&reader) { (reader) throws(BareError) in try RequestFrame(from: &reader) }
            try ProtocolFrame.check(frame)
            return .unexpected(type: "request")
        case 2:
            let frame = try last(&reader) { (reader) throws(BareError) in try ResponseFrame(from: &reader) }
            try ProtocolFrame.check(frame)
            return .response(id: frame.requestId, FrameOwner(frame.ownership), .payload(frame.payload))
        case 3:
            let frame = try last(&reader) { (reader) throws(BareError) in try EventFrame(from: &reader) }
            try ProtocolFrame.check(frame)
            return .event(FrameOwner(frame.ownership), .payload(frame.payload))
        case 4:
            let frame = try last(&reader) { (reader) throws(BareError) in
                try SidecarRequestFrame(from: &reader)
            }
            try ProtocolFrame.check(frame)
            return .callback(id: frame.requestId, FrameOwner(frame.ownership), frame.payload)
        case 5:
            let frame = try last(&reader) { (reader) throws(BareError) in
                try SidecarResponseFrame(from: &reader)
            }
            try ProtocolFrame.check(frame)
            return .unexpected(type: "sidecar_response")
        default: throw .undecodable(.unknownTag(type: "ProtocolFrame", tag: tag, offset: 0))
        }
    }

    private static func read<Part>(
        _ reader: inout BareReader,
        _ body: (inout BareReader) throws(BareError) -> Part
    ) throws(FrameError) -> Part {
        do { return try body(&reader) } catch { throw .undecodable(error) }
    }

    /// The last part: nothing may follow.
    private static func last<Part>(
        _ reader: inout BareReader,
        _ body: (inout BareReader) throws(BareError) -> Part
    ) throws(FrameError) -> Part {
        let part = try read(&reader, body)
        guard reader.isAtEnd else { throw .trailingBytes(reader.end - reader.offset) }
        return part
    }

    /// Answers and events that are as they should be; nil leaves the frame to the general decoder.
    private static func quick(
        _ payload: UnsafeRawBufferPointer,
        _ last: inout FrameOwner?
    ) throws(BareError) -> InboundFrame? {
        guard Dialect.begins(payload) else { return nil }
        var reader = BareReader(payload)
        reader.offset = 1 + Dialect.encodedSize
        let isResponse = payload[0] == 2
        let id: Int64 = isResponse ? try reader.i64() : 1
        let owner = try FrameOwner.read(&reader, &last)
        guard id > 0, !owner.hasEmptyID else { return nil }
        let start = reader.offset
        let kind = try reader.uint()
        if isResponse {
            if kind == 17, case .vm = owner.scope, try GuestFilesystemOperation(from: &reader) == .readFile {
                guard let content = try fileContent(&reader), reader.isAtEnd else { return nil }
                return .response(id: id, owner, .fileContent(content))
            }
            reader.offset = start
            let body = try ResponsePayload(from: &reader)
            guard reader.isAtEnd, body.scopeRule.allows(owner.scope) else { return nil }
            return .response(id: id, owner, .payload(body))
        }
        if kind == 2, case .vm = owner.scope {
            let process = try reader.str()
            let channel = try StreamChannel(from: &reader)
            let chunk = try reader.span()
            guard reader.isAtEnd, let block = ByteBlock.copy(chunk) else { return nil }
            return .event(owner, .output(processID: process, channel, block))
        }
        reader.offset = start
        let body = try EventPayload(from: &reader)
        guard reader.isAtEnd, body.scopeRule.allows(owner.scope) else { return nil }
        return .event(owner, .payload(body))
    }

    /// The members of a `guest_filesystem_result` behind its operation; nil if one is there that no read has.
    private static func fileContent(_ reader: inout BareReader) throws(BareError) -> FileContent? {
        guard isUTF8(try reader.span()) else { return nil }
        let content: UnsafeRawBufferPointer? = try reader.bool() ? try reader.span() : nil
        let encoding = try reader.optional { (reader) throws(BareError) in
            try RootFilesystemEntryEncoding(from: &reader)
        }
        for _ in 0..<4 where try reader.bool() { return nil }
        guard let content else { return .absent }
        guard encoding == .base64 else {
            return isUTF8(content) ? ByteBlock.copy(content).map { .bytes($0) } : nil
        }
        let bytes = content.assumingMemoryBound(to: UInt8.self)
        var decoded: Int64 = 0
        // The decoder stores whole vectors: up to 8 bytes more than it has decoded.
        let block = ByteBlock.filled(capacity: content.count / 4 * 3 + 8) { target in
            decoded = aos_shim_base64_decode(
                bytes.baseAddress,
                bytes.count,
                target.assumingMemoryBound(to: UInt8.self).baseAddress
            )
            return Int(max(decoded, 0))
        }
        if decoded < 0 { return isUTF8(content) ? .invalidBase64 : nil }
        return block.map { .bytes($0) }
    }

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        aos_shim_is_utf8(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count) != 0
    }
}
