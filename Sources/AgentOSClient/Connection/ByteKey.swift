// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// A text as a dictionary's key, equal byte for byte: `String` alone would merge canonically equivalent
/// names.
struct ByteKey: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ByteKey, right: ByteKey) -> Bool { left.text.hasSameBytes(as: right.text) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
