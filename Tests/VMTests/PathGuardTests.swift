// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

/// A call on files that takes a path.
enum FileCall: String, CaseIterable, Sendable {
    case read, stat, list, exists, write, mkdir, makeTree, remove, removeTree

    func run(_ vm: HostVM, _ path: String) throws {
        switch self {
        case .read: _ = try vm.read(path)
        case .stat: _ = try vm.stat(path)
        case .list: _ = try vm.list(path)
        case .exists: _ = try vm.exists(path)
        case .write: try vm.write(path, "x")
        case .mkdir: try vm.makeDirectory(path)
        case .makeTree: try vm.makeDirectory(path, recursive: true)
        case .remove: try vm.remove(path)
        case .removeTree: try vm.remove(path, recursive: true)
        }
    }

    /// As the detail names it.
    var operation: String {
        switch self {
        case .read: "readFile"
        case .stat: "stat"
        case .list: "readdir"
        case .exists: "exists"
        case .write: "writeFile"
        case .mkdir, .makeTree: "mkdir"
        case .remove, .removeTree: "delete"
        }
    }

    static let changing: [FileCall] = [.write, .mkdir, .makeTree, .remove, .removeTree]
    static let reading: [FileCall] = [.read, .stat, .list, .exists]
}

@Suite("Local guards of paths (filesystem.md 13, 1-9)")
struct PathGuardTests {
    private let peer: ScriptedPeer = ScriptedPeer()

    /// Runs the calls with one path; all must fail alike and send nothing.
    private func refused(
        _ path: String,
        by calls: [FileCall] = FileCall.allCases,
        _ check: (HostError, FileCall) -> Void
    )
        throws
    {
        let vm = try peer.sidecar().createVM()
        for call in calls {
            guard let error = failure(of: { try call.run(vm, path) }) else {
                Issue.record("\(call) took \(path)")
                continue
            }
            #expect(error.status == AOS_E_INVALID, "\(call): \(error)")
            #expect(error.detail["path"]?.stringValue == path, "\(call)")
            #expect(error.detail["operation"]?.stringValue == call.operation, "\(call)")
            check(error, call)
        }
        #expect(peer.fileCalls == [])
        #expect(vm.isAlive)
    }

    @Test("1, 2: a path that is not absolute", arguments: ["rel/x", "", ".", "..", "~", " /x", "\\x"])
    func absolute(_ path: String) throws {
        try refused(path) { error, call in
            #expect(error.message == "Path must be absolute: \(path)", "\(call)")
            #expect(error.kind == "path_not_absolute")
            #expect(error.detail["description"] == nil, "the description is the message")
        }
    }

    @Test(
        "3: a path that is not in normal form",
        arguments: [
            "/a/../b", "/a//b", "/a/.", "//", "/..", "/.", "/a/..", "//a", "/a/./b", "/../a", "/a/b//", "/./",
            "/../",
        ]
    )
    func normal(_ path: String) throws {
        try refused(path) { error, call in
            #expect(error.message == "Path must be normalized: \(path)", "\(call)")
            #expect(error.kind == "path_not_normalized")
        }
    }

    @Test("3: dots that are part of a name are no reason")
    func dots() throws {
        let vm = try peer.sidecar().createVM()
        for path in ["/...", "/.a", "/a.", "/..a", "/a..", "/a/...b"] {
            _ = try vm.stat(path)
            #expect(peer.sentCalls.last == "stat \(path)")
        }
    }

    @Test("4: one slash at the end is taken off, of the root it is not")
    func trailingSlash() throws {
        let vm = try peer.sidecar().createVM()
        _ = try vm.stat("/")
        _ = try vm.stat("/a/")
        #expect(peer.sentCalls == ["stat /", "stat /a"])
        try vm.makeDirectory("/b/")
        #expect(peer.sentCalls.last == "create_dir /b")
        _ = try vm.list("/c/")
        #expect(peer.fileCalls.last == "read_dir /c")
    }

    @Test("4: a file cannot be written with a slash at the end")
    func writeSlash() throws {
        try refused("/a/", by: [.write]) { error, _ in
            #expect(error.errno == "EISDIR")
            #expect(error.message == "EISDIR: illegal operation on a directory, open '/a/'")
        }
    }

    @Test("5: nothing is written below /proc", arguments: ["/proc", "/proc/x", "/proc/self/x"])
    func proc(_ path: String) throws {
        try refused(path, by: [.write, .makeTree, .remove, .removeTree]) { error, call in
            #expect(error.message == "Path is read-only: \(path)", "\(call)")
            #expect(error.kind == "path_read_only")
        }
    }

    @Test("5: a name that only begins like it is sent, and reading there too")
    func procNeighbours() throws {
        let vm = try peer.sidecar().createVM()
        try vm.write("/process", "1")
        _ = try vm.stat("/proc/x")
        #expect(peer.sentCalls == ["write_file /process", "stat /proc/x"])
    }

