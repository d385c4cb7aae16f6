// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSWire

@Suite("FrameValidation: rules that the schema cannot say (wire-protocol.md 8 and 9)")
struct FrameValidationTests {
    /// A frame in which everything is wrong that can be.
    private func broken() -> RequestFrame {
        RequestFrame(
            schema: ProtocolSchema(name: "other", version: 2),
            requestId: 0,
            ownership: .vm(VmOwnership(connectionId: "", sessionId: "", vmId: "")),
            payload: .authenticate(AuthenticateRequest(clientName: "", authToken: "", bridgeVersion: 0))
        )
    }

    private func error(_ frame: ProtocolFrame) -> FrameError? {
        do throws(FrameError) { try frame.validate() } catch { return error }
        return nil
    }

    @Test("the checks come in the order of wire-protocol.md 9, one after the other")
    func order() {
        var frame = broken()
        #expect(error(.request(frame)) == .unsupportedSchema(name: "other", version: 2))
        frame.schema = ProtocolSchema(name: "agent-os-sidecar", version: 2)
        #expect(error(.request(frame)) == .unsupportedSchema(name: "agent-os-sidecar", version: 2))
        frame.schema = Dialect.schema
        #expect(error(.request(frame)) == .zeroRequestID)
        frame.requestId = -1
        #expect(error(.request(frame)) == .wrongDirection(id: -1, mustBePositive: true))
        frame.requestId = .max
        #expect(error(.request(frame)) == .emptyOwnership(field: "connection_id"))
        frame.ownership = .vm(VmOwnership(connectionId: "c", sessionId: "", vmId: ""))
        #expect(error(.request(frame)) == .emptyOwnership(field: "session_id"))
        frame.ownership = .vm(VmOwnership(connectionId: "c", sessionId: "s", vmId: ""))
        #expect(error(.request(frame)) == .emptyOwnership(field: "vm_id"))
        frame.ownership = .testVM
        #expect(error(.request(frame)) == .wrongScope(required: "connection", actual: "vm"))
        frame.ownership = .connection("c")
        #expect(error(.request(frame)) == .emptyAuthToken)
        frame.payload = .authenticate(AuthenticateRequest(clientName: "", authToken: "t", bridgeVersion: 0))
        #expect(error(.request(frame)) == nil)
    }

    @Test("encoding validates before it writes, in both forms")
    func encodeValidates() {
        let expected = FrameError.unsupportedSchema(name: "other", version: 2)
        #expect(throws: expected) { try FrameCodec.encode(.request(broken())) }
        #expect(throws: expected) { try JSONFrameCodec.encode(.request(broken())) }
    }

    static let rejected = ResponsePayload.rejected(RejectedResponse(code: "c", message: "m"))
    static let tool = ToolInvocationRequest(invocationId: "i", toolKey: "t", input: .null, timeoutMs: 1)

    @Test("ids of callbacks are negative, ids of requests positive, and none is 0")
    func direction() {
        func callback(_ id: Int64) -> ProtocolFrame {
            .sidecarRequest(
                SidecarRequestFrame(
                    schema: Dialect.schema,
                    requestId: id,
                    ownership: .testVM,
                    payload: .toolInvocation(Self.tool)
                )
            )
        }
        func answer(_ id: Int64) -> ProtocolFrame {
            .sidecarResponse(
                SidecarResponseFrame(
                    schema: Dialect.schema,
                    requestId: id,
                    ownership: .testVM,
                    payload: .toolInvocationResult(ToolInvocationResultResponse(invocationId: "i"))
                )
            )
        }
        func response(_ id: Int64) -> ProtocolFrame {
            .response(
                ResponseFrame(
                    schema: Dialect.schema,
                    requestId: id,
                    ownership: .testVM,
                    payload: Self.rejected
                )
            )
        }
        for frame in [callback, answer] {
            #expect(error(frame(.min)) == nil)
            #expect(error(frame(0)) == .zeroRequestID)
            #expect(error(frame(1)) == .wrongDirection(id: 1, mustBePositive: false))
        }
        #expect(error(response(.max)) == nil)
        #expect(error(response(0)) == .zeroRequestID)
        #expect(error(response(.min)) == .wrongDirection(id: .min, mustBePositive: true))
    }

