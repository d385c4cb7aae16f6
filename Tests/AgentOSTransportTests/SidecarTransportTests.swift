// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("SidecarTransport: a process from its start to its reaping")
struct SidecarTransportTests {
    /// Everything that a transport tells.
    final class Receiver: TransportReceiver {
        struct State: Sendable {
            var frames: [InboundFrame] = []
            var failures: [TransportFailure] = []
            var ends: [TransportEnd] = []
        }
        let state: Lock<State> = Lock(State())
        var unanswered: Int { 0 }
        func received(_ frames: [InboundFrame]) { state.withLock { $0.frames += frames } }
        func transportFailed(_ failure: TransportFailure) { state.withLock { $0.failures.append(failure) } }
        func transportEnded(_ end: TransportEnd) { state.withLock { $0.ends.append(end) } }

        var failures: [String] { state.withLock { $0.failures.map(\.text) } }
        /// Waits for the end, and a moment more for one that must not come.
        func end() -> TransportEnd? {
            _ = Parallel.waits { state.withLock { !$0.ends.isEmpty } }
            poll(nil, 0, 10)
            #expect(state.withLock { $0.ends.count } == 1)
            return state.withLock { $0.ends.first }
        }
    }

    private let second: UInt64 = 1_000_000_000

    private func start(
        _ command: [String],
        environment: [(name: String, value: String)] = []
    ) throws -> (SidecarTransport, Receiver) {
        let receiver = Receiver()
        var request = SpawnRequest(command: command)
        request.environment = environment
        return (try SidecarTransport.start(request, receiver: receiver), receiver)
    }

    private func peer(_ rules: String) throws -> (SidecarTransport, Receiver) {
        try start(
            ["\(Repository.products)/agentos-scripted-sidecar"],
            environment: [("AGENTOS_SCRIPT", "{\"rules\":\(rules)}")]
        )
    }

    @Test("a process that ends by itself is reported once, with how it ended, and reaped")
    func endsByItself() throws {
        let commands: [([String], String, ChildExit)] = [
            (["/bin/true"], "sidecar process exited with code 0", .code(0)),
            (["sh", "-c", "exit 3"], "sidecar process exited with code 3", .code(3)),
            (["sh", "-c", "kill -9 $$"], "sidecar process exited with signal SIGKILL", .signal(9)),
        ]
        for (command, text, exit) in commands {
            let (transport, receiver) = try start(command)
            let end = try #require(receiver.end())
            #expect(receiver.failures == [text])
            #expect(end.exit == exit && !end.wasKilled)
            #expect(kill(transport.processID, 0) == -1)
            #expect(receiver.state.withLock { $0.failures.first?.exit } == exit)
        }
    }

    @Test("an orderly close is end of file; it is no failure, and a second close changes nothing")
    func close() throws {
        let (transport, receiver) = try start(["/bin/cat"])
        transport.close(grace: 20 * second)
        transport.close(grace: 20 * second)
        let end = try #require(receiver.end())
        #expect(end.exit == .code(0) && !end.wasKilled)
        #expect(receiver.failures == [])
        transport.close(grace: 0)
        transport.abandon(.disconnected)
        #expect(receiver.failures == [])
    }

    @Test("what does not end within the grace is killed; a grace of 0 kills at once, also later")
    func grace() throws {
        for (first, then) in [(50_000_000, nil), (0, nil), (100 * second, 0)] as [(UInt64, UInt64?)] {
            let before = MonotonicTime.now
            let (transport, receiver) = try start(["/bin/sleep", "100"])
            transport.close(grace: first)
            if let then { transport.close(grace: then) }
            let end = try #require(receiver.end())
            #expect(end.exit == .signal(9) && end.wasKilled)
            #expect(receiver.failures == [])
            if then == nil { #expect(MonotonicTime.now.since(before) >= first) }
        }
    }

    @Test("a transport that is given up is killed, and everybody is told why")
    func abandon() throws {
        let (transport, receiver) = try start(["/bin/sleep", "100"])
        transport.abandon(.unresponsive(milliseconds: 7))
        let end = try #require(receiver.end())
        #expect(end.exit == .signal(9) && end.wasKilled)
        #expect(
            receiver.failures == ["sidecar unresponsive: not a byte for 7 ms while a request was waiting"]
        )
    }

