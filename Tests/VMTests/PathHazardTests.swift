// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Hazards of paths, devices and sizes (connection-vm-files.md 9: H1-H3, H13, H15)",
    .enabled(if: RealSidecar.isThere)
)
struct PathHazardTests {
    @Test("H1, 25: an answer above the frame limit is not asked for (R14)")
    func readTooLarge() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/big", "x")
        try vm.truncate("/tmp/big", 2_000_000)
        let error = failure { _ = try vm.read("/tmp/big") }
        expect(error, AOS_E_TOO_LARGE, errno: "EFBIG", says: "file of 2000000 bytes does not fit one frame")
        #expect(try vm.stat("/tmp/big")["size"] == .integer(2_000_000))
        try vm.write("/tmp/text", [UInt8](repeating: 0x61, count: 1_047_000))
        expect(failure { _ = try vm.read("/tmp/text") }, AOS_E_TOO_LARGE, errno: "EFBIG")
    }

    @Test("H2: writing below a device", arguments: ["/dev/null", "/dev/zero", "/dev/urandom"])
    func device(_ path: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        for call in [FileCall.write, .mkdir, .makeTree] {
            for below in ["\(path)/x", "\(path)/x/y"] {
                expect(failure { try call.run(vm, below) }, AOS_E_REMOTE, errno: "ENOTDIR")
                #expect(vm.isAlive)
            }
        }
        #expect(try vm.exists("\(path)/x") == false)
        #expect(failure { try vm.remove("\(path)/x") } != nil)
        #expect(failure { _ = try vm.list(path) } != nil)
        #expect(failure { _ = try vm.stat("\(path)/x") } != nil)
    }

    @Test("a name that begins with a combining mark is a name like any other")
    func combiningMark() throws {
        let vm = try realVM(try json(#"{"mounts":[{"path":"/mnt/é","plugin":{"id":"memory"}}]}"#))
        defer { finish(vm) }
        let name = "\u{301}x"
        for folder in ["/w", "/mnt/é"] {
            let path = "\(folder)/\(name)"
            try vm.write("\(path)/f", "x")
            expect(failure { try vm.rename(path, to: "\(path)/\(name)") }, AOS_E_INVALID, errno: "EINVAL")
            expect(failure { try vm.move(folder == "/w" ? folder : path, to: "\(path)/in") }, AOS_E_INVALID)
            try vm.symlink("../\(name)/f", at: "\(path)/up")
            try vm.symlink("\(path)/f", at: "\(path)/absolute")
            #expect(try vm.readText("\(path)/up") == "x" && vm.readText("\(path)/absolute") == "x")
            try vm.write("\(path)/up", "y")
            #expect(try vm.readText("\(path)/f") == "y" && vm.list(folder) == [name])
            #expect(try vm.walk(folder).count == 4)
            let error = failure { try vm.write("/dev/null/\(name)", "x") }
            #expect(error?.errno == "ENOTDIR", "\(String(describing: error))")
        }
        try withTestFolder { folder in
            let came = try vm.download("/w", to: "\(folder)/w")
            let sent = try vm.upload("\(folder)/w", to: "/copy")
            #expect(came["files"] == .integer(1) && sent["files"] == .integer(1))
        }
        #expect(try vm.readText("/copy/\(name)/f") == "y")
        try vm.remove("/w/\(name)", recursive: true)
        #expect(try vm.list("/w") == [])
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("H2: a device itself is read, written, and not removed")
    func deviceItself() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/dev/null", "x")
        #expect(try vm.read("/dev/null") == [])
        #expect(try vm.read("/dev/zero").count == 4096)
        for size in [0, 5, 1 << 63, UInt64.max] {
            expect(
                failure { try vm.truncate("/dev/null", size) },
                AOS_E_REMOTE,
                errno: "EINVAL",
                says: "/dev/null"
            )
        }
        #expect(try vm.read("/dev/null") == [])
        try vm.write("/dev/file", "xyz")
        try vm.truncate("/dev/file", 1)
        #expect(try vm.readText("/dev/file") == "x")
        expect(failure { try vm.remove("/dev/null") }, AOS_E_REMOTE, errno: "ENOENT")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("H2: a device does not become a directory once it was written", arguments: [false, true])
    func deviceAsDirectory(_ recursive: Bool) throws {
        let vm = try realVM()
        try vm.write("/dev/null", "x")
        let error = try #require(failure { try vm.makeDirectory("/dev/null", recursive: recursive) })
        #expect(error.errno == "EEXIST")
        #expect(vm.isAlive)
    }

    @Test("H2: names and paths as long as they may be")
    func longest() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let name = "/tmp/" + String(repeating: "n", count: 255)
        try vm.write(name, "x")
        #expect(try vm.readText(name) == "x")
        try vm.remove(name)
        let path =
            "/tmp" + String(repeating: "/" + String(repeating: "p", count: 99), count: 37) + "/"
            + String(repeating: "q", count: 95)
        #expect(path.utf8.count == 3_800)
        try vm.write(path, "x")
        #expect(try vm.readText(path) == "x")
        expect(failure { try vm.write(path + "q", "x") }, AOS_E_INVALID, errno: "ENAMETOOLONG")
        // The sidecar's mark of what was removed would be longer than a path may be.
        try vm.remove(path)
        let folder = String(path.dropLast(96))
        try vm.symlink("elsewhere", at: folder + "/link")
        try vm.remove(folder + "/link")
        #expect(try vm.list(folder) == [])
        try vm.write(path, "again")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
        #expect(try vm.readText(path) == "again")
        try vm.remove("/tmp/" + String(repeating: "p", count: 99), recursive: true)
        #expect(try vm.list("/tmp") == [])
        #expect(try vm.list("/").allSatisfy { !$0.hasPrefix(".aos-") })
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("H3, 18: questions below a file that was written")
    func belowFile() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        for path in ["/tmp/f/x", "/tmp/f/x/y/z", "/etc/hostname/x"] {
            #expect(try vm.exists(path) == false)
            for call in [FileCall.read, .stat, .list, .remove, .removeTree] {
                expect(failure { try call.run(vm, path) }, AOS_E_REMOTE, errno: "ENOENT")
            }
            for call in [FileCall.write, .mkdir, .makeTree] {
                expect(failure { try call.run(vm, path) }, AOS_E_REMOTE, errno: "ENOTDIR")
            }
            #expect(vm.isAlive)
        }
        #expect(try vm.readText("/tmp/f") == "x")
    }

    @Test("three paths that end other clients' sidecars are answered, one after the other (R15)")
    func deadly() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let pid = try #require(vm.sidecar.processID)
        try vm.write("/tmp/file.txt", "x")
        #expect(try vm.exists("/tmp/file.txt/x") == false)
        expect(failure { _ = try vm.exists("/tmp/a\u{0}b") }, AOS_E_INVALID, errno: "EINVAL")
        let long = "/tmp/" + String(repeating: "n", count: 300)
        expect(failure { _ = try vm.exists(long) }, AOS_E_INVALID, errno: "ENAMETOOLONG")
        #expect(try vm.readText("/tmp/file.txt") == "x")
        #expect(vm.isAlive && vm.sidecar.processID == pid)
    }

    @Test("H13: with a hundred files, existence is asked without a scan")
    func manyFiles() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.script("for (let i=0;i<200;i++) require('fs').writeFileSync('/tmp/'+i, '')")
        let start = ContinuousClock.now
        for number in 0..<50 { #expect(try vm.exists("/tmp/\(number)")) }
        #expect(try vm.list("/tmp").count == 200)
        // Fifty scans of 200 files are ten seconds.
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test("H15: names with a backslash are refused where they would be doubled")
    func backslash() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for call in FileCall.changing {
            expect(failure { try call.run(vm, "/tmp/a\\b") }, AOS_E_INVALID, errno: "EINVAL")
        }
        #expect(try vm.exists("/tmp/a\\b") == false)
        #expect(try vm.list("/tmp") == [])
    }
}
