// SPDX-License-Identifier: Apache-2.0

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
}