    @Test("requests go to the peer, and its answers come back")
    func roundTrip() throws {
        let (transport, receiver) = try peer("[]")
        let request = try Frames.request()
        _ = transport.channel.send(request) { _ in true }
        #expect(Parallel.waits { receiver.state.withLock { !$0.frames.isEmpty } })
        guard case .response(1, _, .payload(.authenticated)) = receiver.state.withLock({ $0.frames[0] })
        else {
            Issue.record("another answer")
            return
        }
        transport.close(grace: 20 * second)
        #expect(receiver.end()?.exit == .code(0))
    }

    @Test("bytes that are no frame end it, with what it said on its standard error")
    func garbage() throws {
        let (_, receiver) = try peer(
            #"[{"on":"start","do":[{"stderr":"I am lost"},{"text":"HTTP/1.1 200 OK"}]}]"#
        )
        let end = try #require(receiver.end())
        #expect(end.wasKilled)
        #expect(
            receiver.failures == [
                "sidecar protocol error: protocol frame is 1213486160 bytes, limit is 1048576"
            ]
        )
        #expect(receiver.state.withLock { $0.failures.first?.standardError } == "I am lost")
        #expect(end.standardError == "I am lost")
    }

    @Test("the end in the middle of a frame says so")
    func torn() throws {
        let (_, receiver) = try peer(#"[{"on":"start","do":[{"hex":"00000010 0102"},{"exit":5}]}]"#)
        #expect(receiver.end()?.exit == .code(5))
        #expect(
            receiver.failures == ["sidecar process exited with code 5 (truncated frame: 2 of 16 bytes)"]
        )
    }

    @Test("a process that closes its output and lives on is reported and killed")
    func closedOutput() throws {
        let (_, receiver) = try start(["sh", "-c", "exec >&-; exec sleep 100"])
        let end = try #require(receiver.end())
        #expect(end.exit == .signal(9) && end.wasKilled)
        #expect(receiver.failures == ["sidecar process exited with disconnect"])
    }

    @Test("somebody else who holds the output does not delay the end of the process for long")
    func heldOutput() throws {
        let (_, receiver) = try start(["sh", "-c", "sleep 3 & exit 4"])
        let before = MonotonicTime.now
        #expect(receiver.end()?.exit == .code(4))
        #expect(MonotonicTime.now.since(before) < 2 * second)
        #expect(receiver.failures == ["sidecar process exited with code 4"])
    }

    @Test("the process gets a directory of its own as TMPDIR, which is gone with it; a remote one gets none")
    func directory() throws {
        let (transport, receiver) = try start(["sh", "-c", "echo $TMPDIR >&2; touch $TMPDIR/left; cat"])
        #expect(Parallel.waits { !transport.standardErrorText.isEmpty })
        let path = transport.standardErrorText
        #expect(path.contains("/agentos-sidecar-"))
        #expect(HostFile.isDirectory(path))
        transport.close(grace: 20 * second)
        #expect(receiver.end()?.standardError == path)
        #expect(!HostFile.exists(path))
        let remoteReceiver = Receiver()
        let remote = try SidecarTransport.start(
            SpawnRequest(command: ["sh", "-c", "echo .$TMPDIR >&2"]),
            isRemote: true,
            receiver: remoteReceiver
        )
        let seen = try #require(remoteReceiver.end()).standardError
        #expect(!seen.contains("/agentos-sidecar-"))
        withExtendedLifetime(remote) {}
    }

    @Test("descriptors, threads, children and directories are as before, whatever became of the processes")
    func leavesNothing() throws {
        try withTestFolder { folder in
            let name = "SidecarTransportTests/leavesNothing"
            try FreshProcess.run(name, environment: ["TMPDIR=\(folder)"]) {
                let before = try openDescriptors()
                for round in 0..<10 {
                    let commands = [
                        ["/bin/true"], ["/bin/cat"], ["/bin/sleep", "100"], ["sh", "-c", "exit 3"],
                    ]
                    let all = try commands.map { try start($0) }
                    #expect(throws: SpawnError.self) { try start(["/none/at/all"]) }
                    for (transport, _) in all { transport.close(grace: round % 2 == 0 ? 50_000_000 : 0) }
                    for (_, receiver) in all { #expect(receiver.end() != nil) }
                }
                #expect(try Parallel.waits { try !threadNames().contains { $0.hasPrefix("aos-") } })
                let isBack = try Parallel.waits { try openDescriptors().count == before.count }
                let after = try openDescriptors()
                #expect(isBack, "\(before), \(after)")
                #expect(waitpid(-1, nil, WNOHANG) == -1 && errno == ECHILD)
                #expect(try AgentOSTestSupport.folder(TemporaryDirectory.parent).isEmpty)
            }
        }
    }
}
