// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("What a move sends (filesystem.md 13, 36-39)")
struct FileMoveTests {
    private static func missing(_ path: String) -> String {
        FileRules.on(
            "read_link",
            FileRules.reject("kernel_error", "ENOENT: no such file: \(path)"),
            path: path
        )
    }

    private static let otherMount = FileRules.on(
        "rename",
        FileRules.reject("kernel_error", "EXDEV: rename across mounts: x")
    )

    @Test(
        "36: one rename and nothing else, whether something stands there or not",
        arguments: [("/a.txt", "/b.txt", true), ("/work/a.txt", "/work/b.txt", false)]
    )
    func rename(_ from: String, _ to: String, _ isReplaced: Bool) throws {
        let peer = FileRules.tree([:], more: isReplaced ? [] : [Self.missing(to)])
        try peer.sidecar().createVM().move(from, to: to)
        // Two files may be one by another name.
        #expect(peer.sentCalls == (isReplaced ? ["lstat \(from)"] : []) + ["rename \(from)"])
        let sent = peer.requests("guest_filesystem_call").last
        #expect(sent?["path"]?.stringValue == from && sent?["destination_path"]?.stringValue == to)
    }

    @Test("37: a directory that is moved onto itself stays, by no request that changes anything")
    func itself() throws {
        let peer = FileRules.tree(["/d": #""f""#])
        let vm = try peer.sidecar().createVM()
        try vm.move("/d", to: "/d")
        try vm.move("/d/", to: "/d")
        #expect(peer.sentCalls == [])
        let gone = FileRules.tree([:], more: [Self.missing("/d")])
        let error = failure { try gone.sidecar().createVM().move("/d", to: "/d") }
        expect(error, AOS_E_REMOTE, errno: "ENOENT")
        #expect(gone.sentCalls == [])
    }

    @Test("37: a directory does not go into itself, and nobody is asked about that")
    func intoItself() throws {
        let peer = FileRules.tree(["/d": #""f""#], more: [Self.missing("/dx")])
        let vm = try peer.sidecar().createVM()
        for (from, to) in [("/d", "/d/x"), ("/d", "/d/x/y"), ("/d/", "/d/x")] {
            let error = failure { try vm.move(from, to: to) }
            expect(error, AOS_E_INVALID, errno: "EINVAL")
            #expect(
                error?.message == "EINVAL: cannot move '\(from)' into its own descendant '\(to)'",
                "\(error?.message ?? "")"
            )
        }
        for (from, to) in [("/", "/x"), ("/d", "/")] {
            let error = failure { try vm.move(from, to: to) }
            expect(error, AOS_E_INVALID, says: "EPERM: operation not permitted, rename '\(from)'")
        }
        #expect(peer.fileCalls == [])
        // A name that begins alike is another one.
        try vm.move("/d", to: "/dx")
        #expect(peer.sentCalls.last == "rename /d")
    }

    @Test("38: when the copy fails nothing of the source goes, and the error tells of what may lie there")
    func failedCopy() throws {
        let places = ["/m/d", "/m/d/f", "/m/d/s", "/m/d/s/g"]
        let peer = FileRules.tree(
            ["/d": #""f","s""#, "/d/s": #""g""#],
            more: places.map { Self.missing($0) } + [
                Self.otherMount,
                FileRules.on(
                    "write_file",
                    FileRules.reject("kernel_error", "ENOSPC: no space left"),
                    path: "/m/d/s/g"
                ),
            ]
        )
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.move("/d", to: "/m/d") }
        expect(error, AOS_E_REMOTE, errno: "ENOSPC", says: "ENOSPC: no space left")
        #expect(error?.message.contains("partial copy may be at '/m/d'") == true)
        #expect(error?.detail["path"]?.stringValue == "/d/s/g")
        let sent = peer.sentCalls
        #expect(sent.filter { $0.hasPrefix("write_file") } == ["write_file /m/d/f", "write_file /m/d/s/g"])
        #expect(sent.filter { $0.hasPrefix("rename") } == ["rename /d"])
        #expect(!sent.contains { $0.hasPrefix("remove") }, "\(sent)")
    }

    @Test(
        "38: the source goes only behind the last of the copy, with the rights of a directory behind its children"
    )
    func order() throws {
        // The copy is there from the third question on: asked for the rename, and before it is made.
        let gone = FileRules.reject("kernel_error", "ENOENT: no such file: /m/d")
        let copy = [1, 2].map { number in
            "{\"on\":\"guest_filesystem_call\",\"where\":{\"operation\":\"read_link\",\"path\":\"/m/d\"},"
                + "\"nth\":\(number),\"do\":[\(gone)]}"
        }
        let peer = FileRules.tree(
            ["/d": #""f","l""#, "/m/d": #""f","l""#],
            links: ["/d/l"],
            more: copy + ["/m/d/f", "/m/d/l"].map { Self.missing($0) } + [
                "{\"on\":\"guest_filesystem_call\",\"where\":{\"operation\":\"rename\"},\"nth\":1,"
                    + "\"do\":[\(FileRules.reject("kernel_error", "EXDEV: rename across mounts: x"))]}"
            ]
        )
        try peer.sidecar().createVM().move("/d", to: "/m/d")
        let sent = peer.sentCalls
        let made = try #require(sent.firstIndex(of: "create_dir /m/d"))
        let link = try #require(sent.firstIndex(of: "symlink /m/d/l"))
        let rights = try #require(sent.firstIndex(of: "chmod /m/d"))
        let end = try #require(sent.lastIndex(of: "remove_dir /d"))
        #expect(made < link && link < rights && rights < end && end == sent.count - 1, "\(sent)")
        #expect(sent.firstIndex { $0.hasPrefix("remove") }.map { $0 > rights } == true, "\(sent)")
    }

    @Test("39: a file is not copied to another mount: the error is that of the rename")
    func file() throws {
        let peer = FileRules.tree([:], more: [Self.missing("/m/f"), Self.otherMount])
        let error = failure { try peer.sidecar().createVM().move("/f", to: "/m/f") }
        expect(error, AOS_E_REMOTE, errno: "EXDEV", says: "EXDEV: rename across mounts")
        #expect(peer.sentCalls == ["rename /f"])
    }
}
