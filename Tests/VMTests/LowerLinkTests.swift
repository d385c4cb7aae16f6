// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("What stands in a lower layer, on the real sidecar (H4, H5, H8)", .enabled(if: RealSidecar.isThere))
struct LowerLinkTests {
    private func link(_ path: String, _ target: String) -> String {
        "{\"path\":\"\(path)\",\"type\":\"symlink\",\"target\":\"\(target)\"}"
    }

    private func file(_ path: String) -> String {
        "{\"path\":\"\(path)\",\"type\":\"file\",\"content\":\"lower\",\"encoding\":\"utf8\"}"
    }

    @Test(
        "a link to a directory that the lower does not have is followed by all calls",
        arguments: ["/ws", "/opt/ws"],
        ["/tmp", "tmp", "/srv", "/opt/new"]
    )
    func followed(_ path: String, _ target: String) throws {
        let text = path == "/ws" || target.hasPrefix("/") ? target : "../\(target)"
        let folder = target.hasPrefix("/") ? target : "/\(target)"
        let vm = try realVM(try Lower.root(Lower.export(link(path, text))))
        defer { finish(vm) }
        try vm.makeDirectory(folder, recursive: true)
        try vm.write("\(path)/k", "1")
        try vm.makeDirectory("\(path)/d")
        try vm.write("\(path)/d/below", "2")
        #expect(try vm.readText("\(folder)/k") == "1" && vm.readText("\(folder)/d/below") == "2")
        #expect(try vm.readText("\(path)/k") == "1" && vm.exists("\(path)/d/below"))
        #expect(try vm.exists("\(path)/none") == false)
        #expect(try vm.readLink(path) == text)
        // The end of a program is when the sidecar compares its copy.
        #expect(try vm.script("console.log(1)").code == 0)
        #expect(try vm.readText("\(folder)/k") == "1")
    }

