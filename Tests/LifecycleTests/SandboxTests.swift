// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("A confined sidecar (architecture decision 11)", .enabled(if: RealSidecar.isThere))
struct SandboxTests {
    /// Containers often forbid it: then there is nothing to test but the refusal.
    static let isPossible: Bool = {
        let words = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
        return (try? ChildRun.run("/usr/bin/env", words).end) == .exited(0)
    }()

    private func options(_ directories: [String]) -> JSONValue {
        .members([
            "kind": .string("bubblewrap"), "hostDirectories": .array(directories.map { .string($0) }),
        ])
    }

    @Test("files and programs work inside, and its directory is gone afterwards", .enabled(if: isPossible))
    func works() throws {
        let sidecar = try RealSidecar.sidecar(["sandbox": options([RealSidecar.packs ?? ""])])
        let vm = try sidecar.createVM(RealSidecar.config())
        try vm.write("/tmp/a", "hello")
        #expect(try vm.run("cat /tmp/a").outputText == "hello")
        #expect(try vm.run(argv: ["node", "-e", "console.log(1)"]).outputText == "1\n")
        let process = try #require(sidecar.processID)
        try sidecar.dispose()
        #expect(!isRunning(process))
    }

    @Test("a guest's link to the host's files leads nowhere", .enabled(if: isPossible))
    func confined() throws {
        try withTestFolder { folder in
            try writeFile("\(folder)/secret", Array("secret".utf8))
            let sidecar = try RealSidecar.sidecar(["sandbox": options([])])
            let vm = try sidecar.createVM()
            let script = "const fs = require('fs'); fs.symlinkSync('\(folder)', '/tmp/x')"
            _ = try vm.run(argv: ["node", "-e", script])
            #expect(failure { _ = try vm.read("/tmp/x/secret") } != nil)
            #expect(try readFile("\(folder)/secret") == Array("secret".utf8))
        }
    }

    @Test("a mount outside of it is refused by name, and nothing is started")
    func refused() throws {
        try withTestFolder { folder in
            let sidecar = try RealSidecar.sidecar(["sandbox": options([])])
            let mount = JSONValue.members([
                "path": .string("/mnt/h"),
                "plugin": .members([
                    "id": .string("host_dir"), "config": .members(["hostPath": .string(folder)]),
                ]),
            ])
            let error = failure { _ = try sidecar.createVM(.members(["mounts": .array([mount])])) }
            #expect(error?.status == AOS_E_INVALID)
            #expect(error?.message == "mounts[0]: outside of the sandbox's hostDirectories: \(folder)")
            #expect(sidecar.processID == nil)
        }
    }
}
