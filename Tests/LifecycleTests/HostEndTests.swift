// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

@Suite(
    "Hosts that exit, are killed, or fork (sidecar-lifecycle.md 11)",
    .serialized,
    .enabled(if: ChildHost.isThere)
)
struct HostEndTests {
    @Test("a host that exits without disposing leaves no process (case 38)")
    func exits() throws {
        let peer = ScriptedPeer()
        let run = try ChildHost.run(["exit"], options: peer.options())
        #expect(run.succeeded && run.value("exists") == "1", "\(run)")
        #expect(peer.wait { !$0.exits.isEmpty && $0.hasEnded })
        #expect(peer.events("eof").count == 1 && peer.exits == [0])
        #expect(peer.requests("dispose_vm").isEmpty)
    }

    @Test(
        "a host that exits without disposing leaves no real sidecar (case 38)",
        .enabled(if: RealSidecar.isThere)
    )
    func exitsFromTheRealOne() throws {
        let run = try ChildHost.run(
            ["exit"],
            options: .members(["command": .array([.string(RealSidecar.binary ?? "")])])
        )
        #expect(run.succeeded && run.value("exists") == "0", "\(run)")
        let process = try #require(run.number("process").map { Int32($0) })
        #expect(eventually { !isRunning(process) })
    }

    @Test("a host that is killed leaves no process (case 38)")
    func killed() throws {
        let peer = ScriptedPeer()
        let host = try BackgroundHost(["stay"], options: peer.options())
        #expect(try host.waitForLine("process ") == "process \(peer.processIDs.first ?? -1)")
        host.kill()
        #expect(peer.wait { $0.hasEnded && $0.exits == [0] })
        #expect(peer.events("eof").count == 1)
    }

    @Test("a forked child has a handle that it can describe, and nothing else (case 39)")
    func forks() throws {
        let peer = ScriptedPeer()
        let run = try ChildHost.run(["fork"], options: peer.options())
        #expect(run.succeeded, "\(run)")
        let description = try #require(run.value("parent-describe"))
        #expect(description.hasSuffix(#""state":"ready","activeVmCount":1}"#), "\(run)")
        #expect(run.value("child-describe") == description, "\(run)")
        // Without an error object (architecture decision 16).
        for name in ["child-create", "child-exists", "child-dispose"] {
            #expect(run.value(name) == "AOS_E_FORKED error NULL", "\(run)")
        }
        #expect(run.value("child-quick") == "1" && run.value("child-pool") == "is its own", "\(run)")
        #expect(run.value("child-own")?.hasPrefix("1 process ") == true, "\(run)")
        #expect(run.value("child-status") == "0", "\(run)")
        #expect(run.value("parent-after") == run.value("parent-before"), "\(run)")
        #expect(run.value("parent-shutdown") == "1", "\(run)")
        // The parent's and the child's: two processes, each with frames of one host alone.
        #expect(peer.processIDs.count == 2 && peer.hasEnded)
        #expect(peer.exits == [0, 0])
        #expect(peer.requests("authenticate").count == 2)
    }

    @Test("a forked child that lives on does not keep its parent's sidecar alive (11)")
    func forkedChildLivesOn() throws {
        let peer = ScriptedPeer()
        let host = try BackgroundHost(["fork-and-die"], options: peer.options())
        let line = try host.waitForLine("process ")
        let child = try #require(line.split(separator: " ").last.flatMap { Int32($0) })
        #expect(peer.wait(limit: .seconds(2)) { $0.exits == [0] && $0.hasEnded })
        #expect(isRunning(child))
        kill(child, SIGKILL)
        host.kill()
    }

    @Test("a host that ignores SIGCHLD starts, uses and closes as any other (transport.md case 41)")
    func ignoresChildren() throws {
        let peer = ScriptedPeer()
        let run = try ChildHost.run(["sigchld"], options: peer.options())
        #expect(run.succeeded, "\(run)")
        #expect(run.values("exists") == ["1", "1", "1"], "\(run)")
        #expect(peer.processIDs.count == 3 && peer.hasEnded && peer.exits == [0, 0, 0])
    }
}

/// A host that runs beside the test until it is killed.
final class BackgroundHost {
    private let stream: UnsafeMutablePointer<FILE>
    private let process: Int32
    private var isRunningStill = true

    /// `exec`: the process that is read from is the host itself.
    init(_ arguments: [String], options: JSONValue, _ variables: [(String, String?)] = []) throws {
        let all = try ChildHost.command(arguments, [("HOST_OPTIONS", JSONWriter.text(options))] + variables)
        let quoted = (["/usr/bin/env"] + all).map { part in
            "'" + part.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
                + "'"
        }
        guard let stream = popen("echo $$; exec \(quoted.joined(separator: " "))", "re") else {
            throw FileError(arguments.joined(separator: " "), "cannot be started")
        }
        self.stream = stream
        process = Self.line(stream).flatMap { Int32($0) } ?? -1
        guard process > 0 else { throw FileError(arguments.joined(separator: " "), "has no process id") }
    }

    deinit { kill() }

    private static func line(_ stream: UnsafeMutablePointer<FILE>) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard fgets(&buffer, Int32(buffer.count), stream) != nil else { return nil }
        let bytes = buffer.prefix { $0 != 0 && $0 != 0x0A }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The next line that begins so.
    func waitForLine(_ start: String) throws -> String {
        while let line = Self.line(stream) {
            if line.hasPrefix(start) { return line }
        }
        throw FileError(start, "never said")
    }

    func kill() {
        guard isRunningStill else { return }
        isRunningStill = false
        Glibc.kill(process, SIGKILL)
        pclose(stream)
    }
}
