// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Hazards of mounts (connection-vm-files.md 9: H10-H12)", .enabled(if: RealSidecar.isThere))
struct MountHazardTests {
    @Test("H10, 12: parent and child mounts, configured three times")
    func nestedMounts() throws {
        let config = try json(
            """
            {"mounts":[{"path":"/p","plugin":{"id":"memory"}},{"path":"/p/c","plugin":{"id":"memory"}}]}
            """
        )
        let vm = try realVM(config)
        defer { finish(vm) }
        for _ in 0..<3 { try vm.configure(config) }
        try vm.write("/p/c/f", "x")
        try vm.write("/p/f", "y")
        #expect(try vm.readText("/p/c/f") == "x")
        #expect(try vm.list("/p") == ["c", "f"])
        for path in ["/p", "/p/c"] {
            expect(failure { try vm.makeDirectory(path) }, AOS_E_REMOTE, errno: "EEXIST", says: path)
        }
    }

    @Test("H10, 13: an unknown plugin in the middle undoes the creation")
    func unknownPlugin() throws {
        let sidecar = try RealSidecar.sidecar()
        try sidecar.connect()
        let config = try json(
            """
            {"mounts":[{"path":"/mnt/aaa","plugin":{"id":"memory"}},{"path":"/mnt/bb","plugin":{"id":"nope"}},\
            {"path":"/mnt/c","plugin":{"id":"memory"}}]}
            """
        )
        let error = failure { _ = try sidecar.createVM(config) }
        expect(error, AOS_E_REMOTE, errno: "ENOSYS", says: "filesystem plugin is not registered: nope")
        #expect(error?.code == "plugin_error")
        #expect(sidecar.vmCount == 0)
        let vm = try sidecar.createVM()
        #expect(vm.isAlive)
        let second = failure { try vm.configure(config) }
        expect(second, AOS_E_REMOTE, errno: "ENOSYS", says: "the VM was shut down")
        expect(failure { _ = try vm.read("/x") }, AOS_E_DISPOSED)
        #expect(try sidecar.createVM().isAlive)
    }

    @Test("H17: what is above a mount is not renamed, nor a directory onto a file, and a configuration works")
    func renameAboveMount() throws {
        let config = try json(#"{"mounts":[{"path":"/work/m","plugin":{"id":"memory"}}]}"#)
        let vm = try realVM(config)
        defer { finish(vm) }
        try vm.write("/work/m/f", "x")
        try vm.write("/work/g", "y")
        try vm.write("/tmp/d/f", "d")
        try vm.write("/tmp/file", "file")
        expect(failure { try vm.rename("/work", to: "/tmp/moved") }, AOS_E_INVALID, errno: "EBUSY")
        expect(failure { try vm.rename("/tmp/d", to: "/tmp/file") }, AOS_E_REMOTE, errno: "ENOTDIR")
        try vm.configure(config)
        for path in ["/work", "/work/m", "/tmp/d"] {
            #expect(try vm.stat(path)["isDirectory"] == .bool(true), "\(path)")
        }
        #expect(try vm.exists("/tmp/moved") == false)
        #expect(try vm.readText("/work/m/f") == "x" && vm.readText("/work/g") == "y")
        #expect(try vm.readText("/tmp/file") == "file" && vm.readText("/tmp/d/f") == "d")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("H11: files of a memory mount do not appear in the root")
    func memoryMount() throws {
        let mount = #"{"path":"/mnt/m","plugin":{"id":"memory"}}"#
        let vm = try realVM(json("{\"mounts\":[\(mount)]}"))
        defer { finish(vm) }
        try vm.write("/mnt/m/f", "x")
        expect(failure { try vm.configure(.object([])) }, AOS_E_INVALID, errno: "EBUSY")
        try vm.configure(json("{\"mounts\":[\(mount),{\"path\":\"/mnt/n\",\"plugin\":{\"id\":\"memory\"}}]}"))
        #expect(try vm.list("/mnt/n") == [])
        let text = try vm.readText("/mnt/m/f")
        #expect(text == "x")
        _ = try vm.stat("/tmp")
        #expect(try vm.readText("/mnt/m/f") == "x")
    }

    @Test("8.1: files in a mount are removed, alone and in a tree", arguments: ["memory", "host_dir"])
    func removeInMount(_ plugin: String) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let vm = try realVM(
            json(
                """
                {"mounts":[{"path":"/mnt/m","plugin":{"id":"\(plugin)","config":{"hostPath":"\(folder.path)",\
                "readOnly":false}}}]}
                """
            )
        )
        defer { finish(vm) }
        try vm.write("/mnt/m/f", "x")
        try vm.write("/mnt/m/d/g", "x")
        try vm.makeDirectory("/mnt/m/empty")
        try vm.remove("/mnt/m/empty")
        try vm.remove("/mnt/m/f")
        try vm.remove("/mnt/m/d", recursive: true)
        let names = try vm.list("/mnt/m")
        #expect(names == [])
    }

    @Test("18: below a file of a mount nothing exists", arguments: ["memory", "host_dir"])
    func belowFileInMount(_ plugin: String) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let vm = try realVM(
            json(
                """
                {"mounts":[{"path":"/mnt/m","plugin":{"id":"\(plugin)","config":{"hostPath":"\(folder.path)",\
                "readOnly":false}}}]}
                """
            )
        )
        defer { finish(vm) }
        try vm.write("/mnt/m/f", "x")
        #expect(try vm.exists("/mnt/m/none/x") == false)
        let exists = try vm.exists("/mnt/m/f/x")
        #expect(exists == false)
        expect(failure { _ = try vm.read("/mnt/m/f/x") }, AOS_E_REMOTE)
        expect(failure { try vm.write("/mnt/m/f/x", "y") }, AOS_E_REMOTE)
    }

