// SPDX-License-Identifier: Apache-2.0

/// Base64 the plain way (RFC 4648), to compare the fast one with.
enum Base64Reference {
    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(
                    place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "=")
                )
            }
        }
        return text
    }

    /// Strict: whole groups, padding at the end alone, no bits left over.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        let letters = text.prefix { $0 != UInt8(ascii: "=") }
        let padding = text.count - letters.count
        guard text.count.isMultiple(of: 4), padding < 3,
            text.suffix(padding).allSatisfy({ $0 == UInt8(ascii: "=") })
        else {
            return nil
        }
        var bytes: [UInt8] = []
        var bits = 0
        var count = 0
        for letter in letters {
            guard let value = alphabet.firstIndex(of: letter) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> count & 0xFF))
                bits &= (1 << count) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }
}
