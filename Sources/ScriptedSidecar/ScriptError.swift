// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Why a script cannot be read or played.
struct ScriptError: Error {
    let text: String

    init(_ text: String) { self.text = text }

    func below(_ step: String) -> ScriptError {
        ScriptError(text.hasPrefix("[") ? step + text : "\(step): \(text)")
    }

    /// In the words of the real sidecar: `Broken pipe (os error 32)`.
    static func text(of number: Int32) -> String {
        "\(strerror(number).map { String(cString: $0) } ?? "unknown error") (os error \(number))"
    }
}