    @Test(
        "H12, 15: names that begin like the mount path",
        arguments: ["data.json", "database", "mnt.txt", "data"]
    )
    func mountNames(_ name: String) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try writeFile("\(folder.path)/\(name)", Array("host".utf8))
        let refused = failure { _ = try realVM(hostMount(folder.path, at: "/data")) }
        expect(
            refused,
            AOS_E_INVALID,
            errno: "EINVAL",
            says: "host_dir mount point needs two components: /data"
        )
        let vm = try realVM(hostMount(folder.path, at: "/mnt/data"))
        defer { finish(vm) }
        #expect(try vm.readText("/mnt/data/\(name)") == "host")
        try vm.write("/mnt/data/\(name)", "guest")
        #expect(try readFile("\(folder.path)/\(name)") == Array("guest".utf8))
        try vm.write("/mnt/data/\(name)2", "new")
        #expect(try folder.names() == [name, "\(name)2"])
    }

    @Test("H12: the same one level below, where a directory of the host is called like the first component")
    func mountNamesBelow() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        mkdir("\(folder.path)/mnt", 0o755)
        try writeFile("\(folder.path)/mnt/data.json", Array("host".utf8))
        let vm = try realVM(hostMount(folder.path, at: "/mnt/data"))
        defer { finish(vm) }
        // Unreachable through this sidecar, so refused: it would look up `.json`, and make `base` on the
        // host.
        expect(failure { _ = try vm.readText("/mnt/data/mnt/data.json") }, AOS_E_INVALID, errno: "EINVAL")
        expect(failure { try vm.write("/mnt/data/mnt/database", "new") }, AOS_E_INVALID, errno: "EINVAL")
        #expect(try folder.names() == ["mnt"])
    }

    private func hostMount(_ path: String, at guestPath: String, readOnly: Bool = false) throws -> JSONValue {
        try json(
            """
            {"mounts":[{"path":"\(guestPath)","plugin":{"id":"host_dir","config":{"hostPath":"\(path)",\
            "readOnly":\(readOnly)}}}]}
            """
        )
    }

    @Test("14: a directory of the host, and a link that leaves it")
    func hostDirectory() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let outside = try TemporaryFolder()
        defer { outside.remove() }
        let host = try HostFolder(outside.path)
        let before = host.content
        let vm = try realVM(hostMount(folder.path, at: "/mnt/h"))
        defer { finish(vm) }
        try vm.write("/mnt/h/f", "x")
        #expect(try readFile("\(folder.path)/f") == Array("x".utf8))
        try vm.makeDirectory("/mnt/h/d")
        try vm.write("/mnt/h/d/g", "y")
        #expect(try folder.names() == ["d", "f"])
        try vm.rename("/mnt/h/f", to: "/mnt/h/e")
        #expect(try folder.names() == ["d", "e"])
        #expect(try readFile("\(folder.path)/e") == Array("x".utf8))
        try vm.rename("/mnt/h/d", to: "/mnt/h/c")
        #expect(try readFile("\(folder.path)/c/g") == Array("y".utf8))
        try vm.remove("/mnt/h/e")
        #expect(try folder.names() == ["c"])
        try vm.remove("/mnt/h/c", recursive: true)
        #expect(try folder.names() == [])
        try writeFile("\(folder.path)/late", Array("late".utf8))
        #expect(try vm.readText("/mnt/h/late") == "late")
        symlink(outside.path, "\(folder.path)/out")
        for call in [FileCall.read, .write, .mkdir, .stat, .remove, .makeTree, .removeTree] {
            expect(failure { try call.run(vm, "/mnt/h/out/keep") }, AOS_E_REMOTE, errno: "EACCES")
        }
        #expect(try vm.exists("/mnt/h/out/keep") == false)
        #expect(host.content == before)
        #expect(vm.isAlive)
    }

    @Test(
        "a mount is not removed, nor what holds it, and nothing below it is",
        arguments: ["/mnt/h", "/mnt"]
    )
    func removeMount(_ path: String) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try writeFile("\(folder.path)/f", Array("x".utf8))
        let vm = try realVM(hostMount(folder.path, at: "/mnt/h"))
        defer { finish(vm) }
        for recursive in [true, false] {
            let error = failure { try vm.remove(path, recursive: recursive) }
            expect(error, AOS_E_INVALID, errno: "EBUSY")
        }
        expect(failure { try vm.rmdir(path) }, AOS_E_INVALID, errno: "EBUSY")
        #expect(try folder.names() == ["f"])
        #expect(try vm.readText("/mnt/h/f") == "x")
    }

    @Test("14: a directory of the host that may only be read")
    func readOnlyHostDirectory() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let host = try HostFolder(folder.path)
        let before = host.content
        let vm = try realVM(hostMount(folder.path, at: "/mnt/h", readOnly: true))
        defer { finish(vm) }
        #expect(try vm.readText("/mnt/h/keep") == "kept\n")
        for call in [FileCall.write, .makeTree, .mkdir] {
            expect(failure { try call.run(vm, "/mnt/h/new") }, AOS_E_REMOTE, errno: "EROFS")
        }
        expect(failure { try vm.remove("/mnt/h/keep") }, AOS_E_REMOTE, errno: "EROFS")
        #expect(host.content == before)
    }
}
