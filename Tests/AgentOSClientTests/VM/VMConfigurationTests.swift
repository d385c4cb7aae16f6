// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

@testable import AgentOSClient

@Suite("VMConfiguration (vm.md 2.3, 4)")
struct VMConfigurationTests {
    private func read(
        _ document: String?,
        checksHost: Bool = true,
        reconfigures: Bool = false
    ) throws(ClientError) -> VMConfiguration {
        var options = ConnectionOptions()
        options.isRemote = !checksHost
        return try VMConfiguration(
            document: document,
            host: HostView(options),
            for: reconfigures ? .reconfiguration(ofReadOnlyRoot: false) : .creation
        )
    }

    private func entries(_ configuration: VMConfiguration) -> [String] {
        configuration.rootFilesystem.lowers.flatMap { lower -> [String] in
            if case .snapshot(let snapshot) = lower { return snapshot.entries.map(\.path) }
            return ["base"]
        }
    }

    @Test("without a document everything has its default")
    func defaults() throws {
        let plain = try read(nil)
        #expect(plain.mounts.isEmpty && plain.software.isEmpty && plain.moduleDirectory == nil)
        #expect(!plain.isReadOnly && !plain.hasPermissions && plain.stdinGuard)
        #expect(plain.readyNanoseconds == 10_000_000_000)
        #expect(plain.rootFilesystem.lowers.isEmpty)
        #expect(plain.bootstrapEntries.map(\.path) == ["/etc/agentos", "/etc/agentos/instructions.md"])
        let create = plain.createRequest
        #expect(create.runtime == .javaScript && create.rootFilesystem.mode == .ephemeral)
        #expect(create.metadata["env.HOME"] == "/home/user" && create.metadata.pairs.count == 12)
        #expect(
            create.permissions.map { JSONWriter.text($0.json) }
                == JSONWriter.text(PermissionPolicy.allowAll.wire.json)
        )
        let configure = plain.configureRequest
        #expect(
            configure.mounts.isEmpty && configure.instructions.isEmpty
                && configure.commandPermissions.pairs.isEmpty
        )
        #expect(configure.moduleAccessCwd == nil && configure.projectedModules.isEmpty)
    }

    @Test("every option finds its way into the requests")
    func all() throws {
        try withTestFolder { path in
            for name in ["pack", "pack/wasm", "m", "m/node_modules", "m/node_modules/tool"] {
                mkdir("\(path)/\(name)", 0o755)
            }
            try writeFile("\(path)/pack/wasm/grep", [])
            try writeFile("\(path)/m/node_modules/tool/package.json", Array(#"{"name":"tool"}"#.utf8))
            let configuration = try read(
                #"""
                {"software":[{"package":"\#(path)/pack","permissions":{"isolated":["grep"],"full":["grep"]}},
                             {"package":"tool","kind":"tool"}],
                 "mounts":[{"path":"/data","plugin":{"id":"memory"}}],"moduleAccessCwd":"\#(path)/m",
                 "additionalInstructions":"More.","permissions":{"fs":"allow","tool":"deny"},
                 "metadata":{"env.HOME":"/x","owner":"me"},"allowedNodeBuiltins":["fs"],
                 "loopbackExemptPorts":[80,65535,80],"readyTimeoutMs":7,"stdinGuard":false,
                 "rootFilesystem":{"mode":"read-only"}}
                """#
            )
            #expect(configuration.readyNanoseconds == 7_000_000 && !configuration.stdinGuard)
            #expect(configuration.isReadOnly && configuration.hasPermissions)
            let create = configuration.createRequest
            #expect(create.metadata["env.HOME"] == "/x" && create.metadata["owner"] == "me")
            #expect(create.metadata.pairs.count == 13 && create.rootFilesystem.mode == .readOnly)
            #expect(create.permissions?.tool != nil && create.permissions?.network == nil)
            let configure = configuration.configureRequest
            #expect(
                configure.mounts.map(\.guestPath) == [
                    "/root/node_modules/tool", "/__agentos/commands/000", "/root/node_modules", "/data",
                ]
            )
            #expect(configure.software.map(\.root) == ["\(path)/pack", "\(path)/m/node_modules/tool"])
            #expect(
                configure.commandPermissions.pairs.count == 1 && configure.commandPermissions["grep"] == .full
            )
            #expect(configure.moduleAccessCwd == "\(path)/m" && configure.instructions == ["More."])
            #expect(configure.allowedNodeBuiltins == ["fs"] && configure.loopbackExemptPorts == [80, 65_535])
            #expect(
                Set(entries(configuration)).isSuperset(of: [
                    "/bin/grep", "/bin/npm", "/data", "/__agentos/commands/000",
                ])
            )
            #expect(!entries(configuration).contains("/bin/node"))
        }
    }

    @Test(
        "a policy that denies writing everywhere makes the root read-only, for some paths it needs one (hazard H21)"
    )
    func readOnly() throws {
        #expect(try read(#"{"permissions":{"fs":"deny"}}"#).createRequest.rootFilesystem.mode == .readOnly)
        #expect(try read(#"{"permissions":{}}"#).isReadOnly)
        let some = #""permissions":{"fs":{"default":"allow","rules":[{"mode":"deny","paths":["/x"]}]}}"#
        #expect(try read(#"{\#(some),"rootFilesystem":{"mode":"read-only"}}"#).isReadOnly)
        #expect(
            refusal { () throws(ClientError) in _ = try read("{\(some)}") }
                == "permissions.fs.rules[0]: a policy that denies write needs rootFilesystem.mode "
                + "\"read-only\"; in an ephemeral root it ends the sidecar"
        )
    }

    static let refused: [(document: String, text: String)] = [
        (
            #"{"mounts":[{"path":"/a","plugin":{"id":"x"}},{"path":"/a/","plugin":{"id":"y"}}]}"#,
            "EEXIST: already mounted at /a"
        ),
        (#"{"mounts":[{"path":"/a"}]}"#, "mounts[0].plugin: missing"),
        (#"{"software":[{"package":"/"},{}]}"#, "software[1].package: missing or empty"),
        (#"{"moduleAccessCwd":"/none/at/all"}"#, "moduleAccessCwd: directory not found: /none/at/all"),
        (
            #"{"metadata":{"cwd":"/x"}}"#,
            "metadata.cwd: a path that is absolute or begins with a dot would be one of the host"
        ),
        (
            #"{"metadata":{"cwd":"../x"}}"#,
            "metadata.cwd: a path that is absolute or begins with a dot would be one of the host"
        ),
        (
            #"{"allowedNodeBuiltins":[]}"#,
            "allowedNodeBuiltins must not be empty; the sidecar reads an empty list as its default set"
        ),
        (
            #"{"loopbackExemptPorts":[0]}"#,
            "loopbackExemptPorts[0]: expected an integer from 1 to 65535, found 0"
        ),
        (
            #"{"loopbackExemptPorts":[1,65536]}"#,
            "loopbackExemptPorts[1]: expected an integer from 1 to 65535, found 65536"
        ),
        (#"{"stdinGuard":1}"#, "stdinGuard: expected true or false, found an integer"),
        (#"{"permissions":"allow"}"#, "permissions: expected an object, found a string"),
    ]

    @Test("a document with one thing wrong is refused", arguments: refused)
    func refused(document: String, text: String) {
        #expect(refusal { () throws(ClientError) in _ = try read(document) } == text)
    }

    @Test(
        "what is fixed at the creation cannot be given later",
        arguments: ["rootFilesystem", "metadata", "readyTimeoutMs", "stdinGuard"]
    )
    func reconfigures(name: String) throws {
        let text = refusal { () throws(ClientError) in _ = try read("{\"\(name)\":null}", reconfigures: true)
        }
        #expect(text.hasPrefix("\(name): unknown member; known are software, "))
        _ = try read("{\"\(name)\":null}")
        _ = try read(#"{"mounts":[],"software":[]}"#, reconfigures: true)
    }

    @Test("many packs get numbers of one width; what the caller mounts wins over what we would")
    func commandMounts() throws {
        let packs = Array(repeating: #"{"package":"/"}"#, count: 1001).joined(separator: ",")
        let many = try read("{\"software\":[\(packs)]}", checksHost: false)
        let paths = many.mounts.map(\.path)
        #expect(paths.first == "/__agentos/commands/0000" && paths.last == "/__agentos/commands/1000")
        let own = try read(
            #"{"software":[{"package":"/"}],"mounts":[{"path":"/__agentos/commands/000","plugin":{"id":"memory"}}]}"#
        )
        #expect(own.mounts.map(\.plugin) == ["memory"])
    }

    @Test("requests that the sidecar would refuse for their size are refused before, by their part")
    func sizes() throws {
        let entry = #"{"path":"/a","type":"file","content":"\#(String(repeating: "x", count: 4000))"}"#
        let lower =
            #"{"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1","filesystem":{"entries":[\#(entry)]}}}"#
        let configuration = try read(#"{"rootFilesystem":{"lowers":[\#(lower)]}}"#)
        try configuration.checkSizes(limit: VMConfiguration.assumedLimit)
        do throws(ClientError) {
            try configuration.checkSizes(limit: 4000)
            Issue.record("accepted")
        } catch {
            #expect(error.kind == .tooLarge && error.message.hasPrefix("rootFilesystem: "))
            #expect(error.detail.limit == 4000 && (error.detail.size ?? 0) > 4000)
        }
    }
}
