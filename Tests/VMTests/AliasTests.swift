// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Commands under other names (vm.md 7.4)", .enabled(if: RealSidecar.isThere))
struct AliasTests {
    /// A name that no other test run has files of.
    private static func name() -> String { "say-\(UInt64.random(in: 0 ... .max))" }

    private func config(_ aliases: KeyValuePairs<String, String>, mounts: JSONValue? = nil) -> JSONValue {
        let names = aliases.map { JSONMember($0.key, .string($0.value)) }
        let package: JSONValue = .members([
            "package": .string("\(RealSidecar.packs ?? "")/agent-os-coreutils"), "aliases": .object(names),
        ])
        return .members(["software": .array([package]), "mounts": mounts ?? .array([])])
    }

    @Test("an alias runs what it stands for, and its directory is gone after the shutdown (vm.md 17.35)")
    func works() throws {
        let name = Self.name()
        let vm = try RealSidecar.sidecar().createVM(config([name: "echo"]))
        #expect(try vm.run("\(name) hello").outputText == "hello\n")
        #expect(try leftovers(name).count == 1)
        try vm.shutdown()
        #expect(try leftovers(name) == [])
    }

    @Test("a creation that fails on the wire leaves no directory of aliases (vm.md 17.35)")
    func failed() throws {
        // The handle stays connected, so that it is not the end of the process that takes the directory away.
        let sidecar = try RealSidecar.sidecar()
        try sidecar.connect()
        let name = Self.name()
        let mount = try json(#"[{"path":"/mnt/n","plugin":{"id":"nope"}}]"#)
        let error = failure { _ = try sidecar.createVM(config([name: "echo"], mounts: mount)) }
        expect(error, AOS_E_REMOTE, errno: "ENOSYS")
        #expect(try leftovers(name) == [])
        #expect(try sidecar.createVM().isAlive)
    }

    @Test("nor does one that is cancelled (vm.md 17.35)")
    func cancelled() throws {
        let peer = ScriptedPeer(#"[{"on":"configure_vm","do":[{"delay":400},{"default":true}]}]"#)
        let sidecar = try peer.sidecar()
        try sidecar.connect()
        let name = Self.name()
        let document = JSONWriter.text(config([name: "echo"]))
        let op = try sidecar.submit {
            aos_vm_create_async(sidecar.handle, document, document.utf8.count, nil, $0, $1)
        }
        #expect(peer.wait { !$0.requests("configure_vm").isEmpty })
        #expect(try leftovers(name).count == 1)
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        #expect(try sidecar.events(of: op).map(\.status) == [aos_status(AOS_E_CANCELED)])
        #expect(try leftovers(name) == [])
    }

    @Test("an alias for nothing, or with a path in its name, is refused by name and leaves nothing behind")
    func refused() throws {
        let sidecar = try RealSidecar.sidecar()
        for (alias, command) in [("x", "nosuchcommand"), ("../x", "echo"), ("x", "../echo")] {
            let error = failure { _ = try sidecar.createVM(config([alias: command])) }
            #expect(error?.status == AOS_E_INVALID)
            #expect(
                error?.message.hasPrefix("software[0].aliases.\(alias): ") == true,
                "\(error?.message ?? "")"
            )
        }
        #expect(sidecar.processID == nil)
        #expect(try leftovers("x") == [])
    }

    /// Files of this name in private directories of sidecars, of this process and others.
    private func leftovers(_ name: String) throws -> [String] {
        try folder("/tmp").filter { $0.hasPrefix("agentos-sidecar-") }.flatMap { directory in
            ((try? folder("/tmp/\(directory)")) ?? []).filter { $0 == name }.map { "\(directory)/\($0)" }
        }
    }
}
