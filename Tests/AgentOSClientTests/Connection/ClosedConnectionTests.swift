// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("A request on a connection that has ended (transport.md 10.3 and 10.4)")
struct ClosedConnectionTests {
    private static let owner = OwnershipScope.connection("conn-1")

    private func start(_ script: String) throws -> Connection {
        var options = ConnectionOptions()
        options.command = ["/bin/sh", "-c", script]
        return try Connection.start(options)
    }

    /// What a request ends with before its call returns; it has no number.
    private func refusal(_ connection: Connection) throws -> ClientError {
        let ends = Lock<[ClientError?]>([])
        let hello = AuthenticateRequest(clientName: "c", authToken: "t", bridgeVersion: 1)
        let id = connection.send(.authenticate(hello), FrameOwner(Self.owner)) { result in
            if case .failure(let error) = result {
                ends.withLock { $0.append(error) }
            } else {
                ends.withLock { $0.append(nil) }
            }
        }
        #expect(id == nil)
        #expect(ends.withLock { $0.count } == 1)
        #expect(connection.pending.withLock { $0.isEmpty })
        return try #require(ends.withLock { $0.first ?? nil })
    }

    @Test("it ends at once with the cause, and so does the second (case 15)")
    func ended() throws {
        let connection = try start("echo boom >&2; exit 3")
        #expect(Parallel.waits { connection.failed.value != nil })
        for _ in 0..<2 {
            let error = try refusal(connection)
            let text = "sidecar transport closed: sidecar process exited with code 3\nstderr:\nboom"
            #expect(error.kind == .sidecar && error.message == text, "\(error.message)")
            #expect(error.detail.exitCode == 3 && error.detail.exitSignal == nil)
            #expect(error.detail.standardError == "boom")
        }
    }

    @Test("a signal is told by its name and number, and there is no stderr where nothing was said")
    func killed() throws {
        let connection = try start("kill -KILL $$")
        #expect(Parallel.waits { connection.failed.value != nil })
        let error = try refusal(connection)
        let text = "sidecar transport closed: sidecar process exited with signal SIGKILL"
        #expect(error.kind == .sidecar && error.message == text, "\(error.message)")
        #expect(error.detail.exitSignal == 9 && error.detail.exitCode == nil)
        #expect(error.detail.standardError == nil)
    }

    @Test("after our own close it is told that alone")
    func closed() throws {
        let connection = try start("exec cat >/dev/null")
        connection.close()
        let error = try refusal(connection)
        #expect(error.kind == .disposed && error.message == "native sidecar disposed", "\(error.message)")
        #expect(Parallel.waits { connection.ended.value != nil })
        #expect(try refusal(connection).message == "native sidecar disposed")
    }
}
