// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("What a VM's configuration becomes on the wire (vm.md 17, 12-24)")
struct ConfigurationTests {
    /// The two requests that a configuration makes.
    private func requests(_ config: JSONValue) throws -> (create: JSONValue, configure: JSONValue) {
        let peer = ScriptedPeer()
        _ = try peer.sidecar().createVM(config)
        return (
            try #require(peer.requests("create_vm").first), try #require(peer.requests("configure_vm").first)
        )
    }

    private func refusal(_ config: JSONValue) throws -> HostError? {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let error = failure { _ = try sidecar.createVM(config) }
        #expect(peer.starts.isEmpty)
        return error
    }

    private func lowers(_ create: JSONValue) -> [JSONValue] {
        guard case .array(let lowers) = create["root_filesystem"]?["lowers"] else { return [] }
        return lowers
    }

    @Test("12: a domain that is left out of given permissions stays out")
    func leftOut() throws {
        let (create, configure) = try requests(json(#"{"permissions":{"fs":"allow"}}"#))
        let expected = try json(
            #"{"fs":"allow","network":null,"child_process":null,"process":null,"env":null,"tool":null}"#
        )
        #expect(create["permissions"] == expected)
        #expect(configure["permissions"] == expected)
    }

    @Test("12: rules get the wildcards of what they leave out, and keep their order")
    func rules() throws {
        let (create, _) = try requests(
            json(
                """
                {"permissions":{"fs":{"default":"deny","rules":[{"mode":"allow","operations":["read"]}]},\
                "network":{"rules":[{"mode":"allow","patterns":["dns://*"]},{"mode":"ask"}]}}}
                """
            )
        )
        let policy = try #require(create["permissions"])
        #expect(
            try policy["fs"]
                == json(
                    #"{"default":"deny","rules":[{"mode":"allow","operations":["read"],"paths":["**"]}]}"#
                )
        )
        #expect(
            try policy["network"]
                == json(
                    """
                    {"default":null,"rules":[{"mode":"allow","operations":["*"],"patterns":["dns://*"]},\
                    {"mode":"ask","operations":["*"],"patterns":["**"]}]}
                    """
                )
        )
    }

