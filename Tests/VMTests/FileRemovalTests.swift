// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Deleting files and trees (filesystem.md 13, 33-35)")
struct FileRemovalTests {
    @Test("33: what is behind a link in a tree is never touched")
    func linkInTree() throws {
        let peer = FileRules.tree(["/d": #""f","l","s""#, "/d/s": #""g""#], links: ["/d/l"])
        let vm = try peer.sidecar().createVM()
        try vm.remove("/d", recursive: true)
        #expect(
            Self.calls(peer) == [
                "rename /d/f", "remove_file /d/*", "remove_file /d/*", "write_file /d/*", "rename /d/*",
                "rename /d/l", "remove_file /d/*", "rename /d/s/g", "remove_file /d/s/*", "remove_dir /d/s",
                "remove_dir /d",
            ]
        )
        #expect(!peer.fileCalls.contains { $0.contains("/data") })
    }

    @Test("33: a link itself is removed, also recursively")
    func link() throws {
        let peer = FileRules.tree(["/d": #""f""#], links: ["/d"])
        let vm = try peer.sidecar().createVM()
        try vm.remove("/d", recursive: true)
        #expect(
            Self.calls(peer) == [
                "remove_file /*", "write_file /*", "rename /*", "rename /d", "remove_file /*",
            ]
        )
    }

    @Test("34: what is full, missing or the root")
    func refusals() throws {
        let full = FileRules.tree(
            ["/d": #""f""#],
            more: [FileRules.on("remove_dir", FileRules.reject("kernel_error", "ENOTEMPTY: x"))]
        )
        let vm = try full.sidecar().createVM()
        expect(failure { try vm.remove("/d") }, AOS_E_REMOTE, errno: "ENOTEMPTY")
        #expect(full.sentCalls == ["remove_dir /d"])
        for recursive in [false, true] {
            let before = full.fileCalls.count
            let error = failure { try vm.remove("/", recursive: recursive) }
            expect(error, AOS_E_INVALID, errno: "EPERM", says: "EPERM: operation not permitted, rmdir '/'")
            #expect(full.fileCalls.count == before)
        }
        let missing = FileRules.tree(
            [:],
            more: [FileRules.on("read_link", FileRules.reject("kernel_error", "ENOENT: no such file: /m"))]
        )
        let second = try missing.sidecar().createVM()
        let error = failure { try second.remove("/m") }
        expect(error, AOS_E_REMOTE, errno: "ENOENT", says: "/m")
        #expect(missing.sentCalls == [])
        #expect(error?.detail["description"]?.stringValue?.contains("[]") != true)
    }

    @Test("34: ENOTEMPTY at the end of a recursive delete is tried once more, then it stands")
    func notEmpty() throws {
        let once = FileRules.tree(
            ["/d": #""f""#],
            more: [
                "{\"on\":\"guest_filesystem_call\",\"where\":{\"operation\":\"remove_dir\"},\"nth\":1,"
                    + "\"do\":[\(FileRules.reject("kernel_error", "ENOTEMPTY: x"))]}"
            ]
        )
        try once.sidecar().createVM().remove("/d", recursive: true)
        let turn = ["rename /d/f", "remove_file /d/*", "remove_dir /d"]
        #expect(Self.calls(once) == turn + turn)
        let always = FileRules.tree(
            ["/d": #""f""#],
            more: [FileRules.on("remove_dir", FileRules.reject("kernel_error", "ENOTEMPTY: x"))]
        )
        let vm = try always.sidecar().createVM()
        let error = failure { try vm.remove("/d", recursive: true) }
        expect(error, AOS_E_REMOTE, errno: "ENOTEMPTY")
        #expect(always.sentCalls.filter { $0 == "remove_dir /d" }.count == 2)
    }

    @Test("34: an error names the child that it came from, and what is gone meanwhile is no error")
    func childErrors() throws {
        let peer = FileRules.tree(
            ["/d": #""a","b""#],
            more: [
                FileRules.on(
                    "remove_file",
                    FileRules.reject("kernel_error", "ENOENT: no such file: /d/a"),
                    path: "/d/a"
                ),
                FileRules.on("rename", FileRules.reject("kernel_error", "ENOENT: gone")),
                FileRules.on("remove_file", FileRules.reject("kernel_error", "EACCES: no"), path: "/d/b"),
            ]
        )
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.remove("/d", recursive: true) }
        expect(error, AOS_E_REMOTE, errno: "EACCES")
        #expect(error?.detail["path"]?.stringValue == "/d/b")
        #expect(!peer.sentCalls.contains("remove_dir /d"))
    }

    @Test("35: a tree that is thousands of levels deep")
    func deep() throws {
        // Each listing has one more directory, up to the length that a path may have.
        let depth = 1_800
        var rules = [String]()
        let deepest = String(repeating: "/a", count: depth)
        rules.append(FileRules.on("read_dir", FileRules.result("read_dir", "\"entries\":[]"), path: deepest))
        rules.append(FileRules.on("read_dir", FileRules.result("read_dir", "\"entries\":[\"a\"]")))
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let vm = try peer.sidecar().createVM()
        try vm.remove("/a", recursive: true)
        let removed = peer.sentCalls
        #expect(removed.count == depth)
        #expect(removed.first == "remove_dir \(deepest)")
        #expect(removed.last == "remove_dir /a")
    }

    @Test("35: a link is replaced by a file, which is then removed under a name that never comes again")
    func danglingLink() throws {
        let peer = FileRules.tree(["/d": #""l""#], links: ["/d/l"])
        let vm = try peer.sidecar().createVM()
        try vm.remove("/d", recursive: true)
        // What may not be removed at all must not be replaced: asked by a name that is not there.
        #expect(peer.sentCalls.first?.hasPrefix("remove_file /d/.aos-unlink-") == true)
        let calls = Array(peer.sentCalls.dropFirst())
        let temporary = String(calls[0].split(separator: " ").last ?? "")
        #expect(temporary.hasPrefix("/d/.aos-unlink-"))
        #expect(
            temporary.split(separator: "-").last.map { $0.utf8.count == 16 && $0.allSatisfy(\.isHexDigit) }
                == true
        )
        #expect(calls[0] == "write_file \(temporary)")
        #expect(calls[1] == "rename \(temporary)")
        let renames = peer.requests("guest_filesystem_call").filter {
            $0["operation"]?.stringValue == "rename"
        }
        #expect(renames.first?["destination_path"]?.stringValue == "/d/l")
        let last = renames.last?["destination_path"]?.stringValue ?? ""
        #expect(last.hasPrefix("/d/.aos-unlink-") && last != temporary)
        #expect(Array(calls[2...]) == ["rename /d/l", "remove_file \(last)", "remove_dir /d"])
    }

    @Test("35: when that fails, the temporary file goes and the first error stays")
    func danglingLinkFails() throws {
        let peer = FileRules.tree(
            [:],
            links: ["/l"],
            more: [
                FileRules.on("rename", FileRules.reject("kernel_error", "EROFS: read-only filesystem: /l"))
            ]
        )
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.remove("/l") }
        expect(error, AOS_E_REMOTE, errno: "EROFS")
        #expect(Self.calls(peer) == ["remove_file /*", "write_file /*", "rename /*", "remove_file /*"])
    }

    @Test(
        "a file that cannot be renamed is removed as it is, and one that cannot be removed gets its name back"
    )
    func fallbacks() throws {
        let plain = FileRules.tree(
            [:],
            more: [FileRules.on("rename", FileRules.reject("kernel_error", "ENOENT: no parent"))]
        )
        try plain.sidecar().createVM().remove("/f")
        #expect(Self.calls(plain) == ["rename /f", "remove_file /f"])
        let stuck = FileRules.tree(
            [:],
            more: [FileRules.on("remove_file", FileRules.reject("kernel_error", "EACCES: no"))]
        )
        let vm = try stuck.sidecar().createVM()
        expect(failure { try vm.remove("/f") }, AOS_E_REMOTE, errno: "EACCES")
        #expect(Self.calls(stuck) == ["rename /f", "remove_file /*", "rename /*"])
    }

    /// What was sent, with `*` for every temporary name.
    private static func calls(_ peer: ScriptedPeer) -> [String] {
        peer.sentCalls.map { call in
            guard let slash = call.lastIndex(of: "/"), call[slash...].hasPrefix("/.aos-unlink-") else {
                return call
            }
            return call[...slash] + "*"
        }
    }
}
