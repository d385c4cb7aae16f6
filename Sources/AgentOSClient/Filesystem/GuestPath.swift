// SPDX-License-Identifier: Apache-2.0

/// A path inside a VM that passed the local guards (filesystem.md 2): nothing is sent for one that does not.
package struct GuestPath: Sendable {
    /// The kernel takes 4,096; what the sidecar's own copy of the files is called counts too.
    static let maximumLength: Int = 3800
    static let maximumComponent: Int = 255

    /// As the caller gave it, for error texts.
    package let given: String
    /// Without a trailing slash.
    package let text: String

    /// For calls that change nothing.
    package init(_ path: String) throws(ClientError) {
        given = path
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw Self.refusal(.pathNotAbsolute, "Path must be absolute: \(path)", path)
        }
        guard Self.isNormal(path) else {
            throw Self.refusal(.pathNotNormalized, "Path must be normalized: \(path)", path)
        }
        try Self.checkBytes(path)
        text = path.utf8.count > 1 && path.utf8.last == UInt8(ascii: "/") ? String(path.dropLast()) : path
    }

    /// For calls that change something. `asksForProc`: what is below `/proc` is left to the sidecar to
    /// refuse.
    package init(writable path: String, asksForProc: Bool = false) throws(ClientError) {
        try self.init(path)
        if !asksForProc, text == "/proc" || text.hasPrefix("/proc/") {
            throw Self.refusal(.pathReadOnly, "Path is read-only: \(path)", path)
        }
        if text == "/etc/agentos" || text.hasPrefix("/etc/agentos/") {
            throw Self.refusal(.pathReadOnly, "EROFS: read-only file system", path, errno: "EROFS")
        }
        if path.utf8.contains(UInt8(ascii: "\\")) {
            throw Self.refusal(
                .invalidArgument,
                "EINVAL: path contains a backslash: \(path)",
                path,
                errno: "EINVAL"
            )
        }
    }

    var isRoot: Bool { text == "/" }
    var hasTrailingSlash: Bool { given.utf8.count != text.utf8.count }

    /// The directory that holds it; the root's is the root.
    var parent: String { Self.split(text).parent }
    var name: String { Self.split(text).name }

    static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("/", path) }
        let parent = String(path[..<slash])
        return (parent.isEmpty ? "/" : parent, String(path[path.utf8.index(after: slash)...]))
    }

    static func join(_ folder: String, _ name: String) -> String {
        folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }

    private static func refusal(
        _ kind: ClientError.Kind,
        _ text: String,
        _ path: String,
        errno: String? = nil
    ) -> ClientError {
        ClientError(kind, text) { ($0.path, $0.errno) = (path, errno) }
    }

    private static func isNormal(_ path: String) -> Bool {
        if path.utf8.count == 1 { return true }
        var length = 0
        var dots = 0
        for byte in path.utf8.dropFirst() {
            if byte == UInt8(ascii: "/") {
                if length == 0 || length == dots && length <= 2 { return false }
                (length, dots) = (0, 0)
            } else {
                length += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        // Nothing behind the last slash is a trailing slash.
        return length == 0 || length != dots || length > 2
    }

    private static func checkBytes(_ path: String) throws(ClientError) {
        var component = 0
        var isTooLong = path.utf8.count > maximumLength
        for byte in path.utf8 {
            if byte == 0 {
                throw refusal(.invalidArgument, "EINVAL: path contains NUL byte", path, errno: "EINVAL")
            }
            if byte < 0x20 || byte == 0x7F {
                let digits = String(byte, radix: 16)
                let hex = digits.utf8.count == 1 ? "0" + digits : digits
                throw refusal(
                    .invalidArgument,
                    "EINVAL: path contains control character byte 0x\(hex)",
                    path,
                    errno: "EINVAL"
                )
            }
            component = byte == UInt8(ascii: "/") ? 0 : component + 1
            if component > maximumComponent { isTooLong = true }
        }
        if isTooLong {
            throw refusal(
                .invalidArgument,
                "ENAMETOOLONG: file name too long: \(path)",
                path,
                errno: "ENAMETOOLONG"
            )
        }
    }
}
