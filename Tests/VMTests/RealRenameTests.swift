// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Renaming and moving on the real sidecar (filesystem.md 8.2, D11)", .enabled(if: RealSidecar.isThere))
struct RealRenameTests {
    /// What stands below /tmp, with the content of files.
    private func tree(_ vm: HostVM) throws -> [String] {
        try vm.walk("/tmp").map { entry in
            let path = String(entry.drop { $0 != "/" })
            return entry.hasPrefix("file") ? "\(path)=\(try vm.readText(path))" : path
        }
    }

    @Test("36: a file, a directory with all in it, and a link get another path")
    func plain() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/d/x", "x")
        try vm.write("/tmp/f", "f")
        try vm.symlink("nowhere", at: "/tmp/l")
        try vm.rename("/tmp/f", to: "/tmp/g")
        try vm.rename("/tmp/d", to: "/tmp/e")
        try vm.rename("/tmp/l", to: "/tmp/m")
        #expect(try tree(vm) == ["/tmp/e", "/tmp/g=f", "/tmp/m", "/tmp/e/x=x"])
        #expect(try vm.readLink("/tmp/m") == "nowhere")
        #expect(
            try vm.script("console.log(require('fs').readFileSync('/tmp/e/x', 'utf8'))").outputText == "x\n"
        )
    }

    @Test(
        "19, 37, H2: a path onto itself is a success, and nothing onto itself an error",
        arguments: [true, false]
    )
    func itself(_ moves: Bool) throws {
        let vm = try realVM()
        defer { finish(vm) }
        let rename: (String, String) throws -> Void = {
            moves ? try vm.move($0, to: $1) : try vm.rename($0, to: $1)
        }
        try vm.write("/tmp/d/f", "x")
        try rename("/tmp/d", "/tmp/d")
        try rename("/tmp/d/f", "/tmp/d/f")
        try rename("/tmp/d/", "/tmp/d")
        // The same place by another way.
        try vm.symlink("d", at: "/tmp/l")
        try rename("/tmp/l/f", "/tmp/d/f")
        #expect(try vm.readText("/tmp/d/f") == "x")
        expect(failure { try rename("/tmp/none", "/tmp/none") }, AOS_E_REMOTE, errno: "ENOENT")
    }

    @Test("a file onto another name of its own keeps both, as rename(2) does", arguments: [true, false])
    func otherName(_ moves: Bool) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/d/f", "x")
        try vm.link("/tmp/d/f", to: "/tmp/other")
        try vm.write("/tmp/copy", "x")
        let rename: (String, String) throws -> Void = {
            moves ? try vm.move($0, to: $1) : try vm.rename($0, to: $1)
        }
        try rename("/tmp/d/f", "/tmp/other")
        try rename("/tmp/other", "/tmp/d/f")
        #expect(try tree(vm) == ["/tmp/copy=x", "/tmp/d", "/tmp/other=x", "/tmp/d/f=x"])
        // The same content alone does not make one file of two.
        try rename("/tmp/d/f", "/tmp/copy")
        #expect(try tree(vm) == ["/tmp/copy=x", "/tmp/d", "/tmp/other=x"])
        try vm.write("/tmp/copy", "y")
        #expect(try vm.readText("/tmp/other") == "y")
    }

    @Test("H17: a file takes the place of a file, a directory that of an empty one, and nothing else")
    func places() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "f")
        try vm.write("/tmp/g", "g")
        try vm.write("/tmp/d/x", "x")
        try vm.makeDirectory("/tmp/empty")
        expect(failure { try vm.rename("/tmp/d", to: "/tmp/f") }, AOS_E_REMOTE, errno: "ENOTDIR")
        expect(failure { try vm.rename("/tmp/f", to: "/tmp/empty") }, AOS_E_REMOTE, errno: "EISDIR")
        expect(failure { try vm.rename("/tmp/empty", to: "/tmp/d") }, AOS_E_REMOTE, errno: "ENOTEMPTY")
        expect(failure { try vm.rename("/tmp/f", to: "/tmp/no/x") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { try vm.rename("/tmp/f", to: "/tmp/g/x") }, AOS_E_REMOTE, errno: "ENOTDIR")
        expect(failure { try vm.rename("/tmp/d", to: "/tmp/d/x/y") }, AOS_E_INVALID, errno: "EINVAL")
        expect(failure { try vm.rename("/tmp/f", to: "/dev/null") }, AOS_E_REMOTE, errno: "EEXIST")
        #expect(try tree(vm) == ["/tmp/d", "/tmp/empty", "/tmp/f=f", "/tmp/g=g", "/tmp/d/x=x"])
        try vm.rename("/tmp/f", to: "/tmp/g")
        try vm.rename("/tmp/d", to: "/tmp/empty")
        #expect(try tree(vm) == ["/tmp/empty", "/tmp/g=f", "/tmp/empty/x=x"])
    }

    @Test("a directory that only a lower layer has takes a file in, and is not renamed itself")
    func lower() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "f")
        try vm.rename("/tmp/f", to: "/etc/hostname")
        #expect(try vm.readText("/etc/hostname") == "f")
        #expect(try vm.list("/etc").count == 25)
        for path in ["/srv", "/tmp", "/home", "/usr/lib"] {
            expect(failure { try vm.rename(path, to: "/opt/moved") }, AOS_E_INVALID, errno: "EBUSY")
            expect(failure { try vm.move(path, to: "/opt/moved") }, AOS_E_INVALID, errno: "EBUSY")
        }
        expect(failure { try vm.rename("/etc", to: "/opt/etc") }, AOS_E_INVALID, errno: "EROFS")
        expect(failure { try vm.rename("/", to: "/opt/etc") }, AOS_E_INVALID, errno: "EPERM")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
        try vm.write("/srv/x", "x")
    }

    @Test(
        "38: a directory goes to another mount by a copy that keeps links and permissions, and a mount stays"
    )
    func acrossMounts() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let vm = try realVM(
            json(
                """
                {"mounts":[{"path":"/mnt/h","plugin":{"id":"host_dir","config":{"hostPath":"\(folder.path)","readOnly":false}}},\
                {"path":"/memory","plugin":{"id":"memory"}}]}
                """
            )
        )
        defer { finish(vm) }
        try vm.write("/tmp/d/sub/f", "f")
        try vm.chmod("/tmp/d/sub/f", 0o750)
        try vm.utimes("/tmp/d/sub/f", 1_600_000_000_000, 1_600_000_001_000)
        try vm.symlink("sub/f", at: "/tmp/d/l")
        expect(failure { try vm.rename("/tmp/d", to: "/mnt/h/d") }, AOS_E_REMOTE, errno: "EXDEV")
        try vm.move("/tmp/d", to: "/mnt/h/d")
        #expect(try vm.exists("/tmp/d") == false)
        #expect(try vm.readText("/mnt/h/d/sub/f") == "f")
        #expect(try vm.readLink("/mnt/h/d/l") == "sub/f")
        let stat = try vm.stat("/mnt/h/d/sub/f")
        #expect((stat["mode"]?.integerValue ?? 0) & 0o7777 == 0o750)
        #expect(stat["mtimeMs"] == .integer(1_600_000_001_000))
        // Into one that is there: the two become one, and a file is replaced.
        try vm.write("/memory/d/sub/f", "new")
        try vm.write("/memory/d/other", "other")
        try vm.move("/memory/d", to: "/mnt/h/d")
        #expect(try vm.readText("/mnt/h/d/sub/f") == "new")
        #expect(try vm.readText("/mnt/h/d/other") == "other")
        // 39: a file has no such way.
        try vm.write("/tmp/f", "f")
        expect(failure { try vm.move("/tmp/f", to: "/mnt/h/f") }, AOS_E_REMOTE, errno: "EXDEV")
        #expect(try vm.exists("/mnt/h/f") == false)
        #expect(try vm.readText("/tmp/f") == "f")
        for path in ["/memory", "/mnt/h", "/mnt"] {
            expect(failure { try vm.move(path, to: "/tmp/moved") }, AOS_E_INVALID, errno: "EBUSY")
        }
    }

    @Test("38: a directory with a file that is too large to be copied stays whole, and the error says so")
    func failedCopy() throws {
        let vm = try realVM(json(#"{"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#))
        defer { finish(vm) }
        try vm.write("/tmp/d/a", "a")
        try vm.write("/tmp/d/s/big", "x")
        try vm.truncate("/tmp/d/s/big", 2_000_000)
        try vm.symlink("a", at: "/tmp/d/z")
        let before = try vm.walk("/tmp/d", json(#"{"sizes":true}"#))
        let error = failure { try vm.move("/tmp/d", to: "/mnt/m/d") }
        expect(error, AOS_E_TOO_LARGE, errno: "EFBIG", says: "file of 2000000 bytes")
        #expect(
            error?.message.contains("partial copy may be at '/mnt/m/d'") == true,
            "\(error?.message ?? "")"
        )
        #expect(error?.detail["path"]?.stringValue == "/tmp/d/s/big")
        #expect(try vm.walk("/tmp/d", json(#"{"sizes":true}"#)) == before)
        #expect(try vm.readText("/tmp/d/a") == "a")
    }
}
