// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite(
    "What a mounted directory of the host may hold, on the real sidecar",
    .enabled(if: RealSidecar.isThere)
)
struct HostMountTests {
    private func mounted(_ path: String, readOnly: Bool = false) throws -> HostVM {
        let plugin = "{\"id\":\"host_dir\",\"config\":{\"hostPath\":\"\(path)\"}}"
        let mount = "{\"path\":\"/mnt/h\",\"plugin\":\(plugin),\"readOnly\":\(readOnly)}"
        return try realVM(try json("{\"mounts\":[\(mount)]}"))
    }

    private func skipped(_ summary: JSONValue) throws -> [String] {
        guard case .array(let paths)? = summary["skipped"] else { throw FileError("skipped", "no array") }
        return paths.compactMap(\.stringValue)
    }

    @Test("a pipe and a socket of the host are not opened, and can be removed")
    func specialFiles() throws {
        try withTestFolder { folder in
            let make = try ChildRun.run(
                "/usr/bin/python3",
                [
                    "-c",
                    "import os,socket,sys;os.chdir(sys.argv[1]);os.mkfifo('p');socket.socket(1).bind('s')",
                    folder,
                ]
            )
            #expect(make.end == .exited(0), "\(make.errorText)")
            try writeFile("\(folder)/f", Array("file".utf8))
            let vm = try mounted(folder)
            defer { finish(vm) }
            for name in ["p", "s"] {
                let path = "/mnt/h/\(name)"
                let calls: [HostError?] = [
                    failure { _ = try vm.read(path) }, failure { try vm.write(path, "x") },
                    failure { try vm.truncate(path, 0) }, failure { _ = try vm.readLarge(path) },
                    failure { try vm.chmod(path, 0o600) }, failure { try vm.utimes(path, 1, 1) },
                    failure { _ = try vm.download(path, to: "\(folder)/out") },
                ]
                for error in calls { expect(error, AOS_E_REMOTE, errno: "EINVAL", says: path) }
            }
            let came = try vm.download("/mnt/h", to: "\(folder)/tree")
            #expect(came["files"] == .integer(1))
            #expect(Set(try skipped(came)) == ["/mnt/h/p", "/mnt/h/s"])
            for name in ["p", "s"] { try vm.unlink("/mnt/h/\(name)") }
            #expect(try vm.readText("/mnt/h/f") == "file")
        }
    }

    @Test("of a read-only one a directory that is there is made with success, and nothing else is")
    func readOnlyDirectory() throws {
        try withTestFolder { folder in
            #expect(mkdir("\(folder)/d", 0o755) == 0)
            try writeFile("\(folder)/d/f", Array("file".utf8))
            let vm = try mounted(folder, readOnly: true)
            defer { finish(vm) }
            for path in ["/mnt/h", "/mnt/h/d"] { try vm.makeDirectory(path, recursive: true) }
            for path in ["/mnt/h/none", "/mnt/h/d/f", "/mnt/h/d/none/below"] {
                expect(failure { try vm.makeDirectory(path, recursive: true) }, AOS_E_REMOTE, errno: nil)
            }
            #expect(try vm.readText("/mnt/h/d/f") == "file")
        }
    }

    @Test("links out of the directory are listed and removed, and left out by a download")
    func linksOut() throws {
        try withTestFolder { folder in
            try host(folder, "mkdir -p in/sub out && echo kept > out/f && echo x > in/sub/a")
            try host(folder, "ln -s ../../out in/sub/l && ln -s '\(folder)/out/f' in/sub/m")
            let vm = try mounted("\(folder)/in")
            defer { finish(vm) }
            #expect(try vm.walk("/mnt/h").count == 4)
            let came = try vm.download("/mnt/h", to: "\(folder)/copy")
            #expect(came["files"] == .integer(1) && came["links"] == .integer(0))
            #expect(Set(try skipped(came)) == ["/mnt/h/sub/l", "/mnt/h/sub/m"])
            try vm.remove("/mnt/h/sub", recursive: true)
            #expect(try vm.list("/mnt/h") == [])
            #expect(try readFile("\(folder)/out/f") == Array("kept\n".utf8))
        }
    }

    @Test("nothing is mounted over a file or a link")
    func mountOverFile() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/w/f", "x")
        try vm.makeDirectory("/w/t")
        try vm.symlink("/w/t", at: "/w/l")
        for path in ["/w/f", "/w/l"] {
            let config = try json("{\"mounts\":[{\"path\":\"\(path)\",\"plugin\":{\"id\":\"memory\"}}]}")
            expect(failure { try vm.configure(config) }, AOS_E_INVALID, errno: "ENOTDIR", says: path)
        }
        try vm.configure(try json(#"{"mounts":[{"path":"/w/t","plugin":{"id":"memory"}}]}"#))
        try vm.write("/w/t/x", "1")
        #expect(try vm.readText("/w/t/x") == "1" && vm.readText("/w/f") == "x")
        #expect(try vm.script("console.log(1)").code == 0)
    }

    @Test("where a policy forbids to remove, nothing is left behind, and a link stays one")
    func removalForbidden() throws {
        let policy = """
            {"permissions":{"fs":{"default":"allow","rules":[{"mode":"deny","operations":["rm"],"paths":["/**"]}]},\
            "network":"allow","childProcess":"allow","process":"allow","env":"allow","tool":"allow"}}
            """
        let vm = try realVM(try json(policy))
        defer { finish(vm) }
        try vm.write("/w/f", "x")
        try vm.symlink("f", at: "/w/l")
        expect(failure { try vm.unlink("/w/l") }, AOS_E_REMOTE, errno: "EACCES", says: "/w/l")
        expect(failure { try vm.writeLarge("/w/f", [1]) }, AOS_E_REMOTE, errno: "EACCES", says: "/w/f")
        expect(failure { try vm.unlink("/w/f") }, AOS_E_REMOTE, errno: "EACCES")
        #expect(try vm.readLink("/w/l") == "f" && vm.readText("/w/l") == "x")
        #expect(try vm.list("/w").sorted() == ["f", "l"])
    }
}
