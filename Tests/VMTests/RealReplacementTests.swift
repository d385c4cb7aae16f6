// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

/// What random calls found: the sidecar remembers what was removed, makes links of its copy anew and follows
/// them, and ended or lost files by that.
@Suite(
    "Paths that come again, and links that are renamed, on the real sidecar (filesystem.md 8)",
    .enabled(if: RealSidecar.isThere)
)
struct RealReplacementTests {
    /// Expects a file's content for the client and for a guest, and again after the guest's end, which is when
    /// the sidecar compares its copy.
    private func expectContent(
        _ vm: HostVM,
        _ path: String,
        _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(try vm.readText(path) == text, sourceLocation: sourceLocation)
        let run = try vm.script("process.stdout.write(require('fs').readFileSync('\(path)','utf8'))")
        #expect(run.outputText == text && run.code == 0, "\(run.errorText)", sourceLocation: sourceLocation)
        #expect(try vm.readText(path) == text, sourceLocation: sourceLocation)
        #expect(vm.isAlive, sourceLocation: sourceLocation)
    }

    private func expectGone(
        _ vm: HostVM,
        _ path: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(try vm.exists(path) == false, sourceLocation: sourceLocation)
        let run = try vm.script("console.log(require('fs').existsSync('\(path)'))")
        #expect(run.outputText == "false\n", "\(run.errorText)", sourceLocation: sourceLocation)
        #expect(try vm.exists(path) == false, sourceLocation: sourceLocation)
    }

    @Test("a file that gets the path of one that was removed")
    func renamedOntoRemoved() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/a", "old")
        try vm.write("/tmp/b", "new")
        try vm.remove("/tmp/a")
        try vm.rename("/tmp/b", to: "/tmp/a")
        try expectContent(vm, "/tmp/a", "new")
        try expectGone(vm, "/tmp/b")
        #expect(try vm.list("/tmp") == ["a"])
    }

    @Test("a directory that gets the path of a file that was removed")
    func directoryOntoRemoved() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/a", "old")
        try vm.write("/tmp/d/f", "new")
        try vm.remove("/tmp/a")
        try vm.rename("/tmp/d", to: "/tmp/a")
        try expectContent(vm, "/tmp/a/f", "new")
        #expect(try vm.list("/tmp") == ["a"] && vm.list("/tmp/a") == ["f"])
    }

    @Test("a file below the path of what was removed", arguments: [true, false])
    func belowRemoved(_ wasDirectory: Bool) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write(wasDirectory ? "/tmp/d/old/f" : "/tmp/d", "old")
        try vm.remove("/tmp/d", recursive: true)
        try vm.write("/tmp/d/new/f", "new")
        try expectContent(vm, "/tmp/d/new/f", "new")
        try expectGone(vm, "/tmp/d/old")
        #expect(try vm.list("/tmp/d") == ["new"])
    }

    @Test("a file that gets the path of one of a lower layer that was removed")
    func ontoRemovedLower() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let names = try vm.list("/etc")
        try vm.remove("/etc/hostname")
        try expectGone(vm, "/etc/hostname")
        try vm.write("/tmp/n", "mine")
        try vm.rename("/tmp/n", to: "/etc/hostname")
        try expectContent(vm, "/etc/hostname", "mine")
        #expect(try vm.list("/etc") == names)
        try expectGone(vm, "/tmp/n")
    }

    @Test(
        "a link gets another path: to nothing, to a file of a lower layer, and to one of the VM's own",
        arguments: ["nowhere", "/nowhere", "/etc/hostname", "../etc/hostname", "file"],
        ["/tmp/m", "/tmp/other/m"]
    )
    func links(_ text: String, _ path: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/file", "content")
        try vm.makeDirectory("/tmp/other")
        try vm.symlink(text, at: "/tmp/l")
        let sent = try vm.readLink("/tmp/l")
        try vm.rename("/tmp/l", to: path)
        #expect(try vm.readLink(path) == sent)
        try expectGone(vm, "/tmp/l")
        #expect(try vm.readLink(path) == sent)
        #expect(try vm.lstat(path)["isSymbolicLink"] == .bool(true))
        #expect(try vm.list("/tmp") == (path == "/tmp/m" ? ["file", "m", "other"] : ["file", "other"]))
        #expect(try vm.readText("/etc/hostname") == "agent-os\n")
        #expect(try vm.readText("/tmp/file") == "content")
    }

    @Test("a directory that would hit itself in the one that holds it stays, with all that is in it")
    func intoAncestor() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/a/b/b/deep", "deep")
        try vm.write("/tmp/a/b/f", "f")
        try vm.write("/tmp/a/g", "g")
        let before = try vm.walk("/tmp")
        expect(failure { try vm.move("/tmp/a/b", to: "/tmp/a") }, AOS_E_REMOTE, errno: "ENOTEMPTY")
        #expect(try vm.walk("/tmp") == before)
        try expectContent(vm, "/tmp/a/b/b/deep", "deep")
        #expect(try vm.readText("/tmp/a/b/f") == "f" && vm.readText("/tmp/a/g") == "g")
        // Where nothing of its name is in it, the two become one.
        try vm.write("/tmp/a/c/h", "h")
        try vm.move("/tmp/a/c", to: "/tmp/a")
        try expectContent(vm, "/tmp/a/h", "h")
        try expectGone(vm, "/tmp/a/c")
        #expect(try vm.list("/tmp/a") == ["b", "g", "h"])
    }

    @Test(
        "mkdir -p by way of a link to a device is refused, once the device was written too",
        arguments: ["/dev/null", "/dev/zero", "../dev/null"]
    )
    func linkToDevice(_ text: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.symlink(text, at: "/tmp/device")
        for _ in 0..<2 {
            for path in ["/tmp/device", "/tmp/device/x", "/tmp/device/x/y"] {
                let error = failure { try vm.makeDirectory(path, recursive: true) }
                #expect(error?.status == AOS_E_REMOTE, "\(path): \(String(describing: error))")
                // What only a lower layer has is not found by way of a link.
                let allowed = path == "/tmp/device" ? ["EEXIST"] : ["ENOENT", "ENOTDIR"]
                #expect(allowed.contains(error?.errno ?? ""), "\(path): \(error?.message ?? "")")
                #expect(vm.isAlive)
            }
            #expect(try vm.script("console.log(1)").outputText == "1\n")
            try vm.write("/tmp/device", "x")
        }
        #expect(try vm.list("/tmp") == ["device"])
        #expect(try vm.read("/dev/null") == [])
    }
}
