// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare
package import AgentOSSystem
internal import CAgentOSShims

/// A frame from the sidecar, decoded for use: file content and process output already lie in blocks of their
/// own.
package enum InboundFrame: Sendable {
    case response(id: Int64, OwnershipScope, ResponseBody)
    case event(OwnershipScope, EventBody)
    case callback(id: Int64, OwnershipScope, SidecarRequestPayload)
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
    /// Decodes and validates one payload. The bytes are borrowed for the call.
    package static func decode(_ payload: UnsafeRawBufferPointer) throws(FrameError) -> InboundFrame {
        // A sidecar answers in the form in which it was spoken to, and the library speaks BARE alone: readers of
        // the JSON form of every answer would be a part of it that nobody uses.
        if payload.first == JSONFrameCodec.firstByte {
            throw .undecodableJSON("the JSON payload form, where BARE is spoken")
        }
        guard payload.first == 2 || payload.first == 3 else {
            return InboundFrame(try FrameCodec.decode(bare: payload))
        }
        // Whatever is odd about it, the general decoder says what: one place decides what is refused, and
        // how.
        if let frame = try? quick(payload) { return frame }
        return InboundFrame(try FrameCodec.decode(bare: payload))
    }

    private init(_ frame: ProtocolFrame) {
        self =
            switch frame {
            case .response(let frame):
                .response(id: frame.requestId, frame.ownership, .payload(frame.payload))
            case .event(let frame): .event(frame.ownership, .payload(frame.payload))
            case .sidecarRequest(let frame): .callback(id: frame.requestId, frame.ownership, frame.payload)
            case .request, .sidecarResponse: .unexpected(type: frame.typeName)
            }
    }

    /// Answers and events that are as they should be; nil leaves the frame to the general decoder.
    private static func quick(_ payload: UnsafeRawBufferPointer) throws(BareError) -> InboundFrame? {
        guard Dialect.begins(payload) else { return nil }
        var reader = BareReader(payload)
        reader.offset = 1 + Dialect.encodedSize
        let isResponse = payload[0] == 2
        let id: Int64 = isResponse ? try reader.i64() : 1
        let ownership = try OwnershipScope(from: &reader)
        guard id > 0, !ownership.hasEmptyID else { return nil }
        let start = reader.offset
        let kind = try reader.uint()
        if isResponse {
            if kind == 17, case .vm = ownership, try GuestFilesystemOperation(from: &reader) == .readFile {
                guard let content = try fileContent(&reader), reader.isAtEnd else { return nil }
                return .response(id: id, ownership, .fileContent(content))
            }
            reader.offset = start
            let body = try ResponsePayload(from: &reader)
            guard reader.isAtEnd, body.scopeRule.allows(ownership) else { return nil }
            return .response(id: id, ownership, .payload(body))
        }
        if kind == 2, case .vm = ownership {
            let process = try reader.str()
            let channel = try StreamChannel(from: &reader)
            let chunk = try reader.span()
            guard reader.isAtEnd, let block = ByteBlock.copy(chunk) else { return nil }
            return .event(ownership, .output(processID: process, channel, block))
        }
        reader.offset = start
        let body = try EventPayload(from: &reader)
        guard reader.isAtEnd, body.scopeRule.allows(ownership) else { return nil }
        return .event(ownership, .payload(body))
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
