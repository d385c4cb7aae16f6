// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Modules and software on the wire (vm.md 17, 18, 20, 21)")
struct SoftwareTests {
    /// The two requests that a configuration makes.
    private func requests(_ config: JSONValue) throws -> (create: JSONValue, configure: JSONValue) {
        let peer = ScriptedPeer()
        _ = try peer.sidecar().createVM(config)
        return (
            try #require(peer.requests("create_vm").first), try #require(peer.requests("configure_vm").first)
        )
    }

    private func lowers(_ create: JSONValue) -> [JSONValue] {
        guard case .array(let lowers) = create["root_filesystem"]?["lowers"] else { return [] }
        return lowers
    }

    @Test("18: a read-only root carries the stubs and the mount points that cannot be made later")
    func readOnlyStubs() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        try makeCommands(path, ["tool-a", "tool-b", ".hidden"])
        let (create, _) = try requests(
            json(
                """
                {"rootFilesystem":{"mode":"read-only"},"software":[{"package":"\(path)"}],\
                "mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}
                """
            )
        )
        let generated = paths(try #require(lowers(create).last))
        for path in ["/bin/tool-a", "/bin/tool-b", "/bin/npm", "/mnt/m", "/__agentos/commands/000"] {
            #expect(generated.contains(path), "\(path)")
        }
        #expect(!generated.contains("/bin/.hidden"))
    }

    /// A folder with a `node_modules` of one directory and links, one of them to nothing.
    private func makeModules(_ root: String) throws {
        for folder in [
            "", "/node_modules", "/node_modules/plain", "/node_modules/@s", "/store", "/store/linked",
        ] {
            mkdir("\(root)\(folder)", 0o755)
        }
        try writeFile("\(root)/store/linked/index.js", Array("module.exports = 7".utf8))
        try writeFile("\(root)/node_modules/plain/index.js", Array("module.exports = 1".utf8))
        symlink("\(root)/store/linked", "\(root)/node_modules/linked")
        symlink("../../store/linked", "\(root)/node_modules/@s/l")
        symlink("\(root)/store/none", "\(root)/node_modules/dangling")
    }

    @Test(
        "20: links of a module directory are mounts of their own, longest first; one to nothing is left out"
    )
    func modules() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        try makeModules(path)
        let (_, configure) = try requests(json("{\"moduleAccessCwd\":\"\(path)\"}"))
        guard case .array(let mounts) = configure["mounts"] else { throw FileError("mounts", "no list") }
        #expect(
            mounts.map { $0["guest_path"]?.stringValue ?? "" }
                == [
                    "/root/node_modules/linked", "/root/node_modules/@s/l", "/root/node_modules",
                ].sorted { $0.utf8.count > $1.utf8.count }
        )
        #expect(mounts.allSatisfy { $0["read_only"] == .bool(true) })
        let plugins = mounts.map { $0["plugin"]?["id"]?.stringValue ?? "" }
        #expect(plugins == ["host_dir", "host_dir", "module_access"])
        #expect(configure["module_access_cwd"]?.stringValue == path)
    }

    @Test(
        "20, H10: the real sidecar takes them, also again, and modules can be required",
        .enabled(if: RealSidecar.isThere)
    )
    func realModules() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        try makeModules(path)
        let config = try json("{\"moduleAccessCwd\":\"\(path)\"}")
        let vm = try realVM(config)
        defer { finish(vm) }
        // H10: where the sidecar finds the links by itself, this is refused from the second time on.
        for _ in 0..<2 { try vm.configure(config) }
        #expect(try vm.list("/root/node_modules/linked") == ["index.js"])
        #expect(try vm.list("/root/node_modules/@s/l") == ["index.js"])
        // The directory is the host's with all its names; the one to nothing has no mount.
        #expect(try vm.list("/root/node_modules") == ["@s", "dangling", "linked", "plain"])
        #expect(try vm.exists("/root/node_modules/dangling") == false)
        #expect(failure { _ = try vm.list("/root/node_modules/dangling") }?.status == AOS_E_REMOTE)
        let code = "try{require('/root/node_modules/dangling')}catch(e){console.log(e.code)}"
        #expect(try vm.script(code).outputText == "MODULE_NOT_FOUND\n")
        #expect(try vm.readText("/root/node_modules/plain/index.js") == "module.exports = 1")
        #expect(try vm.script("console.log(require('/root/node_modules/plain'))").outputText == "1\n")
    }

    private func makeCommands(_ root: String, _ names: [String]) throws {
        mkdir(root, 0o755)
        for name in names { try writeFile("\(root)/\(name)", [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]) }
    }

    @Test("21: command directories are numbered in three digits, read-only, absolute and without links")
    func commandMounts() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        let names = (0..<12).map { "\(path)/p\($0)" }
        for name in names { try makeCommands(name, ["c"]) }
        symlink(names[1], "\(path)/link")
        var packages = names
        packages[1] = "\(path)/link"
        let list = packages.map { "{\"package\":\"\($0)\"}" }.joined(separator: ",")
        let (_, configure) = try requests(json("{\"software\":[\(list)]}"))
        guard case .array(let mounts) = configure["mounts"] else { throw FileError("mounts", "no list") }
        let digits = ["00", "01"].flatMap { ten in (0..<10).map { "\(ten)\($0)" } }.prefix(12)
        #expect(
            mounts.map { $0["guest_path"]?.stringValue ?? "" } == digits.map { "/__agentos/commands/\($0)" }
        )
        #expect(mounts.allSatisfy { $0["read_only"] == .bool(true) })
        #expect(mounts.allSatisfy { $0["plugin"]?["id"]?.stringValue == "host_dir" })
        #expect(mounts.map { $0["plugin"]?["config"]?["hostPath"]?.stringValue ?? "" } == names)
    }

    @Test("tiers of commands are sent by their names, the first that names a command winning")
    func tiers() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        try makeCommands("\(path)/a", ["c"])
        try makeCommands("\(path)/b", ["c"])
        let (_, configure) = try requests(
            json(
                """
                {"software":[{"package":"\(path)/a","permissions":{"readOnly":["c"],"isolated":["d"]}},\
                {"package":"\(path)/b","version":"1.2","permissions":{"full":["c","e"]}}]}
                """
            )
        )
        #expect(try configure["command_permissions"] == json(#"{"c":"read-only","d":"isolated","e":"full"}"#))
    }
}
