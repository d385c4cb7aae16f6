// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare
internal import CAgentOSShims

/// File content in the form in which it crosses the wire: text where that is not longer, else base64.
package struct EncodedContent: Sendable {
    /// UTF-8 text or base64 letters.
    package let text: [UInt8]
    package let isBase64: Bool
    /// Bytes of the text inside a JSON string: what the sidecar counts against its limit (filesystem.md 3.2).
    package let accountedSize: Int
    /// Bytes of the file itself.
    package let byteCount: Int

    private static func base64(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let octets = bytes.assumingMemoryBound(to: UInt8.self)
        return [UInt8](unsafeUninitializedCapacity: (octets.count + 2) / 3 * 4) { buffer, count in
            count = Int(aos_shim_base64_encode(octets.baseAddress, octets.count, buffer.baseAddress))
        }
    }

    package static func encodeBase64(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: base64(bytes), as: UTF8.self)
    }

    package init(_ bytes: UnsafeRawBufferPointer) {
        let octets = bytes.assumingMemoryBound(to: UInt8.self)
        byteCount = octets.count
        let base64Size = (octets.count + 2) / 3 * 4
        if octets.isEmpty || aos_shim_is_utf8(octets.baseAddress, octets.count) != 0 {
            let asText = octets.isEmpty ? 0 : aos_shim_json_string_size(octets.baseAddress, octets.count)
            if asText <= base64Size {
                text = [UInt8](octets)
                isBase64 = false
                accountedSize = Int(asText)
                return
            }
        }
        text = Self.base64(bytes)
        isBase64 = true
        accountedSize = base64Size
    }
}

/// A `write_file` request in two parts, so that the content is never copied into a frame buffer.
package struct FileWriteFrame: Sendable {
    package let path: String
    package let content: EncodedContent

    package init(path: String, content: EncodedContent) {
        self.path = path
        self.content = content
    }

    /// The frame as three parts in order: head, the content's own bytes, tail. The id is 0 until it is
    /// patched.
    package func parts(_ owner: FrameOwner, limit: Int) throws(FrameError) -> (
        head: [UInt8], tail: [UInt8]
    ) {
        var head = BareWriter()
        FrameCodec.begin(&head, tag: 1, id: 0, owner)
        head.uint(17)
        GuestFilesystemOperation.writeFile.write(to: &head)
        head.str(path)
        head.bool(false)
        head.bool(false)
        head.bool(true)
        head.uint(UInt64(content.text.count))
        var tail = BareWriter()
        tail.bytes.reserveCapacity(16)
        tail.optional(content.isBase64 ? RootFilesystemEntryEncoding.base64 : nil) { $1.write(to: &$0) }
        tail.bool(false)
        for _ in 0..<6 { tail.bool(false) }
        var bytes = head.finish()
        let end = tail.finish()
        try FrameCodec.setLength(of: &bytes, extra: content.text.count + end.count, limit: limit)
        return (bytes, end)
    }
}

extension EncodedContent {
    /// The bytes behind base64 as the sidecar takes it: padded, standard alphabet, no stray bits; nil if it
    /// is not.
    package static func decodeBase64(_ text: String) -> [UInt8]? {
        let letters = Array(text.utf8)
        var decoded: Int64 = -1
        // The decoder stores whole vectors: up to 8 bytes more than it has decoded.
        let bytes = [UInt8](unsafeUninitializedCapacity: letters.count / 4 * 3 + 40) { buffer, count in
            decoded = aos_shim_base64_decode(letters, letters.count, buffer.baseAddress)
            count = Int(max(decoded, 0))
        }
        return decoded < 0 ? nil : bytes
    }
}
