// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

@testable import AgentOSTransport

/// The real sidecar, as scripts/env.sh names it.
private let realBinary: String? = getenv("AGENT_OS_SIDECAR_BIN").map { String(cString: $0) }

/// What the client never sends, and what the rest of the library relies on: said to the real sidecar frame by
/// frame, without the client.
@Suite(
    "Conversations with the real sidecar (sidecar/*.md)",
    .enabled(if: realBinary != nil)
)
struct RealConversationTests {
    /// One process and the frames that came from it.
    private struct Conversation {
        let transport: SidecarTransport
        let receiver: SidecarTransportTests.Receiver

        init() throws {
            receiver = SidecarTransportTests.Receiver()
            let request = SpawnRequest(command: [realBinary ?? ""])
            transport = try SidecarTransport.start(request, receiver: receiver)
        }

        var frames: [InboundFrame] { receiver.state.withLock { $0.frames } }

        /// Sends a request in JSON form, and gives owner and payload of the answer.
        func ask(_ text: String, _ owner: OwnershipScope) throws -> (OwnershipScope, ResponsePayload) {
            let frame = RequestFrame(
                schema: Dialect.schema,
                requestId: 1,
                ownership: owner,
                payload: try RequestPayload(json: try JSONReader.parse(text))
            )
            let bytes = try FrameCodec.encode(.request(frame), limit: Dialect.defaultMaximumFrameSize)
            guard case .sent(let id) = transport.channel.send(bytes, register: { _ in true }) else {
                throw FileError(text, "the channel is closed")
            }
            guard Parallel.waits(for: { answer(id) != nil }), let answer = answer(id) else {
                throw FileError(text, "no answer: \(receiver.failures)")
            }
            return answer
        }

        private func answer(_ id: Int64) -> (OwnershipScope, ResponsePayload)? {
            for case .response(let number, let owner, .payload(let payload)) in frames where number == id {
                return (owner.scope, payload)
            }
            return nil
        }

        /// The refusal as `code: message`; nil for another answer.
        func refusal(_ text: String, _ owner: OwnershipScope) throws -> String? {
            guard case .rejected(let refusal) = try ask(text, owner).1 else { return nil }
            return "\(refusal.code): \(refusal.message)"
        }

        func authenticate(bridge: Int = 1) throws -> (OwnershipScope, ResponsePayload) {
            try ask(
                """
                {"type":"authenticate","client_name":"test","auth_token":"t","bridge_version":\(bridge)}
                """,
                RealConversationTests.connection("client-hint")
            )
        }

        /// A new connection's name.
        func connect() throws -> String {
            guard case .authenticated(let answer) = try authenticate().1 else {
                throw FileError("authenticate", "another answer")
            }
            return answer.connectionId
        }

        /// A session and a VM that may do everything.
        func createVM(_ connection: String) throws -> OwnershipScope {
            let owner = RealConversationTests.connection(connection)
            let placement = #"{"kind":"shared","pool":null}"#
            let opening = #"{"type":"open_session","placement":\#(placement),"metadata":{}}"#
            guard case .sessionOpened(let session) = try ask(opening, owner).1 else {
                throw FileError(opening, "another answer")
            }
            let policy = ["fs", "network", "child_process", "process", "env", "tool"].map {
                "\"\($0)\":\"allow\""
            }
            let creation = """
                {"type":"create_vm","runtime":"java_script","metadata":{},"root_filesystem":{"mode":"ephemeral",\
                "disable_default_base_layer":false,"lowers":[],"bootstrap_entries":[]},\
                "permissions":{\(policy.joined(separator: ","))}}
                """
            let scope = OwnershipScope.session(
                SessionOwnership(connectionId: connection, sessionId: session.sessionId)
            )
            guard case .vmCreated(let vm) = try ask(creation, scope).1 else {
                throw FileError(creation, "another answer")
            }
            return RealConversationTests.vm(connection, session.sessionId, vm.vmId)
        }

