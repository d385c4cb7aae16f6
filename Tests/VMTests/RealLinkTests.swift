// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Links on the real sidecar (connection-vm-files.md 6, filesystem.md 5.7)",
    .enabled(if: RealSidecar.isThere)
)
struct RealLinkTests {
    @Test("a link, what it says, where it leads, and what stands there")
    func links() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "content")
        try vm.symlink("f", at: "/tmp/l")
        #expect(try vm.readLink("/tmp/l") == "f")
        #expect(try vm.realPath("/tmp/l") == "/tmp/f")
        #expect(try vm.lstat("/tmp/l")["isSymbolicLink"] == .bool(true))
        #expect(try vm.lstat("/tmp/l")["size"] == .integer(1))
        #expect(try vm.stat("/tmp/l")["isSymbolicLink"] == .bool(false))
        #expect(try vm.readText("/tmp/l") == "content")
        expect(failure { _ = try vm.readLink("/tmp/f") }, AOS_E_REMOTE, errno: "EINVAL")
        expect(failure { _ = try vm.readLink("/tmp/none") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { _ = try vm.realPath("/tmp/none") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { try vm.symlink("x", at: "/tmp/l") }, AOS_E_REMOTE, errno: "EEXIST")
        #expect(try vm.realPath("/") == "/")
    }

    @Test(
        "lstat of nothing, below a file and of a link to nothing",
        arguments: ["/tmp/none", "/tmp/f/x", "/no/x"]
    )
    func lstatOfNothing(_ path: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        expect(failure { _ = try vm.lstat(path) }, AOS_E_REMOTE, errno: "ENOENT")
        try vm.symlink("nowhere", at: "/tmp/dangling")
        #expect(try vm.lstat("/tmp/dangling")["isSymbolicLink"] == .bool(true))
        expect(failure { _ = try vm.stat("/tmp/dangling") }, AOS_E_REMOTE, errno: "ENOENT")
    }

    @Test(
        "19, H2: a link's text that would end the sidecar is refused",
        arguments: [
            ("", "EINVAL"), ("a\u{0}b", "EINVAL"), (String(repeating: "x", count: 256), "ENAMETOOLONG"),
            (String(repeating: "x/", count: 2000), "ENAMETOOLONG"),
        ]
    )
    func texts(_ text: String, _ errno: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        let error = failure { try vm.symlink(text, at: "/tmp/l") }
        expect(error, AOS_E_INVALID, errno: errno)
        #expect(try vm.exists("/tmp/l") == false)
    }

    @Test(
        "20, H4: links to where nothing is, and to what only a lower layer has, disturb nobody",
        arguments: ["/nowhere", "/etc/hostname", "/etc", "/tmp/l", "/", "/tmp/../etc/passwd"]
    )
    func absolute(_ text: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.symlink(text, at: "/tmp/l")
        _ = try vm.stat("/tmp")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
        _ = try vm.stat("/tmp")
        let target = try vm.readLink("/tmp/l")
        #expect(!target.hasPrefix("/"))
    }

    @Test("an absolute text leads to the same place, from whatever depth")
    func relative() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/a/b/file", "x")
        for path in ["/tmp/l1", "/tmp/a/l2", "/tmp/a/b/l3", "/top", "/new/folders/l4"] {
            try vm.symlink("/tmp/a/b/file", at: path)
            #expect(try vm.realPath(path) == "/tmp/a/b/file")
        }
        #expect(try vm.readLink("/tmp/a/l2") == "b/file")
        // Its folder is a link itself.
        try vm.symlink("a/b", at: "/tmp/short")
        try vm.symlink("/tmp/a/b/file", at: "/tmp/short/l5")
        #expect(try vm.realPath("/tmp/a/b/l5") == "/tmp/a/b/file")
    }

    @Test("a second name of a file: both are one")
    func hardLinks() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "one")
        try vm.link("/tmp/f", to: "/tmp/new/name")
        try vm.write("/tmp/new/name", "two")
        #expect(try vm.readText("/tmp/f") == "two")
        #expect(try vm.stat("/tmp/f")["nlink"] == .integer(2))
        try vm.unlink("/tmp/f")
        #expect(try vm.readText("/tmp/new/name") == "two")
        try vm.makeDirectory("/tmp/d")
        expect(failure { try vm.link("/tmp/d", to: "/tmp/e") }, AOS_E_REMOTE, errno: "EPERM")
        expect(failure { try vm.link("/tmp/new/name", to: "/tmp/d") }, AOS_E_REMOTE, errno: "EEXIST")
        expect(failure { try vm.link("/tmp/none", to: "/tmp/e") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { try vm.link("/tmp/new/name", to: "/dev/null") }, AOS_E_REMOTE, errno: "EEXIST")
        expect(failure { try vm.symlink("x", at: "/dev/null") }, AOS_E_REMOTE, errno: "EEXIST")
    }

    @Test("24, H9: what a guest's link leads to on the host stays as it is")
    func hostLinks() throws {
        let host = try TemporaryFolder()
        defer { host.remove() }
        let vm = try realVM()
        defer { finish(vm) }
        let up = String(repeating: "../", count: 20)
        try vm.script("require('fs').symlinkSync('\(up)\(host.path.dropFirst())', '/tmp/x')")
        for work in [
            { try vm.symlink("y", at: "/tmp/x/l") }, { try vm.chmod("/tmp/x", 0o700) },
            { try vm.utimes("/tmp/x", 1, 2) }, { try vm.write("/tmp/file", "x") },
            { try vm.rename("/tmp/file", to: "/tmp/x/file") },
            { try vm.link("/tmp/file", to: "/tmp/x/name") },
            { try vm.truncate("/tmp/x/f", 3) }, { try vm.unlink("/tmp/x/f") }, { try vm.rmdir("/tmp/x/d") },
        ] as [() throws -> Void] {
            _ = failure(of: work)
        }
        _ = try vm.writeFiles([("/tmp/x/batch", [1])])
        #expect(try folder(host.path) == [])
    }
}
