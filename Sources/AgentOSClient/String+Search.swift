// SPDX-License-Identifier: Apache-2.0

/// By bytes, not by characters: a slash with a combining mark behind it is another character than a slash.
extension String {
    /// Whether the bytes of `part` stand somewhere in it.
    func containsBytes(of part: String) -> Bool {
        var rest = utf8[...]
        while rest.count >= part.utf8.count {
            if rest.starts(with: part.utf8) { return true }
            rest = rest.dropFirst()
        }
        return false
    }

    /// Whether its first bytes are those of `part`.
    func beginsWithBytes(of part: String) -> Bool { utf8.starts(with: part.utf8) }

    /// What is left behind as many bytes as `part` has, with which it begins.
    func behindBytes(of part: String) -> String {
        String(self[(utf8.index(startIndex, offsetBy: part.utf8.count, limitedBy: endIndex) ?? endIndex)...])
    }

    /// What stands between the slashes of a path.
    var pathComponents: [Substring] { utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) } }
}
