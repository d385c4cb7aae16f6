// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Commands under other names (vm.md 7.4)", .enabled(if: RealSidecar.isThere))
struct AliasTests {
    private func config(_ aliases: KeyValuePairs<String, String>) -> JSONValue {
        let names = aliases.map { JSONMember($0.key, .string($0.value)) }
        let package: JSONValue = .members([
            "package": .string("\(RealSidecar.packs ?? "")/agent-os-coreutils"), "aliases": .object(names),
        ])
        return .members(["software": .array([package])])
    }

    @Test("an alias runs what it stands for, and its directory is gone after the shutdown (vm.md 17.35)")
    func works() throws {
        let vm = try RealSidecar.sidecar().createVM(config(["say": "echo"]))
        #expect(try vm.run("say hello").outputText == "hello\n")
        try vm.shutdown()
        #expect(try !leftovers().contains { $0.hasSuffix("/say") })
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
        #expect(try !leftovers().contains { $0.hasSuffix("/x") })
    }

    /// Files in private directories of sidecars, of this process and others.
    private func leftovers() throws -> [String] {
        try folder("/tmp").filter { $0.hasPrefix("agentos-sidecar-") }.flatMap { name in
            ((try? folder("/tmp/\(name)")) ?? []).map { "\(name)/\($0)" }
        }
    }
}
