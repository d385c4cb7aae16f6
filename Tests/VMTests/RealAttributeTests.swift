// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Permissions, owners, times and sizes on the real sidecar", .enabled(if: RealSidecar.isThere))
struct RealAttributeTests {
    @Test("what is set is what is told, also behind a link")
    func attributes() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "12345")
        try vm.symlink("f", at: "/tmp/l")
        try vm.chmod("/tmp/l", 0o4751)
        try vm.chown("/tmp/f", 4_294_967_295, 7)
        try vm.utimes("/tmp/f", 1_234, 1_600_000_000_567)
        try vm.truncate("/tmp/l", 3)
        let stat = try vm.stat("/tmp/f")
        #expect(stat["mode"] == .integer(0o104_751))
        #expect(stat["uid"] == .integer(4_294_967_295) && stat["gid"] == .integer(7))
        #expect(try vm.readText("/tmp/f") == "123")
        try vm.truncate("/tmp/f", 6)
        #expect(try vm.read("/tmp/f") == [0x31, 0x32, 0x33, 0, 0, 0])
        try vm.utimes("/tmp/f", 1_234, 1_600_000_000_567)
        #expect(try vm.stat("/tmp/f")["atimeMs"] == .integer(1_234))
        #expect(try vm.stat("/tmp/f")["mtimeMs"] == .integer(1_600_000_000_567))
        #expect(try vm.readLink("/tmp/l") == "f")
        try vm.makeDirectory("/tmp/d")
        try vm.chmod("/tmp/d", 0o700)
        #expect(try vm.stat("/tmp/d")["mode"] == .integer(0o40_700))
    }

    @Test("H16: bits that say what sort of file it is do not change that")
    func typeBits() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        try vm.chmod("/tmp/f", 0o40_644)
        #expect(try vm.stat("/tmp/f")["mode"] == .integer(0o100_644))
        expect(failure { try vm.chmod("/tmp/f", 0o1_000_000) }, AOS_E_INVALID, says: "mode: ")
    }

    @Test(
        "23, H8: a directory of a lower layer keeps what it holds",
        arguments: ["/etc", "/srv", "/usr/lib", "/", "/tmp"]
    )
    func lowerDirectories(_ path: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/kept", "x")
        let names = try vm.list(path)
        expect(failure { try vm.chmod(path, 0o700) }, AOS_E_INVALID, errno: "EPERM")
        expect(failure { try vm.chown(path, 1, 1) }, AOS_E_INVALID, errno: "EPERM")
        expect(failure { try vm.utimes(path, 1, 1) }, AOS_E_INVALID, errno: "EPERM")
        expect(failure { try vm.truncate(path, 1) }, AOS_E_REMOTE, errno: "EISDIR")
        #expect(try vm.list(path) == names)
    }

    @Test("a size that the sidecar cannot give", arguments: [2 << 30, UInt64.max])
    func tooLong(_ size: UInt64) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        expect(failure { try vm.truncate("/tmp/f", size) }, AOS_E_REMOTE, errno: "ENOSPC")
        expect(failure { try vm.truncate("/tmp/none", 1) }, AOS_E_REMOTE, errno: "ENOENT")
        #expect(try vm.readText("/tmp/f") == "x")
    }

    /// Ends the sidecar otherwise: its user cannot open its own copy of the file.
    @Test(
        "a sidecar that is not root is protected from permissions that lock it out",
        .enabled(if: getuid() == 0, "only root can become another user")
    )
    func notRoot() throws {
        let binary = try #require(RealSidecar.binary)
        let command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary]
        // As root the private directory is ours alone; the other user needs to enter it.
        let sidecar = try HostSidecar(
            options: .members([
                "command": .array(
                    ([
                        "/bin/sh", "-c", #"chmod 777 "$TMPDIR"; exec "$0" "$@""#,
                    ] + command).map { .string($0) }
                )
            ])
        )
        let vm = try sidecar.createVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        try vm.makeDirectory("/tmp/d")
        for mode: UInt32 in [0, 0o200, 0o377] {
            expect(
                failure { try vm.chmod("/tmp/f", mode) },
                AOS_E_INVALID,
                errno: "EACCES",
                says: "not run as root"
            )
        }
        expect(failure { try vm.chmod("/tmp/d", 0o555) }, AOS_E_INVALID, errno: "EACCES")
        try vm.chmod("/tmp/f", 0o444)
        expect(failure { try vm.write("/tmp/f", "y") }, AOS_E_INVALID, errno: "EACCES")
        expect(failure { try vm.truncate("/tmp/f", 0) }, AOS_E_INVALID, errno: "EACCES")
        #expect(try vm.readText("/tmp/f") == "x")
        // A guest can do what the client may not.
        try vm.script(
            "require('fs').mkdirSync('/tmp/g'); require('fs').writeFileSync('/tmp/g/x', ''); require('fs').chmodSync('/tmp/g', 0o555)"
        )
        expect(failure { try vm.write("/tmp/g/y", "y") }, AOS_E_INVALID, errno: "EACCES")
        expect(failure { try vm.remove("/tmp/g", recursive: true) }, AOS_E_INVALID, errno: "EACCES")
        expect(failure { try vm.symlink("x", at: "/tmp/g/l") }, AOS_E_INVALID, errno: "EACCES")
        expect(failure { try vm.rename("/tmp/f", to: "/tmp/g/f") }, AOS_E_INVALID, errno: "EACCES")
        try vm.chmod("/tmp/f", 0o644)
        try vm.write("/tmp/f", "y")
        try vm.remove("/tmp/f")
    }
}
