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
        let findings = Findings(path)
        guard findings.isNormal else {
            throw Self.refusal(.pathNotNormalized, "Path must be normalized: \(path)", path)
        }
        if let (errno, text) = findings.refusal(of: path) {
            throw Self.refusal(.invalidArgument, "\(errno): \(text)", path, errno: errno)
        }
        text = path.utf8.count > 1 && path.utf8.last == UInt8(ascii: "/") ? String(path.dropLast()) : path
    }

    /// For calls that change something. `asksForProc`: what is below `/proc` is left to the sidecar to
    /// refuse.
    package init(writable path: String, asksForProc: Bool = false) throws(ClientError) {
        try self.init(path)
        if !asksForProc, text.lies(atOrBelow: "/proc") {
            throw Self.refusal(.pathReadOnly, "Path is read-only: \(path)", path)
        }
        if text.lies(atOrBelow: "/etc/agentos") {
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
}

/// What one look at the bytes of a path finds.
private struct Findings {
    private(set) var isNormal = true
    private var isTooLong = false
    /// The first byte that no path may have.
    private var forbidden: UInt8?

    init(_ path: String) {
        var path = path
        isTooLong = path.utf8.count > GuestPath.maximumLength
        path.withUTF8 { look(at: $0) }
    }

    private mutating func look(at path: UnsafeBufferPointer<UInt8>) {
        var length = 0
        var dots = 0
        for index in path.indices.dropFirst() {
            let byte = path[index]
            if byte == UInt8(ascii: "/") {
                if length == 0 { isNormal = false }
                endComponent(length, dots)
                (length, dots) = (0, 0)
                continue
            }
            length += 1
            if byte == UInt8(ascii: ".") { dots += 1 }
            if byte < 0x20 || byte == 0x7F, forbidden == nil { forbidden = byte }
        }
        // Nothing behind the last slash is a trailing slash.
        endComponent(length, dots)
    }

    private mutating func endComponent(_ length: Int, _ dots: Int) {
        if length > 0, length == dots, length <= 2 { isNormal = false }
        if length > GuestPath.maximumComponent { isTooLong = true }
    }

    func refusal(of path: String) -> (errno: String, text: String)? {
        if forbidden == 0 { return ("EINVAL", "path contains NUL byte") }
        if let forbidden {
            let digits = String(forbidden, radix: 16)
            let hex = digits.utf8.count == 1 ? "0" + digits : digits
            return ("EINVAL", "path contains control character byte 0x\(hex)")
        }
        return isTooLong ? ("ENAMETOOLONG", "file name too long: \(path)") : nil
    }
}

extension String {
    /// Whether the path is one below a directory.
    func lies(below directory: String) -> Bool {
        utf8.count > directory.utf8.count && lies(atOrBelow: directory)
    }

    /// Whether the path is that of a directory, or one below it.
    func lies(atOrBelow directory: String) -> Bool {
        let count = directory.utf8.count
        guard utf8.count >= count, utf8.starts(with: directory.utf8) else { return false }
        return utf8.count == count || utf8[utf8.index(utf8.startIndex, offsetBy: count)] == UInt8(ascii: "/")
    }
}
