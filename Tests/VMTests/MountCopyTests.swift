// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "What the sidecar's copy still has of a mount does not end it, on the real sidecar",
    .enabled(if: RealSidecar.isThere)
)
struct MountCopyTests {
    /// A change of the host behind a client's back, and what is done then.
    struct Case: Sendable, CustomTestStringConvertible {
        let client: [String]
        let host: String
        let then: [String]
        /// What the host sees in the end: `find` without the top.
        let left: [String]
        var testDescription: String { "\(client) \(host) \(then)" }

        init(_ client: String, host: String, _ then: String..., left: String...) {
            (self.client, self.host) = (client.split(separator: ",").map(String.init), host)
            (self.then, self.left) = (then, left)
        }
    }

    static let cases: [Case] = [
        Case("write d", host: "rm d", "mkdir d", "write d/x", left: "d", "d/x"),
        Case("write d", host: "rm d", "tree d/e/f", left: "d", "d/e", "d/e/f"),
        Case("write d", host: "rm d && mkdir d", "write d/x", "mkdir d/e", left: "d", "d/e", "d/x"),
        Case(
            "write d",
            host: "rm d && mkdir d && touch d/s",
            "chmod d/s",
            "link d/s d/t",
            left: "d",
            "d/s",
            "d/t"
        ),
        Case("write d", host: "rm d && mkdir d && touch d/s", "rename d/s d/t", "unlink d/t", left: "d"),
        Case("write d", host: "rm d && mkdir d && touch d/s", "symlink d/l", "removeTree d"),
        Case("write d/x", host: "rm -r d && touch d", "truncate d", "write d", left: "d"),
        Case("write d/x", host: "rm -r d && touch d", "link d l", "unlink d", left: "l"),
        Case("write d/x", host: "rm -r d", "mkdir d", "mkdir d/x", "write d/x/y", left: "d", "d/x", "d/x/y"),
        Case("symlink d", host: "rm d && mkdir d", "write d/s", left: "d", "d/s"),
        Case("symlink d", host: "true", "rename d e", "write d/s", left: "d", "d/s", "e"),
        Case("write d", host: "rm d && mkdir d", "large d/x", left: "d", "d/x"),
    ]

    private func run(_ line: String, on vm: HostVM, below top: String) throws {
        let words = line.split(separator: " ").map(String.init)
        let path = "\(top)/\(words[1])"
        switch words[0] {
        case "write": try vm.write(path, "new")
        case "large": try vm.writeLarge(path, Array("new".utf8))
        case "mkdir": try vm.makeDirectory(path)
        case "tree": try vm.makeDirectory(path, recursive: true)
        case "chmod": try vm.chmod(path, 0o640)
        case "truncate": try vm.truncate(path, 1)
        case "unlink": try vm.unlink(path)
        case "removeTree": try vm.remove(path, recursive: true)
        case "symlink": try vm.symlink("elsewhere", at: path)
        case "link": try vm.link(path, to: "\(top)/\(words[2])")
        case "rename": try vm.rename(path, to: "\(top)/\(words[2])")
        default: throw FileError(line, "no such step")
        }
    }

    @Test("of a directory of the host, which the host itself has changed", arguments: cases)
    func hostDirectory(_ given: Case) throws {
        try withTestFolder { folder in
            try host(folder, "mkdir in")
            let mount =
                "{\"path\":\"/mnt/h\",\"plugin\":{\"id\":\"host_dir\",\"config\":{\"hostPath\":\"\(folder)/in\"}}}"
            let vm = try realVM(try json("{\"mounts\":[\(mount)]}"))
            defer { finish(vm) }
            for line in given.client { try run(line, on: vm, below: "/mnt/h") }
            try host("\(folder)/in", given.host)
            for line in given.then { try run(line, on: vm, below: "/mnt/h") }
            let found = try ChildRun.run(
                "/bin/sh",
                ["-c", "cd '\(folder)/in' && find . -mindepth 1 -printf '%P\\n' | sort"]
            )
            #expect(found.outputText.split(separator: "\n").map(String.init) == given.left)
            #expect(try vm.exists("/mnt/h/none/none") == false)
        }
    }