    @Test(
        "6: nothing is written below /etc/agentos",
        arguments: [
            "/etc/agentos", "/etc/agentos/", "/etc/agentos/instructions.md", "/etc/agentos/x/y",
        ]
    )
    func instructions(_ path: String) throws {
        try refused(path, by: FileCall.changing) { error, call in
            #expect(error.errno == "EROFS", "\(call)")
            #expect(error.message == "EROFS: read-only file system", "\(call)")
            #expect(error.kind == "path_read_only")
        }
    }

    @Test("6: its neighbours are sent")
    func instructionsNeighbour() throws {
        let vm = try peer.sidecar().createVM()
        try vm.write("/etc/agentos2", "1")
        try vm.write("/etc/agent", "1")
        #expect(peer.sentCalls == ["write_file /etc/agentos2", "write_file /etc/agent"])
    }

    @Test(
        "7: a component of 256 bytes, or a path of 3,801",
        arguments: [
            "/a/" + String(repeating: "b", count: 256), "/" + String(repeating: "é", count: 128),
            String(repeating: "/" + String(repeating: "c", count: 99), count: 38) + "/",
            String(repeating: "/" + String(repeating: "c", count: 99), count: 50),
        ]
    )
    func tooLong(_ path: String) throws {
        try refused(path) { error, call in
            #expect(error.errno == "ENAMETOOLONG", "\(call)")
            #expect(error.message == "ENAMETOOLONG: file name too long: \(path)", "\(call)")
            #expect(error.kind == "invalid_argument")
        }
    }

    @Test("7: of 255 bytes, and a path of 3,800, are sent")
    func longest() throws {
        let vm = try peer.sidecar(["fileGuards": .string("off")]).createVM()
        let name = "/a/" + String(repeating: "b", count: 255)
        let path = String(repeating: "/" + String(repeating: "c", count: 99), count: 38)
        #expect(try vm.exists(name))
        #expect(try vm.exists(path))
        #expect(peer.sentCalls == ["exists \(name)", "exists \(path)"])
    }

    @Test(
        "8: a NUL or another control byte",
        arguments: [
            ("/a\u{0}b", "EINVAL: path contains NUL byte"), ("/\u{0}", "EINVAL: path contains NUL byte"),
            ("/a\nb", "EINVAL: path contains control character byte 0x0a"),
            ("/a/b\u{1}", "EINVAL: path contains control character byte 0x01"),
            ("/\u{1F}", "EINVAL: path contains control character byte 0x1f"),
            ("/a\u{7F}", "EINVAL: path contains control character byte 0x7f"),
        ]
    )
    func control(_ path: String, _ message: String) throws {
        try refused(path) { error, call in
            #expect(error.errno == "EINVAL", "\(call)")
            #expect(error.message == message, "\(call)")
            #expect(error.kind == "invalid_argument")
        }
    }

    @Test(
        "8: the guards look in the order of filesystem.md 2.2: normal form before bytes and lengths",
        arguments: [
            "/a//\n", "/../\u{0}", "/./" + String(repeating: "b", count: 256),
        ]
    )
    func order(_ path: String) throws {
        try refused(path) { error, _ in #expect(error.kind == "path_not_normalized") }
    }

    @Test("2.2: a backslash is refused where something changes, and is a byte like any other elsewhere")
    func backslash() throws {
        try refused("/tmp/a\\b", by: FileCall.changing) { error, _ in
            #expect(error.errno == "EINVAL")
            #expect(error.message == "EINVAL: path contains a backslash: /tmp/a\\b")
        }
        let second = ScriptedPeer()
        let vm = try second.sidecar().createVM()
        _ = try vm.stat("/tmp/a\\b")
        #expect(second.sentCalls == ["stat /tmp/a\\b"])
    }

    @Test("9: a mkdir below /proc that is not recursive is what the sidecar answers")
    func makeDirectoryInProc() throws {
        let peer = ScriptedPeer(
            """
            [{"on":"guest_filesystem_call","where":{"operation":"create_dir"},\
            "do":[{"reject":["kernel_error","EROFS: read-only filesystem: /proc/x"]}]}]
            """
        )
        let vm = try peer.sidecar().createVM()
        let error = try #require(failure(of: { try vm.makeDirectory("/proc/x") }))
        expect(error, AOS_E_REMOTE, errno: "EROFS", says: "EROFS: read-only filesystem: /proc/x")
        #expect(error.code == "kernel_error")
        let before = peer.fileCalls
        let refusal = failure { try vm.makeDirectory("/proc/x", recursive: true) }
        expect(refusal, AOS_E_INVALID, says: "Path is read-only: /proc/x")
        #expect(peer.fileCalls == before)
    }

    @Test("names are bytes: what looks alike is sent as it is")
    func unicode() throws {
        let vm = try peer.sidecar().createVM()
        for path in ["/\u{E9}", "/e\u{301}", "/\u{FEFF}", "/a b", "/\u{1F600}"] {
            try vm.write(path, "")
            let sent = try #require(peer.requests("guest_filesystem_call").last?["path"]?.stringValue)
            #expect(Array(sent.utf8) == Array(path.utf8))
        }
    }
}