    @Test("through a link to a directory that only a lower has all is seen")
    func toLowerDirectory() throws {
        let vm = try realVM(try Lower.root(Lower.export("\(file("/l/a")),\(file("/l/d/b"))")))
        defer { finish(vm) }
        for (target, names) in [("/l", ["a", "d"]), ("/usr/lib", ["os-release"]), ("/", ["etc", "l", "w"])] {
            let link = "/w/to\(target.count)"
            try vm.symlink(target, at: link)
            #expect(try vm.realPath(link) == target)
            let listed = try vm.list(link)
            let direct = try vm.list(target)
            #expect(Set(listed).isSuperset(of: names) && listed == direct, "\(listed)")
            let walked = try vm.walk(link, try json(#"{"maxDepth":0}"#))
            #expect(
                walked.count == listed.count && walked.allSatisfy { $0.contains(" \(link)/") },
                "\(walked)"
            )
        }
        #expect(try vm.lstat("/w/to2/d/b")["size"] == .integer(5))
        #expect(try vm.walk("/w/to2") == ["file /w/to2/a", "directory /w/to2/d", "file /w/to2/d/b"])
        #expect(try vm.list("/w/to1").contains(".agent-os-overlay") == false)
    }

    @Test("a link to nothing takes no file below it")
    func dangling() throws {
        let vm = try realVM(try Lower.root(Lower.export(link("/ws", "/nowhere"))))
        defer { finish(vm) }
        expect(failure { try vm.write("/ws/k", "1") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { try vm.makeDirectory("/ws/k") }, AOS_E_REMOTE, errno: "ENOENT")
        #expect(try vm.exists("/nowhere") == false)
        #expect(try vm.script("console.log(1)").code == 0)
    }

    @Test("neither a link nor a second name replaces what a layer has")
    func notReplaced() throws {
        let vm = try realVM(try Lower.root(Lower.export("\(file("/l/a")),\(file("/l/d/b"))")))
        defer { finish(vm) }
        try vm.write("/w/f", "mine")
        for path in ["/tmp", "/usr/bin", "/home/user", "/etc/hostname", "/l/a", "/l/d", "/w/f", "/w"] {
            expect(failure { try vm.symlink("x", at: path) }, AOS_E_REMOTE, errno: "EEXIST", says: path)
            expect(failure { try vm.link("/w/f", to: path) }, AOS_E_REMOTE, errno: "EEXIST", says: path)
        }
        #expect(try vm.readText("/etc/hostname") == "agent-os\n" && vm.readText("/l/d/b") == "lower")
        try vm.symlink("f", at: "/w/l")
        try vm.link("/w/f", to: "/l/new")
        #expect(try vm.readText("/w/l") == "mine" && vm.readText("/l/new") == "mine")
        #expect(try vm.script("console.log(1)").code == 0)
    }

    @Test("entries that exclude each other, or that the sidecar has for itself, are refused by their paths")
    func conflicts() throws {
        let lowers: [([String], says: String)] = [
            (["\(file("/a")),\(file("/a/b"))"], "/a/b lies below /a, which is no directory"),
            ([file("/a"), file("/a/b/c")], "/a/b/c lies below /a, which is no directory"),
            ([file("/a/b"), file("/a")], "/a/b lies below /a, which is no directory"),
            (["\(link("/l", "/tmp")),\(file("/l/b"))"], "/l/b lies below /l, which is no directory"),
            ([file("/etc/agentos")], "entry /etc/agentos: only a directory can be there"),
            ([file("/.agent-os-overlay/whiteouts/x")], "the sidecar keeps its own records there"),
        ]
        let sidecar = try RealSidecar.sidecar()
        let other = try sidecar.createVM()
        for (entries, text) in lowers {
            let list = entries.map { Lower.export($0) }.joined(separator: ",")
            let config = try json("{\"rootFilesystem\":{\"lowers\":[\(list)]}}")
            expect(failure { _ = try sidecar.createVM(config) }, AOS_E_INVALID, says: text)
        }
        #expect(other.isAlive)
        let vm = try sidecar.createVM(try Lower.root(Lower.export(file("/a/b")), Lower.export(file("/a/c"))))
        #expect(try vm.list("/a").sorted() == ["b", "c"])
        // A link of the base layer's is hidden by what a lower has there.
        let hiding = try sidecar.createVM(try Lower.root(Lower.export(file("/var/run/x"))))
        #expect(try hiding.readText("/var/run/x") == "lower")
    }

    /// What takes the place of a link that a lower has, by the client's calls.
    enum Replacement: CaseIterable { case write, rename, large, link, symlink }

    @Test(
        "what takes the place of a lower's link leaves alone what that led to",
        arguments: Replacement.allCases
    )
    func replaced(_ replacement: Replacement) throws {
        let vm = try realVM(
            try Lower.root(Lower.export("\(file("/l/a")),\(file("/l/d/b")),\(link("/l/s", "a"))"))
        )
        defer { finish(vm) }
        try vm.unlink("/l/s")
        try vm.write("/l/z", "new")
        switch replacement {
        case .write: try vm.write("/l/s", "new")
        case .rename: try vm.rename("/l/z", to: "/l/s")
        case .large: try vm.writeLarge("/l/s", Array("new".utf8))
        case .link: try vm.link("/l/z", to: "/l/s")
        case .symlink:
            try vm.symlink("d/b", at: "/l/s")
            // Only a lower has this.
            #expect(try vm.realPath("/l/s") == "/l/d/b" && vm.readText("/l/s") == "lower")
            try vm.write("/l/s", "new")
            #expect(try vm.readText("/l/d/b") == "new")
        }
        #expect(try vm.readText("/l/a") == "lower" && vm.readText("/l/s") == "new")
        try vm.unlink("/l/a")
        #expect(try vm.readText("/l/s") == "new")
        #expect(try vm.script("console.log(1)").code == 0)
        #expect(try vm.readText("/l/s") == "new" && vm.exists("/l/a") == false)
        try vm.unlink("/l/s")
        let left = try vm.list("/l")
        #expect(Set(left) == (replacement == .rename ? ["d"] : ["d", "z"]))
    }

    @Test(
        "nothing takes the place of a lower's link to a directory, nor is anything found behind a removed one"
    )
    func directoryLink() throws {
        let vm = try realVM(
            try Lower.root(Lower.export("\(file("/l/d/k")),\(link("/l/s", "d")),\(link("/l/t", "/l/s"))"))
        )
        defer { finish(vm) }
        try vm.write("/l/own", "own")
        expect(failure { try vm.rename("/l/own", to: "/l/s") }, AOS_E_INVALID, errno: "EBUSY", says: "/l/s")
        expect(failure { try vm.move("/l/own", to: "/l/t") }, AOS_E_INVALID, errno: "EBUSY", says: "/l/t")
        try withTestFolder { folder in
            try host(folder, "mkdir up && echo x > up/s")
            let error = failure { _ = try vm.upload("\(folder)/up", to: "/l") }
            expect(error, AOS_E_INVALID, errno: "EBUSY", says: "/l/s")
        }
        #expect(try vm.readText("/l/s/k") == "lower" && vm.readText("/l/t/k") == "lower")
        try vm.unlink("/l/s")
        let calls: [HostError?] = [
            failure { try vm.write("/l/s", "x") }, failure { try vm.writeLarge("/l/s", [1]) },
            failure { try vm.link("/l/own", to: "/l/s") }, failure { try vm.rename("/l/own", to: "/l/s") },
            failure { try vm.write("/l/s/k", "x") },
        ]
        for error in calls { expect(error, AOS_E_INVALID, errno: "EBUSY", says: "/l/s") }
        for call in [FileCall.read, .stat, .list, .remove, .removeTree] {
            expect(failure { try call.run(vm, "/l/s/k") }, AOS_E_REMOTE, errno: "ENOENT")
        }
        expect(failure { try vm.rename("/l/s/k", to: "/l/k") }, AOS_E_REMOTE, errno: "ENOENT")
        #expect(
            try vm.exists("/l/s/k") == false && vm.exists("/l/s") == false && vm.exists("/l/t/k") == false
        )
        try vm.symlink("d", at: "/l/s")
        #expect(try vm.readText("/l/s/k") == "lower" && vm.readText("/l/t/k") == "lower")
        try vm.remove("/l/s", recursive: true)
        #expect(try vm.readText("/l/d/k") == "lower" && vm.list("/l").sorted() == ["d", "own", "t"])
    }

    @Test("a refused write of a lower directory leaves what it holds to be seen")
    func writeOfDirectory() throws {
        let vm = try realVM(try Lower.root(Lower.export("\(file("/l/d/k")),\(link("/l/s", "d"))")))
        defer { finish(vm) }
        let before = try vm.list("/usr")
        for path in ["/l/d", "/l/s", "/usr"] {
            expect(failure { try vm.write(path, "x") }, AOS_E_REMOTE, errno: "EISDIR")
        }
        try withTestFolder { folder in
            try writeFile("\(folder)/f", [1])
            expect(failure { _ = try vm.upload("\(folder)/f", to: "/l/d") }, AOS_E_REMOTE, errno: "EISDIR")
        }
        #expect(try vm.list("/l/d") == ["k"] && vm.list("/usr") == before)
        // The base image, asked for by name.
        let root = #"{"disableDefaultBaseLayer":true,"lowers":[{"kind":"bundled-base-filesystem"}]}"#
        let named = try vm.sidecar.createVM(try json("{\"rootFilesystem\":\(root)}"))
        let kept = try named.list("/etc/apk")
        expect(failure { try named.write("/etc/apk", "x") }, AOS_E_REMOTE, errno: "EISDIR")
        expect(failure { try named.remove("/etc/apk", recursive: true) }, AOS_E_INVALID, errno: "EBUSY")
        #expect(try named.list("/etc/apk") == kept)
        try named.shutdown()
        let snapshot = try vm.rootSnapshot()
        #expect("\(snapshot)".contains("/l/d/k"))
    }

    @Test("a file in the place of a link of the base image is that file", arguments: [true, false])
    func baseLink(_ isRemovedFirst: Bool) throws {
        let vm = try realVM()
        defer { finish(vm) }
        let before = try vm.readText("/usr/lib/os-release")
        #expect(try vm.readText("/etc/os-release") == before)
        if isRemovedFirst {
            try vm.unlink("/etc/os-release")
            try vm.write("/etc/os-release", "mine")
        } else {
            try vm.write("/tmp/new", "mine")
            try vm.rename("/tmp/new", to: "/etc/os-release")
        }
        #expect(try vm.readText("/usr/lib/os-release") == before)
        try vm.unlink("/usr/lib/os-release")
        #expect(try vm.script("console.log(1)").code == 0)
        #expect(try vm.readText("/etc/os-release") == "mine")
    }
}
