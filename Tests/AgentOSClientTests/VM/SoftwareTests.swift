// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

@testable import AgentOSClient

@Suite("Software (vm.md 7)")
struct SoftwareTests {
    private func software(
        _ document: String,
        modules: String? = nil,
        checksHost: Bool = true
    ) throws(ClientError) -> Software {
        try Software(
            configuration: (try? JSONReader.parse(document)) ?? .null,
            place: "software[0]",
            modules: modules,
            checksHost: checksHost
        )
    }

    /// A folder of modules: a pack with its commands in `wasm`, a package with a name, a link to it.
    private func withModules(_ body: (String) throws -> Void) throws {
        try withTestFolder { path in
            for name in [
                "node_modules", "node_modules/pack", "node_modules/pack/wasm", "node_modules/tool",
                "node_modules/@s", "node_modules/@s/x", "node_modules/.bin", "outside",
            ] {
                mkdir("\(path)/\(name)", 0o755)
            }
            for name in ["ls", "cat", ".hidden"] {
                try writeFile("\(path)/node_modules/pack/wasm/\(name)", [])
            }
            try writeFile("\(path)/node_modules/tool/package.json", Array(#"{"name":"@s/tool"}"#.utf8))
            try writeFile("\(path)/node_modules/file", [])
            symlink("../outside", "\(path)/node_modules/linked")
            symlink("../../outside", "\(path)/node_modules/@s/linked")
            symlink("../nothing", "\(path)/node_modules/dangling")
            try body(path)
        }
    }

    @Test("a pack is found below the modules, or by its path, and has its commands")
    func commands() throws {
        try withModules { path in
            let found = try software(#"{"package":"pack"}"#, modules: path)
            #expect(found.kind == .commands && found.moduleName == nil && found.package == "pack")
            #expect(
                found.root == "\(path)/node_modules/pack" && found.commandDirectory == "\(found.root)/wasm"
            )
            #expect(found.commands == ["cat", "ls"])
            let byPath = try software(#"{"package":"\#(path)/node_modules/linked","version":"1"}"#)
            #expect(byPath.root == "\(path)/outside" && byPath.commandDirectory == byPath.root)
            #expect(byPath.commands == [])
        }
    }

    @Test("an agent or a tool has the name of its manifest, and no commands")
    func modules() throws {
        try withModules { path in
            let tool = try software(#"{"package":"tool","kind":"tool"}"#, modules: path)
            #expect(tool.moduleName == "@s/tool" && tool.commands == [] && tool.kind == .tool)
            for manifest in [
                "{}", "", #"{"name":""}"#, #"{"name":".x"}"#, #"{"name":"a/../b"}"#, #"{"name":1}"#,
            ] {
                try writeFile("\(path)/node_modules/tool/package.json", Array(manifest.utf8))
                let text = refusal { () throws(ClientError) in
                    try software(#"{"package":"tool","kind":"agent"}"#, modules: path).root
                }
                #expect(text == "Package at \(path)/node_modules/tool is missing a valid name")
            }
        }
    }

    @Test("permissions are tiers, in the order of their names")
    func tiers() throws {
        let found = try software(
            #"{"package":"/","permissions":{"isolated":["c"],"full":["a","b"],"readOnly":["d"],"readWrite":["e"]}}"#
        )
        #expect(
            found.tiers.map { "\($0.command) \($0.tier)" } == [
                "a full", "b full", "e readWrite", "d readOnly", "c isolated",
            ]
        )
    }

    @Test("what cannot be found or read is refused")
    func refused() throws {
        try withModules { path in
            func text(_ document: String) -> String {
                refusal { () throws(ClientError) in try software(document, modules: path).root }
            }
            #expect(text("{}") == "software[0].package: missing or empty")
            #expect(text(#"{"package":""}"#) == "software[0].package: missing or empty")
            #expect(
                text(#"{"package":"none"}"#)
                    == "software package not found: none (looked in \(path)/node_modules/none)"
            )
            #expect(
                text(#"{"package":"file"}"#)
                    == "software package is not a directory: file (\(path)/node_modules/file)"
            )
            #expect(
                text(#"{"package":"pack","kind":"x"}"#)
                    == "software[0].kind: expected one of wasm-commands, agent, tool, found \"x\""
            )
            #expect(
                text(#"{"package":"pack","permissions":{"read-only":[]}}"#)
                    == "software[0].permissions.read-only: unknown member; known are full, readWrite, readOnly, isolated"
            )
        }
    }

    @Test("on another machine a package is not looked for")
    func remote() throws {
        let found = try software(#"{"package":"/none/at/all"}"#, checksHost: false)
        #expect(found.root == "/none/at/all" && found.commandDirectory == "/none/at/all")
    }

    @Test("modules are mounted, and what they link to; dangling links are left out")
    func moduleMounts() throws {
        try withModules { path in
            let mounts = ModuleMounts.mounts(below: path)
            #expect(
                mounts.map(\.path) == [
                    "/root/node_modules", "/root/node_modules/@s/linked", "/root/node_modules/linked",
                ]
            )
            #expect(mounts.map(\.plugin) == ["module_access", "host_dir", "host_dir"])
            #expect(mounts[1].configuration["hostPath"]?.stringValue == "\(path)/outside")
            #expect(!mounts.map(\.isReadOnly).contains(false))
            #expect(ModuleMounts.mounts(below: "\(path)/outside").isEmpty)
        }
    }
}
