// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite(
    "A private temporary directory for each process (decision 10)",
    .serialized,
    .enabled(if: ChildHost.isThere)
)
struct TemporaryDirectoryTests {
    private static func directories(_ folder: String) throws -> [String] {
        try AgentOSTestSupport.folder(folder).filter { $0.hasPrefix("agentos-sidecar-") }
    }

    @Test("it is below the host's, for the owner alone, and gone after the end")
    func private0700() throws {
        try withTestFolder { folder in
            let peer = ScriptedPeer()
            let host = try BackgroundHost(["stay"], options: peer.options(), [("TMPDIR", folder)])
            _ = try host.waitForLine("process ")
            let path = try #require(peer.starts.first?["tmpdir"]?.stringValue)
            #expect(path.hasPrefix("\(folder)/agentos-sidecar-"))
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFDIR && status.st_mode & 0o7777 == 0o700)
            #expect(status.st_uid == getuid())
            host.kill()
        }
        try withTestFolder { folder in
            let peer = ScriptedPeer()
            let run = try ChildHost.run(["connect"], options: peer.options(), [("TMPDIR", folder)])
            #expect(run.succeeded, "\(run)")
            #expect(peer.starts.first?["tmpdir"]?.stringValue?.hasPrefix("\(folder)/") == true)
            #expect(try Self.directories(folder).isEmpty)
        }
    }

    @Test("it is gone after the sidecar was killed, with all that lay in it")
    func killedSidecar() throws {
        try withTestFolder { folder in
            let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/die", #"{"signal":9}"#))]")
            let host = try BackgroundHost(["stay"], options: peer.options(), [("TMPDIR", folder)])
            _ = try host.waitForLine("process ")
            let path = try #require(peer.starts.first?["tmpdir"]?.stringValue)
            #expect(mkdir("\(path)/deep", 0o700) == 0 && mkdir("\(path)/deep/deeper", 0o500) == 0)
            try writeFile("\(path)/deep/file", [1, 2, 3])
            #expect(symlink("/etc", "\(path)/link") == 0)
            #expect(kill(try #require(peer.processIDs.first), SIGKILL) == 0)
            #expect(eventually { (try? Self.directories(folder).isEmpty) == true })
            #expect(access("/etc/passwd", R_OK) == 0)
            host.kill()
        }
    }

    @Test("what a killed host left behind is removed by the next start, and what a live one uses is not")
    func killedHost() throws {
        try withTestFolder { folder in
            let peer = ScriptedPeer()
            let variables: [(String, String?)] = [("TMPDIR", folder)]
            let victim = try BackgroundHost(["stay"], options: peer.options(), variables)
            _ = try victim.waitForLine("process ")
            let living = try BackgroundHost(["stay"], options: peer.options(), variables)
            _ = try living.waitForLine("process ")
            let paths = peer.starts.compactMap { $0["tmpdir"]?.stringValue }
            #expect(paths.count == 2 && paths.allSatisfy { access($0, F_OK) == 0 })
            try writeFile("\(paths[0])/left", [1])
            // No directory of ours, and one that only looks so.
            #expect(
                mkdir("\(folder)/other", 0o700) == 0
                    && mkdir("\(folder)/agentos-sidecar-stranger", 0o700) == 0
            )
            victim.kill()
            #expect(peer.wait { $0.exits == [0] })
            #expect(access("\(paths[0])/left", F_OK) == 0)
            let next = try ChildHost.run(["connect"], options: peer.options(), variables)
            #expect(next.value("connect") == "AOS_OK ", "\(next)")
            #expect(access(paths[0], F_OK) != 0)
            #expect(access(paths[1], F_OK) == 0)
            #expect(
                access("\(folder)/other", F_OK) == 0
                    && access("\(folder)/agentos-sidecar-stranger", F_OK) == 0
            )
            living.kill()
        }
    }

    @Test(
        "the real sidecar leaves nothing: after programs, after a kill under one, after a hundred (R16)",
        .enabled(if: RealSidecar.isThere)
    )
    func realLeavesNothing() throws {
        try withTestFolder { folder in
            // A process of its own, for the library asks the environment of its host.
            try FreshProcess.run(
                "TemporaryDirectoryTests/realLeavesNothing",
                environment: ["TMPDIR=\(folder)"],
                limit: .seconds(300)
            ) {
                let place = try #require(getenv("TMPDIR").map { String(cString: $0) })
                let isEmpty = { (try? AgentOSTestSupport.folder(place)) == [] }
                let sidecar = try RealSidecar.sidecar()
                let vm = try sidecar.createVM(RealSidecar.config())
                try vm.write("/tmp/f", "x")
                #expect(try vm.run(argv: ["node", "-e", "console.log(1)"]).outputText == "1\n")
                #expect(try vm.run("cat /tmp/f").outputText == "x")
                #expect(!isEmpty(), "this is where it would lie")
                try vm.shutdown()
                #expect(eventually(isEmpty))
                let lost = try sidecar.createVM(RealSidecar.config())
                try lost.write("/tmp/f", "x")
                let program = try lost.spawn(["node", "-e", "console.log('up'); setInterval(() => 0, 1000)"])
                _ = try program.waitForOutput("up")
                kill(try #require(sidecar.processID), SIGKILL)
                #expect(try program.finish().last.status == AOS_E_SIDECAR)
                #expect(eventually(isEmpty))
                #expect(try sidecar.createVM().run(argv: ["node", "-e", "1"]).code == 0)
                try sidecar.dispose()
                #expect(eventually(isEmpty))
                for _ in 0..<100 {
                    let next = try RealSidecar.sidecar()
                    let vm = try next.createVM()
                    try vm.write("/tmp/f", "x")
                    try next.dispose()
                }
                #expect(eventually(isEmpty))
                #expect(try AgentOSTestSupport.folder(place) == [])
            }
        }
    }

    @Test(
        "a host of the real sidecar that ends without disposing leaves what the next one removes",
        .enabled(if: RealSidecar.isThere)
    )
    func realHostEnds() throws {
        try withTestFolder { folder in
            let options = JSONValue.members(["command": .array([.string(RealSidecar.binary ?? "")])])
            let run = try ChildHost.run(["come-and-go", "3"], options: options, [("TMPDIR", folder)])
            #expect(run.succeeded, "\(run)")
            // That host exits without disposing: what it leaves is for the next one.
            let next = try ChildHost.run(["connect"], options: options, [("TMPDIR", folder)])
            #expect(next.succeeded, "\(next)")
            #expect(try AgentOSTestSupport.folder(folder) == [])
        }
    }
}
