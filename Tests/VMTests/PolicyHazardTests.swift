// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Hazards of policies and read-only roots (connection-vm-files.md 9: H14, H21)",
    .enabled(if: RealSidecar.isThere)
)
struct PolicyHazardTests {
    private static let allDomains =
        #""network":"allow","childProcess":"allow","process":"allow","env":"allow","tool":"allow""#

    private func policy(_ fs: String, mode: String? = nil, lower: String? = nil) throws -> JSONValue {
        let lowers = lower.map { ",\"lowers\":[\(Lower.export($0))]" } ?? ""
        let root = mode.map { ",\"rootFilesystem\":{\"mode\":\"\($0)\"\(lowers)}" } ?? ""
        return try json("{\"permissions\":{\"fs\":\(fs),\(Self.allDomains)}\(root)}")
    }

    @Test("H14, 9, vm.md 18: a read-only root", arguments: [true, false])
    func readOnly(_ withSoftware: Bool) throws {
        let root: KeyValuePairs<String, JSONValue?> = [
            "rootFilesystem": .members(["mode": .string("read-only")])
        ]
        let vm = try realVM(RealSidecar.config(packs: withSoftware ? ["coreutils"] : [], root))
        defer { finish(vm) }
        for call in FileCall.changing where call != .remove && call != .removeTree {
            expect(failure { try call.run(vm, "/tmp/x") }, AOS_E_REMOTE, errno: "EROFS")
        }
        expect(failure { try vm.remove("/etc/hostname") }, AOS_E_REMOTE, errno: "EROFS")
        #expect(try vm.exists("/boot") == false)
        #expect(try vm.exists("/etc/agentos"))
        #expect(try vm.exists("/tmp"))
        try vm.makeDirectory("/tmp", recursive: true)
        #expect(try vm.readText("/etc/hostname") == "agent-os\n")
        // Mounts can still be made, and written to.
        var more = RealSidecar.config(packs: withSoftware ? ["coreutils"] : [])
        if case .object(let members) = more {
            more = .object(
                members + [JSONMember("mounts", try json(#"[{"path":"/mnt/m","plugin":{"id":"memory"}}]"#))]
            )
        }
        try vm.configure(more)
        try vm.write("/mnt/m/f", "x")
        #expect(try vm.readText("/mnt/m/f") == "x")
        guard withSoftware else { return }
        #expect(try vm.run("echo hello").outputText == "hello\n")
        // What a program may have left there cannot be seen on such a root (H9).
        expect(failure { try vm.write("/mnt/m/f", "y") }, AOS_E_INVALID, errno: "EACCES")
        #expect(try vm.readText("/mnt/m/f") == "x")
    }

    @Test("H14: what a policy hides is not there")
    func hidden() throws {
        let vm = try realVM(policy(#""deny""#))
        defer { finish(vm) }
        for path in ["/etc", "/etc/hostname", "/tmp", "/boot", "/none"] {
            #expect(try vm.exists(path) == false)
        }
        expect(
            failure { _ = try vm.list("/") },
            AOS_E_REMOTE,
            errno: "EACCES",
            says: "blocked by fs.readdir policy"
        )
        expect(failure { _ = try vm.stat("/etc/hostname") }, AOS_E_REMOTE, errno: "EACCES")
    }

    @Test("H21, 5, vm.md 14: no file access at all, and a guest that writes a file (R9)")
    func denied() throws {
        let vm = try realVM(policy(#""deny""#))
        defer { finish(vm) }
        expect(failure { try vm.write("/tmp/x", "1") }, AOS_E_REMOTE, errno: "EACCES")
        expect(failure { _ = try vm.read("/etc/hostname") }, AOS_E_REMOTE, errno: "EACCES")
        let run = try vm.script("try{require('fs').writeFileSync('/tmp/q','1')}catch{};console.log('end')")
        #expect(run.code == 0 && run.outputText == "end\n", "\(run.errorText)")
        #expect(vm.isAlive)
        expect(failure { _ = try vm.read("/etc/hostname") }, AOS_E_REMOTE, errno: "EACCES")
    }

    @Test("H21, 6: everything may be read, nothing written")
    func readOnlyPolicy() throws {
        let vm = try realVM(
            policy(#"{"rules":[{"mode":"allow","operations":["read","stat","readdir","readlink"]}]}"#)
        )
        defer { finish(vm) }
        #expect(try vm.readText("/etc/hostname") == "agent-os\n")
        let read =
            "const f=require('fs');console.log(f.readFileSync('/etc/hostname','utf8'));f.writeFileSync('/tmp/q','1')"
        #expect(try vm.script(read).outputText == "agent-os\n\n")
        #expect(try vm.readText("/etc/hostname") == "agent-os\n")
    }

    @Test("H21, vm.md 14: some writes denied on a read-only root, of which a guest reads all")
    func partlyDenied() throws {
        let vm = try realVM(
            policy(
                #"{"default":"allow","rules":[{"mode":"deny","operations":["write"],"paths":["/data/**"]}]}"#,
                mode: "read-only",
                lower: #"{"path":"/data/f","type":"file","content":"there"}"#
            )
        )
        defer { finish(vm) }
        #expect(try vm.readText("/etc/hostname") == "agent-os\n")
        let reading = try vm.script("console.log(require('fs').readFileSync('/data/f','utf8'))")
        #expect(reading.outputText == "there\n" && reading.code == 0, "\(reading.errorText)")
        let writing = try vm.script("require('fs').writeFileSync('/data/q','1');console.log('end')")
        #expect(writing.code == 0 && writing.outputText == "end\n", "\(writing.errorText)")
        #expect(vm.isAlive)
        #expect(try vm.readText("/data/f") == "there")
    }

    @Test(
        "H21: other operations that the sidecar repeats under the guest's policy",
        arguments: [
            "create_dir", "symlink", "chmod", "readdir", "rm", "rename", "readlink", "truncate",
        ]
    )
    func otherOperations(_ operation: String) throws {
        let config = try policy(
            "{\"default\":\"allow\",\"rules\":[{\"mode\":\"deny\",\"operations\":[\"\(operation)\"]}]}"
        )
        let vm: HostVM
        do { vm = try realVM(config) } catch let error as HostError {
            // To refuse it, as with `write`, is a way too.
            expect(error, AOS_E_INVALID, says: "permissions.fs: a policy that denies \(operation) needs")
            #expect(["create_dir", "symlink"].contains(operation))
            return
        }
        try vm.write("/tmp/f", "x")
        let code =
            "const f=require('fs');f.mkdirSync('/tmp/g');f.writeFileSync('/tmp/g/x','1');f.symlinkSync('x','/tmp/g/l')"
        _ = failure { try vm.script("try{\(code);f.chmodSync('/tmp/g/x',0o600)}catch{}") }
        _ = failure { _ = try vm.exists("/tmp/g/x") }
        #expect(vm.isAlive)
    }

    private func denying(_ operation: String, _ paths: String) throws -> HostVM {
        let rule = "{\"mode\":\"deny\",\"operations\":[\"\(operation)\"],\"paths\":[\"\(paths)\"]}"
        return try realVM(policy("{\"default\":\"allow\",\"rules\":[\(rule)]}"))
    }

    @Test("a removal that a rule refuses leaves a lower's file", arguments: ["/etc/**", "/etc/hostname"])
    func refusedRemoval(_ paths: String) throws {
        let vm = try denying("rm", paths)
        defer { finish(vm) }
        expect(failure { try vm.unlink("/etc/hostname") }, AOS_E_REMOTE, errno: "EACCES")
        expect(failure { try vm.remove("/etc/hostname") }, AOS_E_REMOTE, errno: "EACCES")
        #expect(try vm.readText("/etc/hostname") == "agent-os\n")
        try vm.write("/etc/hostname", "changed")
        #expect(try vm.readText("/etc/hostname") == "changed")
        #expect(try !vm.list("/etc").contains { $0.hasPrefix(".aos-") })
    }

    @Test("a rename of a link that a rule refuses changes nothing", arguments: ["rm", "rename"])
    func refusedLink(_ operation: String) throws {
        let vm = try denying(operation, "/tmp/q/**")
        defer { finish(vm) }
        try vm.symlink("nowhere", at: "/tmp/q/l")
        expect(failure { try vm.rename("/tmp/q/l", to: "/tmp/q/m") }, AOS_E_REMOTE, errno: "EACCES")
        #expect(try vm.list("/tmp/q") == ["l"])
        #expect(try vm.readLink("/tmp/q/l") == "nowhere")
    }

    @Test(
        "a link does not take a file's place where a rule refuses any of what that needs",
        arguments: [
            ("rename", "/tmp/s/l"), ("rename", "/tmp/d/f"), ("rm", "/tmp/s/l"), ("rm", "/tmp/s/**"),
            ("rm", "/tmp/d/**"), ("rename", "/tmp/d/**"),
        ]
    )
    func refusedReplacement(_ operation: String, _ paths: String) throws {
        let vm = try denying(operation, paths)
        defer { finish(vm) }
        try vm.symlink("nowhere", at: "/tmp/s/l")
        try vm.write("/tmp/d/f", "content")
        expect(failure { try vm.rename("/tmp/s/l", to: "/tmp/d/f") }, AOS_E_REMOTE, errno: "EACCES")
        #expect(try vm.list("/tmp/s") == ["l"] && vm.list("/tmp/d") == ["f"])
        #expect(try vm.readLink("/tmp/s/l") == "nowhere" && vm.readText("/tmp/d/f") == "content")
    }

    @Test("a file takes another's place also where removals are refused: nothing is removed by name")
    func allowedReplacement() throws {
        let vm = try denying("rm", "/tmp/**")
        defer { finish(vm) }
        try vm.write("/home/a", "a")
        try vm.write("/tmp/b", "b")
        try vm.rename("/home/a", to: "/tmp/b")
        #expect(try vm.readText("/tmp/b") == "a" && vm.exists("/home/a") == false)
    }
}