    @Test("of a directory of the host that is mounted no more: nothing of it comes to be in the root")
    func unmounted() throws {
        try withTestFolder { folder in
            try writeFile("\(folder)/theirs", Array("host".utf8))
            let mount =
                "{\"path\":\"/mnt/h\",\"plugin\":{\"id\":\"host_dir\",\"config\":{\"hostPath\":\"\(folder)\"}}}"
            let memory = #"{"path":"/mnt/h/in","plugin":{"id":"memory"}}"#
            let vm = try realVM(try json("{\"mounts\":[\(mount),\(memory)]}"))
            defer { finish(vm) }
            try vm.write("/mnt/h/ours", "x")
            try vm.write("/mnt/h/d/below", "x")
            try vm.write("/mnt/h/in/kept", "x")
            try vm.chmod("/mnt/h/theirs", 0o600)
            try vm.configure(json("{\"mounts\":[\(memory)]}"))
            #expect(try vm.script("console.log(1)").code == 0)
            #expect(try vm.list("/mnt/h") == ["in"])
            #expect(try vm.readText("/mnt/h/in/kept") == "x")
            try vm.configure(json("{\"mounts\":[\(mount),\(memory)]}"))
            let names = try vm.list("/mnt/h")
            #expect(Set(names).isSuperset(of: ["d", "ours", "theirs"]))
        }
    }

    @Test(
        "of a read-only root: what the library runs itself is no reason to refuse a change below a memory mount"
    )
    func readOnlyRoot() throws {
        let root = #""rootFilesystem":{"mode":"read-only"}"#
        let vm = try realVM(
            try json("{\(root),\"mounts\":[{\"path\":\"/mnt/m\",\"plugin\":{\"id\":\"memory\"}}]}")
        )
        defer { finish(vm) }
        let name = try vm.readLarge("/etc/hostname")
        #expect(name == Array("agent-os\n".utf8))
        try vm.write("/mnt/m/f", "x")
        let large = failure { try vm.writeLarge("/mnt/m/large", Array("x".utf8)) }
        expect(
            large,
            AOS_E_INVALID,
            errno: "EROFS",
            says: "below /mnt/m only files of one frame can be written"
        )
        expect(
            failure { try vm.writeLarge("/tmp/large", [1]) },
            AOS_E_REMOTE,
            errno: "EROFS",
            says: "'/tmp/large'"
        )
        #expect(try vm.list("/mnt/m") == ["f"])
        try vm.script("")
        expect(
            failure { try vm.write("/mnt/m/f", "y") },
            AOS_E_INVALID,
            errno: "EACCES",
            says: "read-only root"
        )
    }

    @Test("what a lower has where something is mounted is no reason to refuse anything there")
    func hidingLower() throws {
        let file = #"{"path":"/data/d/k","type":"file"}"#
        let link = #"{"path":"/data/l","type":"symlink","target":"d"}"#
        let root = try Lower.root(Lower.export("\(file),\(link)"))
        let mounts = try json(#"[{"path":"/data","plugin":{"id":"memory"}}]"#)
        let vm = try realVM(.members(["rootFilesystem": root["rootFilesystem"], "mounts": mounts]))
        defer { finish(vm) }
        try vm.write("/data/d", "file")
        try vm.makeDirectory("/data/l/below", recursive: true)
        try vm.write("/data/l/f", "x")
        try vm.chmod("/data/d", 0o600)
        try vm.rename("/data/l", to: "/data/moved")
        try vm.write("/data/l", "file")
        #expect(try vm.readText("/data/d") == "file" && vm.readText("/data/l") == "file")
        #expect(try vm.list("/data").sorted() == ["d", "l", "moved"])
        try vm.remove("/data/moved", recursive: true)
        try vm.remove("/data/d")
        #expect(try vm.script("console.log(1)").code == 0)
        #expect(try vm.list("/data") == ["l"])
    }

    @Test("of a link that was renamed in memory")
    func memory() throws {
        let vm = try realVM(try json(#"{"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#))
        defer { finish(vm) }
        try vm.symlink("b", at: "/mnt/m/d")
        try vm.rename("/mnt/m/d", to: "/mnt/m/e")
        try vm.write("/mnt/m/d/s", "x")
        #expect(try vm.list("/mnt/m") == ["d", "e"])
        #expect(try vm.readText("/mnt/m/d/s") == "x" && vm.readLink("/mnt/m/e") == "b")
        #expect(try vm.script("console.log(1)").code == 0)
        #expect(try vm.readText("/mnt/m/d/s") == "x")
    }
}
