// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("GuestPath (filesystem.md 2)")
struct GuestPathTests {
    static let good: [(given: String, text: String, parent: String, name: String)] = [
        ("/", "/", "/", ""), ("/a", "/a", "/", "a"), ("/a/b", "/a/b", "/a", "b"),
        ("/a/b/", "/a/b", "/a", "b"),
        ("/...", "/...", "/", "..."), ("/a b/ü", "/a b/ü", "/a b", "ü"), ("/.a/b..", "/.a/b..", "/.a", "b.."),
        ("/a\\b", "/a\\b", "/", "a\\b"), ("/e\u{301}", "/e\u{301}", "/", "e\u{301}"),
    ]

    @Test("a good path has its parts", arguments: good)
    func good(given: String, text: String, parent: String, name: String) throws {
        let path = try GuestPath(given)
        #expect(path.given == given && path.text == text && path.parent == parent && path.name == name)
        #expect(path.isRoot == (text == "/"))
        #expect(path.hasTrailingSlash == (given != text))
        if name != "" { #expect(GuestPath.join(parent, name) == text) }
    }

    static let bad: [(path: String, kind: ClientError.Kind, text: String)] = [
        ("", .pathNotAbsolute, "Path must be absolute: "),
        ("a", .pathNotAbsolute, "Path must be absolute: a"),
        ("./a", .pathNotAbsolute, "Path must be absolute: ./a"),
        ("\0/a", .pathNotAbsolute, "Path must be absolute: \0/a"),
        ("//", .pathNotNormalized, "Path must be normalized: //"),
        ("//a", .pathNotNormalized, "Path must be normalized: //a"),
        ("/a//b", .pathNotNormalized, "Path must be normalized: /a//b"),
        ("/a//", .pathNotNormalized, "Path must be normalized: /a//"),
        ("/.", .pathNotNormalized, "Path must be normalized: /."),
        ("/..", .pathNotNormalized, "Path must be normalized: /.."),
        ("/a/../b", .pathNotNormalized, "Path must be normalized: /a/../b"),
        ("/a/./", .pathNotNormalized, "Path must be normalized: /a/./"),
        ("/a\0b", .invalidArgument, "EINVAL: path contains NUL byte"),
        ("/a\nb", .invalidArgument, "EINVAL: path contains control character byte 0x0a"),
        ("/\u{1F}", .invalidArgument, "EINVAL: path contains control character byte 0x1f"),
        ("/\u{7F}", .invalidArgument, "EINVAL: path contains control character byte 0x7f"),
    ]

    @Test("a bad path is refused, with the path in the facts", arguments: bad)
    func bad(path: String, kind: ClientError.Kind, text: String) {
        do throws(ClientError) {
            Issue.record("accepted as \(try GuestPath(path).text)")
        } catch {
            #expect(error.kind == kind && error.message == text && error.detail.path == path)
            #expect(error.detail.errno == (kind == .invalidArgument ? "EINVAL" : nil))
        }
    }

    @Test("a component has at most 255 bytes, a path 3,800")
    func lengths() throws {
        let component = String(repeating: "é", count: 127)
        _ = try GuestPath("/\(component)a")
        #expect(
            refusal { () throws(ClientError) in try GuestPath("/\(component)ab").text }.hasPrefix(
                "ENAMETOOLONG: "
            )
        )
        let longest = String(repeating: "/abcdefghi", count: 380)
        _ = try GuestPath(longest)
        let text = refusal { () throws(ClientError) in try GuestPath(longest + "/").text }
        #expect(text == "ENAMETOOLONG: file name too long: \(longest)/")
    }

    static let readOnly: [(path: String, text: String)] = [
        ("/proc", "Path is read-only: /proc"), ("/proc/", "Path is read-only: /proc/"),
        ("/proc/1/mem", "Path is read-only: /proc/1/mem"), ("/etc/agentos", "EROFS: read-only file system"),
        ("/etc/agentos/instructions.md", "EROFS: read-only file system"),
        ("/a\\b", "EINVAL: path contains a backslash: /a\\b"), ("/a/", ""), ("/procx", ""),
        ("/etc/agentosx", ""),
        ("/a/proc", ""), ("/", ""),
    ]

    @Test("some paths may be read and not be changed", arguments: readOnly)
    func readOnly(path: String, text: String) throws {
        _ = try GuestPath(path)
        let found = refusal { () throws(ClientError) in try GuestPath(writable: path).given }
        #expect(found == (text.isEmpty ? "accepted: \(path)" : text))
    }
}
