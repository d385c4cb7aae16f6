// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// What must hold for every payload, however broken. Nil if it does, else what does not.
package enum FuzzTargets {
    private static let limit = 64 << 20

    package static func check(_ payload: UnsafeRawBufferPointer) -> String? {
        let frame: ProtocolFrame
        let isJSON = payload.first == UInt8(ascii: "{")
        do { frame = try FrameCodec.decode(payload: payload) } catch {
            return isJSON ? refusedAsJSON(payload) : refused(payload, error)
        }
        let inbound = isJSON ? refusedAsJSON(payload) : sameInbound(payload, frame)
        return stable(frame) ?? stableAsJSON(frame) ?? inbound
    }

    /// Nobody speaks that form to the library.
    private static func refusedAsJSON(_ payload: UnsafeRawBufferPointer) -> String? {
        do { return "InboundFrame accepts JSON: \(try InboundFrame.decode(payload))" } catch {
            if case .undecodableJSON = error { return nil }
            return "InboundFrame says of JSON \"\(error.text)\""
        }
    }

    /// Both decoders refuse for the same reason.
    private static func refused(_ payload: UnsafeRawBufferPointer, _ expected: FrameError) -> String? {
        do {
            let frame = try InboundFrame.decode(payload)
            return "FrameCodec says \"\(expected.text)\", InboundFrame accepts: \(frame)"
        } catch {
            return error == expected
                ? nil : "FrameCodec says \"\(expected.text)\", InboundFrame \"\(error.text)\""
        }
    }

    /// What was decoded can be encoded, and decoding that gives what was encoded.
    private static func stable(_ frame: ProtocolFrame) -> String? {
        do throws(FrameError) {
            let first = try FrameCodec.encode(frame, limit: limit)
            let again = try first.withUnsafeBytes { buffer in
                Result { () throws(FrameError) in try FrameCodec.decode(buffer: buffer, limit: limit) }
            }.get()
            return try FrameCodec.encode(again, limit: limit) == first
                ? nil : "encode(decode(encode(x))) differs"
        } catch {
            return "an accepted frame cannot be encoded and decoded: \(error.text)"
        }
    }

    /// The JSON form may not be readable (it nests deeper than the documents in it), but it does not change.
    private static func stableAsJSON(_ frame: ProtocolFrame) -> String? {
        guard let first = try? JSONFrameCodec.encode(frame) else {
            return "an accepted frame has no JSON form"
        }
        guard let again = first.withUnsafeBytes({ try? JSONFrameCodec.decode($0) }) else {
            return isNestedDeeply(first) ? nil : "the JSON form of an accepted frame cannot be read"
        }
        guard let second = try? JSONFrameCodec.encode(again) else {
            return "a frame from JSON has no JSON form"
        }
        return first == second ? nil : "the JSON form changes when it is read and written"
    }

    private static func isNestedDeeply(_ text: [UInt8]) -> Bool {
        let brackets = text.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
        return brackets > JSONReader.maximumDepth
    }

    /// The decoder for use gives what the general one gives.
    private static func sameInbound(_ payload: UnsafeRawBufferPointer, _ frame: ProtocolFrame) -> String? {
        let inbound: InboundFrame
        do { inbound = try InboundFrame.decode(payload) } catch {
            return "FrameCodec accepts, InboundFrame says \"\(error.text)\""
        }
        let isSame: Bool =
            switch (inbound, frame) {
            case (.response(let id, let owner, let body), .response(let frame)):
                id == frame.requestId && owner.scope == frame.ownership && same(body, frame.payload)
            case (.event(let owner, let body), .event(let frame)):
                owner.scope == frame.ownership && same(body, frame.payload)
            case (.callback(let id, let owner, let payload), .sidecarRequest(let frame)):
                id == frame.requestId && owner.scope == frame.ownership && payload.json == frame.payload.json
            case (.unexpected(let type), .request), (.unexpected(let type), .sidecarResponse):
                type == frame.typeName
            default: false
            }
        return isSame ? nil : "InboundFrame gives something else: \(inbound)"
    }

    private static func same(_ body: ResponseBody, _ payload: ResponsePayload) -> Bool {
        switch (body, payload) {
        case (.payload(let found), _): return found.json == payload.json
        case (.fileContent(let content), .guestFilesystemResult(let result)):
            guard result.operation == .readFile else { return false }
            switch content {
            case .absent: return result.content == nil
            case .invalidBase64: return result.encoding == .base64 && result.content != nil
            case .bytes(let block):
                guard let text = result.content else { return false }
                guard result.encoding == .base64 else { return block.bytes.elementsEqual(text.utf8) }
                return base64(block.bytes).elementsEqual(text.utf8)
            }
        case (.fileContent, _): return false
        }
    }

    private static func same(_ body: EventBody, _ payload: EventPayload) -> Bool {
        switch (body, payload) {
        case (.payload(let found), _): found.json == payload.json
        case (.output(let process, let channel, let block), .processOutput(let event)):
            process.hasSameBytes(as: event.processId) && channel == event.channel
                && block.bytes.elementsEqual(event.chunk)
        case (.output, _): false
        }
    }

    /// The plain way, not the vectorised one that is being checked.
    private static func base64(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let number = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(
                    place <= group.count ? letters[number >> (18 - 6 * place) & 63] : UInt8(ascii: "=")
                )
            }
        }
        return text
    }
}