    static let scopes: [(rule: ScopeRule, allows: [String])] = [
        (.any, ["connection", "session", "vm"]), (.connection, ["connection"]), (.session, ["session"]),
        (.vm, ["vm"]), (.sessionOrVM, ["session", "vm"]),
    ]

    @Test("a scope rule allows these scopes and no other (wire-protocol.md 6)", arguments: scopes)
    func scopeRule(rule: ScopeRule, allows: [String]) {
        for scope in [OwnershipScope.connection("c"), .testSession, .testVM] {
            let result = error { () throws(FrameError) in
                try ProtocolFrame.check(Dialect.schema, id: 1, positive: true, scope, rule)
            }
            let expected: FrameError? =
                allows.contains(scope.typeName)
                ? nil : .wrongScope(required: rule.rawValue, actual: scope.typeName)
            #expect(result == expected)
        }
    }

    private func error(_ body: () throws(FrameError) -> Void) -> FrameError? {
        do throws(FrameError) { try body() } catch { return error }
        return nil
    }

    /// The table of wire-protocol.md 8.1: request, scope, expected response.
    static let requests = """
        authenticate connection authenticated, open_session connection session_opened,
        create_vm session vm_created, create_session vm session_created, session_request vm session_rpc,
        get_session_state vm session_state, close_agent_session vm agent_session_closed,
        dispose_vm vm vm_disposed, bootstrap_root_filesystem vm root_filesystem_bootstrapped,
        configure_vm vm vm_configured, register_toolkit vm toolkit_registered, create_layer vm layer_created,
        seal_layer vm layer_sealed, import_snapshot vm snapshot_imported, export_snapshot vm snapshot_exported,
        create_overlay vm overlay_created, guest_filesystem_call vm guest_filesystem_result,
        snapshot_root_filesystem vm root_filesystem_snapshot, execute vm process_started,
        write_stdin vm stdin_written, close_stdin vm stdin_closed, kill_process vm process_killed,
        get_process_snapshot vm process_snapshot, find_listener vm listener_snapshot,
        find_bound_udp vm bound_udp_snapshot, get_signal_state vm signal_state,
        get_zombie_timer_count vm zombie_timer_count, host_filesystem_call vm filesystem_result,
        permission_request vm permission_decision, persistence_load session persistence_state,
        persistence_flush session persistence_flushed, vm_fetch vm vm_fetch_result
        """.split(separator: ",").map { $0.split { $0.isWhitespace }.map(String.init) }

    @Test("every request has the scope and the response of the table in wire-protocol.md 8.1")
    func requestTable() {
        var seen: Set<String> = []
        for vector in Vector.frames {
            guard case .request(let frame)? = try? FrameCodec.decode(vector.frame) else { continue }
            let row = Self.requests.first { $0[0] == frame.payload.typeName }
            #expect(row?[1] == frame.payload.scopeRule.rawValue, "\(frame.payload.typeName)")
            #expect(row?[2] == frame.payload.expectedResponse, "\(frame.payload.typeName)")
            seen.insert(frame.payload.typeName)
        }
        #expect(seen.count == 32)
        #expect(Self.requests.count == 32)
    }

    @Test("every response and event has the scope of the tables in wire-protocol.md 8.2 and 8.3")
    func responseTable() {
        let scopes = [
            "rejected": "any", "authenticated": "connection", "session_opened": "connection",
            "vm_created": "session", "persistence_state": "session", "persistence_flushed": "session",
            "structured": "session-or-vm",
        ]
        var seen: Set<String> = []
        for vector in Vector.frames {
            let payload: (name: String, rule: ScopeRule)? =
                switch try? FrameCodec.decode(vector.frame) {
                case .response(let frame): (frame.payload.typeName, frame.payload.scopeRule)
                case .event(let frame): (frame.payload.typeName, frame.payload.scopeRule)
                default: nil
                }
            guard let payload else { continue }
            #expect(payload.rule.rawValue == scopes[payload.name] ?? "vm", "\(payload.name)")
            seen.insert(payload.name)
        }
        #expect(seen.count == 33 + 4)
    }

    @Test("every expected response is a response that there is")
    func expectedResponsesExist() {
        let responses = Set(
            Vector.frames.compactMap { vector -> String? in
                guard case .response(let frame)? = try? FrameCodec.decode(vector.frame) else { return nil }
                return frame.payload.typeName
            }
        )
        #expect(Self.requests.allSatisfy { responses.contains($0[2]) })
    }
}
