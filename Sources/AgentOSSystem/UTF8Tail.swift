// SPDX-License-Identifier: Apache-2.0

/// The end of bytes that are taken in pieces.
package enum UTF8Tail {
    /// How many bytes at the end are the beginning of a character whose rest is missing: 0 to 3. What can never become
    /// one does not count.
    package static func length(of bytes: ArraySlice<UInt8>) -> Int {
        for (index, byte) in bytes.suffix(3).reversed().enumerated() {
            if byte & 0xC0 == 0x80 { continue }
            let length = index + 1
            // A second byte that has not come yet is one that fits: the others are told apart by it.
            let second = length > 1 ? bytes[bytes.endIndex - index] : 0xA0
            switch byte {
            case 0xC2...0xDF: return length < 2 ? length : 0
            case 0xE0: return length < 3 && (second >= 0xA0) ? length : 0
            case 0xED: return length < 3 && (length == 1 || second < 0xA0) ? length : 0
            case 0xE1...0xEF: return length < 3 ? length : 0
            case 0xF0: return second >= 0x90 ? length : 0
            case 0xF4: return length == 1 || second < 0x90 ? length : 0
            case 0xF1...0xF3: return length
            default: return 0
            }
        }
        return 0
    }
}
