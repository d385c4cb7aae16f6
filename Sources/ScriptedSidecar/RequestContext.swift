// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// What a rule acts on: a request, a callback's answer, the start or the end of the input.
final class RequestContext {
    enum Subject {
        case request(RequestFrame)
        case sidecarResponse(SidecarResponseFrame)
        case start
        case endOfFile
    }

    let subject: Subject
    private let identifiers: IdentifierSource
    private var made: String?

    init(_ subject: Subject, _ identifiers: IdentifierSource) {
        self.subject = subject
        self.identifiers = identifiers
    }

    /// The word that a rule names it by.
    var typeName: String {
        switch subject {
        case .request(let frame): frame.payload.typeName
        case .sidecarResponse: "sidecar_response"
        case .start: "start"
        case .endOfFile: "eof"
        }
    }

    var request: RequestFrame? {
        guard case .request(let frame) = subject else { return nil }
        return frame
    }

    var isRequest: Bool {
        guard case .request = subject else { return false }
        return true
    }

    lazy var payloadJSON: JSONValue =
        switch subject {
        case .request(let frame): frame.payload.json
        case .sidecarResponse(let frame): frame.payload.json
        case .start, .endOfFile: .null
        }

    var ownership: OwnershipScope? {
        switch subject {
        case .request(let frame): frame.ownership
        case .sidecarResponse(let frame): frame.ownership
        case .start, .endOfFile: nil
        }
    }

    /// Who owns the events of this request: its VM, also one that it makes.
    var eventOwnership: OwnershipScope? {
        guard let connectionID, let sessionID, let vmID else { return ownership }
        return .vm(VmOwnership(connectionId: connectionID, sessionId: sessionID, vmId: vmID))
    }

    var connectionID: String? {
        if case .authenticate? = request?.payload { return "conn-1" }
        return ownership?.ids.first?.value
    }

    var sessionID: String? {
        if case .openSession? = request?.payload { return make(identifiers.nextSession) }
        switch ownership {
        case .session(let owner): return owner.sessionId
        case .vm(let owner): return owner.sessionId
        default: return nil
        }
    }

    var vmID: String? {
        if case .createVm? = request?.payload { return make(identifiers.nextVM) }
        guard case .vm(let owner) = ownership else { return nil }
        return owner.vmId
    }

    /// Made at first use, so that events may come before the answer and two answers name the same.
    private func make(_ next: () -> String) -> String {
        let id = made ?? next()
        made = id
        return id
    }

    var processID: String? {
        switch request?.payload {
        case .execute(let request): request.processId
        case .writeStdin(let request): request.processId
        case .closeStdin(let request): request.processId
        case .killProcess(let request): request.processId
        case .getSignalState(let request): request.processId
        default: nil
        }
    }

    var path: String? {
        switch request?.payload {
        case .guestFilesystemCall(let request): request.path
        case .vmFetch(let request): request.path
        case .findListener(let request): request.path
        default: nil
        }
    }
}