        /// How often a process has ended.
        func exits(_ process: String) -> Int {
            frames.count { frame in
                if case .event(_, .payload(.processExited(let exit))) = frame {
                    return exit.processId == process
                }
                return false
            }
        }

        /// How it ended after end of file, which it must do with 0.
        func end() {
            transport.close(grace: 20_000_000_000)
            let end = receiver.end()
            #expect(end?.exit == .code(0) && end?.wasKilled == false, "\(end?.standardError ?? "")")
            #expect(receiver.failures == [])
        }
    }

    private static func connection(_ name: String) -> OwnershipScope {
        .connection(ConnectionOwnership(connectionId: name))
    }

    private static func vm(_ connection: String, _ session: String, _ vm: String) -> OwnershipScope {
        .vm(VmOwnership(connectionId: connection, sessionId: session, vmId: vm))
    }

    private static let alive = #"{"type":"get_zombie_timer_count"}"#

    @Test("another bridge version is refused, and the right one may follow (connection-vm-files.md 10, 1)")
    func bridgeVersion() throws {
        let conversation = try Conversation()
        let (owner, answer) = try conversation.authenticate(bridge: 2)
        guard case .rejected(let refusal) = answer else {
            Issue.record("another answer: \(answer)")
            return
        }
        #expect(refusal.code == "bridge_version_mismatch")
        #expect(refusal.message == "bridge contract version mismatch: expected 1, got 2")
        #expect(owner.ids.map(\.value) == ["client-hint"])
        #expect(try conversation.connect() == "conn-1")
        conversation.end()
    }

    @Test("a second authentication is another connection, to which a VM of the first is refused (10, 2)")
    func twoConnections() throws {
        let conversation = try Conversation()
        let names = [try conversation.connect(), try conversation.connect()]
        #expect(names == ["conn-1", "conn-2"])
        let own = try conversation.createVM("conn-1")
        #expect(own.ids.map(\.value) == ["conn-1", "session-1", "vm-1"])
        #expect(
            try conversation.refusal(Self.alive, Self.vm("conn-2", "session-1", "vm-1"))
                == "invalid_state: session session-1 is not owned by connection conn-2"
        )
        let other = try conversation.createVM("conn-2")
        #expect(other.ids.map(\.value) == ["conn-2", "session-2", "vm-2"])
        #expect(
            try conversation.refusal(Self.alive, Self.vm("conn-2", "session-2", "vm-1"))
                == "invalid_state: VM vm-1 is not owned by conn-2/session-2"
        )
        for vm in [own, other] { #expect(try conversation.refusal(Self.alive, vm) == nil) }
        conversation.end()
    }

    @Test("a process id in use is refused, and free again behind the exit (processes-...md 9, 25)")
    func duplicateProcess() throws {
        let conversation = try Conversation()
        let vm = try conversation.createVM(try conversation.connect())
        let execution = """
            {"type":"execute","process_id":"d","command":"node","runtime":null,"entrypoint":null,\
            "args":["-e","setInterval(()=>{},1000)"],"env":{},"cwd":null,"wasm_permission_tier":null}
            """
        #expect(try conversation.refusal(execution, vm) == nil)
        #expect(
            try conversation.refusal(execution, vm)
                == "invalid_state: VM vm-1 already has an active process with id d"
        )
        let kill = #"{"type":"kill_process","process_id":"d","signal":"SIGKILL"}"#
        for round in 1...2 {
            // One that was killed right at its start may have lost it (X7).
            let isOver = try Parallel.waits {
                _ = try conversation.refusal(kill, vm)
                poll(nil, 0, 200)
                return conversation.exits("d") == round
            }
            #expect(isOver, "\(round)")
            if round == 1 { #expect(try conversation.refusal(execution, vm) == nil) }
        }
        #expect(try conversation.refusal(Self.alive, vm) == nil)
        conversation.end()
    }
}