    @Test(
        "13: an empty list is refused with the sidecar's own text",
        arguments: [
            ("childProcess", "operations", "child_process"), ("childProcess", "patterns", "child_process"),
            ("network", "patterns", "network"), ("fs", "paths", "fs"), ("fs", "operations", "fs"),
            ("tool", "patterns", "tool"), ("env", "operations", "env"), ("process", "operations", "process"),
        ]
    )
    func emptyLists(_ domain: String, _ field: String, _ wire: String) throws {
        let error = try refusal(
            json("{\"permissions\":{\"\(domain)\":{\"rules\":[{\"mode\":\"allow\",\"\(field)\":[]}]}}}")
        )
        expect(error, AOS_E_INVALID)
        #expect(
            error?.message
                == "invalid permissions policy: \(wire).rules[0].\(field) must not be empty; use [\"*\"] for wildcard"
        )
    }

    @Test(
        "14: a policy that denies every write makes the root read-only, whatever was asked for",
        arguments: [
            #""deny""#, #""ask""#, #"{"default":"allow","rules":[{"mode":"deny","operations":["write"]}]}"#,
            #"{"rules":[{"mode":"allow","operations":["read"]}]}"#, #"{"rules":[]}"#,
            #"{"rules":[{"mode":"allow"},{"mode":"deny","operations":["*"],"paths":["/**"]}]}"#,
        ]
    )
    func readOnlyByPolicy(_ scope: String) throws {
        let (create, _) = try requests(
            json("{\"permissions\":{\"fs\":\(scope)},\"rootFilesystem\":{\"mode\":\"ephemeral\"}}")
        )
        #expect(create["root_filesystem"]?["mode"]?.stringValue == "read_only")
    }

    @Test("14: a policy without the domain fs is one that denies every write")
    func readOnlyByAbsence() throws {
        let (create, _) = try requests(json(#"{"permissions":{"network":"allow"}}"#))
        #expect(create["root_filesystem"]?["mode"]?.stringValue == "read_only")
    }

    @Test(
        "14: a policy that denies some writes needs a read-only root",
        arguments: [
            #"{"default":"allow","rules":[{"mode":"deny","operations":["write"],"paths":["/data/**"]}]}"#,
            #"{"default":"deny","rules":[{"mode":"allow","operations":["*"],"paths":["/data/**"]}]}"#,
        ]
    )
    func partialWrites(_ scope: String) throws {
        let error = try refusal(json("{\"permissions\":{\"fs\":\(scope)}}"))
        expect(error, AOS_E_INVALID, says: "permissions.fs.rules[0]")
        expect(error, AOS_E_INVALID, says: "mode \"read-only\"")
        let (create, _) = try requests(
            json("{\"permissions\":{\"fs\":\(scope)},\"rootFilesystem\":{\"mode\":\"read-only\"}}")
        )
        #expect(create["root_filesystem"]?["mode"]?.stringValue == "read_only")
    }

    @Test("15: a read-only root of lowers without a base")
    func lowersWithoutBase() throws {
        let entries = """
            {"path":"/a","type":"directory","mode":"0755","uid":0,"gid":0},\
            {"path":"/a/run","type":"file","mode":"0755","uid":1000,"gid":1000,"content":"x","encoding":"utf8"},\
            {"path":"/a/text","type":"file","mode":"100644","content":"aGk=","encoding":"base64"},\
            {"path":"/a/l","type":"symlink","mode":"0777","target":"text"}
            """
        let (create, _) = try requests(
            Lower.root(Lower.export(entries), more: #","mode":"read-only","disableDefaultBaseLayer":true"#)
        )
        let root = try #require(create["root_filesystem"])
        #expect(root["mode"]?.stringValue == "read_only")
        #expect(root["disable_default_base_layer"] == .bool(true))
        let lowers = lowers(create)
        #expect(lowers.count == 2)
        guard case .array(let given) = lowers.first?["entries"] else { throw FileError("entries", "no list") }
        #expect(given.compactMap { $0["path"]?.stringValue } == ["/a", "/a/run", "/a/text", "/a/l"])
        #expect(given.map { $0["mode"]?.integerValue } == [0o755, 0o755, 0o100644, 0o777])
        #expect(given.map { $0["executable"] } == [.bool(false), .bool(true), .bool(false), .bool(false)])
        #expect(given[2]["content"]?.stringValue == "aGk=")
        #expect(given[3]["target"]?.stringValue == "text")
        // The generated one: directories of a skeleton, sorted by depth, with stubs of what runs there.
        let generated = paths(try #require(lowers.last))
        #expect(generated.first == "/")
        #expect(generated.contains("/usr/bin/env"))
        #expect(["/bin/node", "/bin/npm", "/bin/npx"].allSatisfy(generated.contains))
        let depths = generated.dropFirst().map { $0.utf8.filter { $0 == 0x2F }.count }
        #expect(depths == depths.sorted())
        #expect(Set(generated).count == generated.count)
    }

    @Test("16: what the caller brings is not generated, and the base is a lower of its own kind")
    func callersInstructions() throws {
        let own = #"{"path":"/etc/agentos/instructions.md","type":"file","content":"mine"}"#
        let peer = ScriptedPeer()
        _ = try peer.sidecar().createVM(Lower.root(Lower.export(own)))
        let create = try #require(peer.requests("create_vm").first)
        #expect(lowers(create).map { paths($0) } == [["/etc/agentos/instructions.md"]])
        #expect(peer.requests("bootstrap_root_filesystem").isEmpty)
        let (second, _) = try requests(Lower.root(#"{"kind":"bundled-base-filesystem"}"#))
        #expect(lowers(second).map { $0["kind"]?.stringValue } == ["bundled_base_filesystem"])
    }

    @Test("H5: a path that two lowers have is sent once, as the first has it")
    func mergedLowers() throws {
        func lower(_ content: String, _ more: String = "") -> String {
            Lower.export("{\"path\":\"/f\",\"type\":\"file\",\"content\":\"\(content)\"}\(more)")
        }
        let (create, _) = try requests(
            Lower.root(lower("first"), lower("second", #",{"path":"/g","type":"file","content":"g"}"#))
        )
        guard case .array(let entries) = lowers(create).first?["entries"] else {
            throw FileError("entries", "no list")
        }
        #expect(entries.map { $0["path"]?.stringValue } == ["/f", "/g"])
        #expect(entries.first?["content"]?.stringValue == "first")
        #expect(lowers(create).count == 1)
    }

    @Test("19: an empty list of builtins is refused, ports are checked and sent once")
    func builtinsAndPorts() throws {
        expect(
            try refusal(json(#"{"allowedNodeBuiltins":[]}"#)),
            AOS_E_INVALID,
            says: "allowedNodeBuiltins must not be empty; the sidecar reads an empty list as its default set"
        )
        expect(
            try refusal(json(#"{"loopbackExemptPorts":[3000,3000,70000]}"#)),
            AOS_E_INVALID,
            says: "loopbackExemptPorts[2]"
        )
        expect(
            try refusal(json(#"{"loopbackExemptPorts":[0]}"#)),
            AOS_E_INVALID,
            says: "loopbackExemptPorts[0]"
        )
        let (_, configure) = try requests(
            json(#"{"allowedNodeBuiltins":["fs"],"loopbackExemptPorts":[3000,3000,1]}"#)
        )
        #expect(configure["allowed_node_builtins"] == .array([.string("fs")]))
        #expect(configure["loopback_exempt_ports"] == .array([.integer(3000), .integer(1)]))
    }

    @Test(
        "24: a lower that would not fit is refused with its size, and nothing is started",
        arguments: [
            ("\\\"", 900_000), ("x", 1_100_000), ("\\n", 600_000),
        ]
    )
    func tooLarge(_ unit: String, _ count: Int) throws {
        let content = String(repeating: unit, count: count)
        let error = try refusal(
            Lower.root(Lower.export("{\"path\":\"/f\",\"type\":\"file\",\"content\":\"\(content)\"}"))
        )
        expect(error, AOS_E_TOO_LARGE, says: "rootFilesystem: ")
        expect(error, AOS_E_TOO_LARGE, says: ", limit is 1048576")
        #expect(error?.kind == "too_large")
        #expect(error?.detail["limit"] == .integer(1_048_576))
        #expect((error?.detail["size"]?.integerValue ?? 0) > 1_048_576)
    }

    @Test("metadata of the caller lies over the environment, and instructions are sent in both places")
    func metadataAndInstructions() throws {
        let peer = ScriptedPeer()
        _ = try peer.sidecar().createVM(
            json(
                #"{"metadata":{"env.HOME":"/root","resource.max_open_fds":"9"},"additionalInstructions":"MARK"}"#
            )
        )
        let create = try #require(peer.requests("create_vm").first)
        let configure = try #require(peer.requests("configure_vm").first)
        #expect(create["metadata"]?["env.HOME"]?.stringValue == "/root")
        #expect(create["metadata"]?["resource.max_open_fds"]?.stringValue == "9")
        #expect(create["metadata"]?["env.USER"]?.stringValue == "user")
        #expect(configure["instructions"] == .array([.string("MARK")]))
        guard case .array(let entries) = peer.requests("bootstrap_root_filesystem").first?["entries"] else {
            throw FileError("entries", "no list")
        }
        #expect(entries.last?["content"]?.stringValue?.hasSuffix("\nMARK") == true)
    }
}
