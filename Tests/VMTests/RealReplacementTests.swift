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

    /// In a directory of the VM's own: one of a lower layer is treated in another way.
    @Test("a file that gets the path of one that was removed", arguments: ["/tmp", "/tmp/own"])
    func renamedOntoRemoved(_ folder: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("\(folder)/a", "old")
        try vm.write("\(folder)/b", "new")
        try vm.remove("\(folder)/a")
        try vm.rename("\(folder)/b", to: "\(folder)/a")
        try expectContent(vm, "\(folder)/a", "new")
        try expectGone(vm, "\(folder)/b")
        #expect(try vm.list(folder) == ["a"])
    }

    @Test("a directory that gets the path of a file that was removed", arguments: ["/tmp", "/tmp/own"])
    func directoryOntoRemoved(_ folder: String) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("\(folder)/a", "old")
        try vm.write("\(folder)/d/f", "new")
        try vm.remove("\(folder)/a")
        try vm.rename("\(folder)/d", to: "\(folder)/a")
        try expectContent(vm, "\(folder)/a/f", "new")
        #expect(try vm.list(folder) == ["a"] && vm.list("\(folder)/a") == ["f"])
    }

    @Test("a file in a directory that gets the path of one that was removed with a file of that name")
    func inDirectoryOntoRemoved() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/own/a/f", "old")
        try vm.write("/tmp/own/d/f", "new")
        try vm.remove("/tmp/own/a", recursive: true)
        try vm.rename("/tmp/own/d", to: "/tmp/own/a")
        try expectContent(vm, "/tmp/own/a/f", "new")
        #expect(try vm.list("/tmp/own") == ["a"] && vm.list("/tmp/own/a") == ["f"])
    }

    /// What is put below a path of which nothing is there any more.
    enum Way: String, CaseIterable, Sendable {
        case write, batch, mkdir, symlink, link

        func put(_ text: String, at path: String, _ vm: HostVM) throws {
            switch self {
            case .write: try vm.write(path, text)
            case .batch: _ = try vm.writeFiles([(path, Array(text.utf8))])
            case .mkdir:
                try vm.makeDirectory(String(path.dropLast(2)), recursive: true)
                try vm.write(path, text)
            case .symlink, .link:
                try vm.write("/tmp/there", text)
                if self == .link {
                    try vm.link("/tmp/there", to: path)
                } else {
                    try vm.symlink("/tmp/there", at: path)
                }
            }
        }
    }

    @Test("what comes below the path of something that was removed", arguments: [true, false], Way.allCases)
    func belowRemoved(_ wasDirectory: Bool, _ way: Way) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write(wasDirectory ? "/tmp/own/d/old/f" : "/tmp/own/d", "old")
        try vm.remove("/tmp/own/d", recursive: true)
        try way.put("new", at: "/tmp/own/d/x/f", vm)
        try expectContent(vm, "/tmp/own/d/x/f", "new")
        try expectGone(vm, "/tmp/own/d/old")
        #expect(try vm.list("/tmp/own/d") == ["x"] && vm.list("/tmp/own/d/x") == ["f"])
    }

    /// A file of a lower layer hides its path for good: what is below it is refused, for otherwise it would end
    /// the sidecar with the next program.
    @Test("nothing comes below the path of a file of a lower layer that was removed", arguments: Way.allCases)
    func belowRemovedLower(_ way: Way) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.remove("/etc/hostname")
        let error = failure { try way.put("new", at: "/etc/hostname/x/f", vm) }
        if way != .batch { expect(error, AOS_E_INVALID, errno: "EBUSY") }
        #expect(vm.isAlive)
        try expectGone(vm, "/etc/hostname/x/f")
        try vm.write("/etc/hostname", "mine")
        try expectContent(vm, "/etc/hostname", "mine")
    }

    @Test("a refused call does not bring a removed file of a lower layer back", arguments: Way.allCases)
    func staysRemoved(_ way: Way) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.remove("/etc/hostname")
        let names = try vm.list("/etc")
        for path in ["/etc/hostname/x/f", "/etc/hostname/f"] {
            _ = failure { try way.put("new", at: path, vm) }
        }
        _ = failure { try vm.makeDirectory("/etc/hostname") }
        try expectGone(vm, "/etc/hostname")
        #expect(try vm.list("/etc") == names)
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
