// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare

/// Which ownership a payload demands (wire-protocol.md 8).
package enum ScopeRule: String, Sendable {
    case any, connection, session, vm
    case sessionOrVM = "session-or-vm"

    func allows(_ scope: OwnershipScope) -> Bool {
        switch (self, scope) {
        case (.any, _), (.connection, .connection), (.session, .session), (.vm, .vm): true
        case (.sessionOrVM, .session), (.sessionOrVM, .vm): true
        default: false
        }
    }
}

extension RequestPayload {
    package var scopeRule: ScopeRule {
        switch self {
        case .authenticate, .openSession: .connection
        case .createVm, .persistenceLoad, .persistenceFlush: .session
        default: .vm
        }
    }

    /// The type of the response that this request expects (wire-protocol.md 8.1).
    package var expectedResponse: String {
        switch self {
        case .authenticate: "authenticated"
        case .openSession: "session_opened"
        case .createVm: "vm_created"
        case .createSession: "session_created"
        case .sessionRequest: "session_rpc"
        case .getSessionState: "session_state"
        case .closeAgentSession: "agent_session_closed"
        case .disposeVm: "vm_disposed"
        case .bootstrapRootFilesystem: "root_filesystem_bootstrapped"
        case .configureVm: "vm_configured"
        case .registerToolkit: "toolkit_registered"
        case .createLayer: "layer_created"
        case .sealLayer: "layer_sealed"
        case .importSnapshot: "snapshot_imported"
        case .exportSnapshot: "snapshot_exported"
        case .createOverlay: "overlay_created"
        case .guestFilesystemCall: "guest_filesystem_result"
        case .snapshotRootFilesystem: "root_filesystem_snapshot"
        case .execute: "process_started"
        case .writeStdin: "stdin_written"
        case .closeStdin: "stdin_closed"
        case .killProcess: "process_killed"
        case .getProcessSnapshot: "process_snapshot"
        case .findListener: "listener_snapshot"
        case .findBoundUdp: "bound_udp_snapshot"
        case .getSignalState: "signal_state"
        case .getZombieTimerCount: "zombie_timer_count"
        case .hostFilesystemCall: "filesystem_result"
        case .permissionRequest: "permission_decision"
        case .persistenceLoad: "persistence_state"
        case .persistenceFlush: "persistence_flushed"
        case .vmFetch: "vm_fetch_result"
        }
    }
}

extension ResponsePayload {
    package var scopeRule: ScopeRule {
        switch self {
        case .rejected: .any
        case .authenticated, .sessionOpened: .connection
        case .vmCreated, .persistenceState, .persistenceFlushed: .session
        default: .vm
        }
    }
}

extension EventPayload {
    package var scopeRule: ScopeRule {
        if case .structured = self { return .sessionOrVM }
        return .vm
    }
}

extension ProtocolFrame {
    /// The checks of wire-protocol.md 9, in their order; the first failure is the result.
    package func validate() throws(FrameError) {
        switch self {
        case .request(let frame): try Self.check(frame)
        case .response(let frame): try Self.check(frame)
        case .event(let frame): try Self.check(frame)
        case .sidecarRequest(let frame): try Self.check(frame)
        case .sidecarResponse(let frame): try Self.check(frame)
        }
    }

    static func check(_ frame: RequestFrame) throws(FrameError) {
        let rule = frame.payload.scopeRule
        try check(frame.schema, id: frame.requestId, positive: true, frame.ownership, rule)
        if case .authenticate(let request) = frame.payload, request.authToken.isEmpty {
            throw .emptyAuthToken
        }
    }

    static func check(_ frame: SidecarResponseFrame) throws(FrameError) {
        try check(frame.schema, id: frame.requestId, positive: false, frame.ownership, .vm)
    }

    static func check(_ frame: ResponseFrame) throws(FrameError) {
        let rule = frame.payload.scopeRule
        try check(frame.schema, id: frame.requestId, positive: true, frame.ownership, rule)
    }

    static func check(_ frame: EventFrame) throws(FrameError) {
        try check(frame.schema, id: nil, positive: true, frame.ownership, frame.payload.scopeRule)
    }

    static func check(_ frame: SidecarRequestFrame) throws(FrameError) {
        try check(frame.schema, id: frame.requestId, positive: false, frame.ownership, .vm)
    }

    static func check(
        _ schema: ProtocolSchema,
        id: Int64?,
        positive: Bool,
        _ ownership: OwnershipScope,
        _ rule: ScopeRule
    ) throws(FrameError) {
        guard schema.version == Dialect.version, schema.name.hasSameBytes(as: Dialect.name) else {
            throw .unsupportedSchema(name: schema.name, version: schema.version)
        }
        if let id {
            if id == 0 { throw .zeroRequestID }
            if (id > 0) != positive { throw .wrongDirection(id: id, mustBePositive: positive) }
        }
        if ownership.hasEmptyID {
            for entry in ownership.ids where entry.value.isEmpty { throw .emptyOwnership(field: entry.field) }
        }
        guard rule.allows(ownership) else {
            throw .wrongScope(required: rule.rawValue, actual: ownership.typeName)
        }
    }
}
