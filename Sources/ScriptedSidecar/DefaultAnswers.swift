// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// What a request gets when the script says nothing: a plausible success without any state behind it.
enum DefaultAnswers {
    /// The frames of the answer: the response, then its events.
    static func frames(to context: RequestContext, _ identifiers: IdentifierSource) -> [ProtocolFrame] {
        guard let request = context.request else { return [] }
        let payload = payload(to: request.payload, context, identifiers)
        let owner =
            if case .authenticated(let answer) = payload {
                OwnershipScope.connection(answer.connectionId)
            } else {
                request.ownership
            }
        let response = ProtocolFrame.response(
            ResponseFrame(
                schema: Dialect.schema,
                requestId: request.requestId,
                ownership: owner,
                payload: payload
            )
        )
        switch request.payload {
        case .createVm: return [response] + events([.creating, .ready], context)
        case .disposeVm: return [response] + events([.disposing, .disposed], context)
        default: return [response]
        }
    }

    private static func events(_ states: [VmLifecycleState], _ context: RequestContext) -> [ProtocolFrame] {
        guard let owner = context.eventOwnership else { return [] }
        return states.map { state in
            .event(
                EventFrame(
                    schema: Dialect.schema,
                    ownership: owner,
                    payload: .vmLifecycle(VmLifecycleEvent(state: state))
                )
            )
        }
    }

    private static func payload(
        to request: RequestPayload,
        _ context: RequestContext,
        _ identifiers: IdentifierSource
    ) -> ResponsePayload {
        switch request {
        case .authenticate:
            .authenticated(
                AuthenticatedResponse(
                    sidecarId: Dialect.name,
                    connectionId: context.connectionID ?? "",
                    maxFrameBytes: UInt32(Dialect.defaultMaximumFrameSize)
                )
            )
        case .openSession:
            .sessionOpened(
                SessionOpenedResponse(
                    sessionId: context.sessionID ?? "",
                    ownerConnectionId: context.connectionID ?? ""
                )
            )
        case .createVm: .vmCreated(VmCreatedResponse(vmId: context.vmID ?? ""))
        case .disposeVm: .vmDisposed(VmDisposedResponse(vmId: context.vmID ?? ""))
        case .configureVm(let request):
            .vmConfigured(
                VmConfiguredResponse(
                    appliedMounts: UInt32(request.mounts.count),
                    appliedSoftware: UInt32(request.software.count)
                )
            )
        case .bootstrapRootFilesystem(let request):
            .rootFilesystemBootstrapped(
                RootFilesystemBootstrappedResponse(entryCount: UInt32(request.entries.count))
            )
        case .registerToolkit(let request):
            .toolkitRegistered(
                ToolkitRegisteredResponse(
                    toolkit: request.name,
                    commandCount: UInt32(request.tools.pairs.count),
                    promptMarkdown: ""
                )
            )
        case .execute(let request):
            .processStarted(
                ProcessStartedResponse(processId: request.processId, pid: identifiers.nextProcess())
            )
        case .writeStdin(let request):
            .stdinWritten(
                StdinWrittenResponse(processId: request.processId, acceptedBytes: UInt64(request.chunk.count))
            )
        case .closeStdin(let request): .stdinClosed(StdinClosedResponse(processId: request.processId))
        case .killProcess(let request): .processKilled(ProcessKilledResponse(processId: request.processId))
        case .getSignalState(let request):
            .signalState(SignalStateResponse(processId: request.processId))
        case .findListener: .listenerSnapshot(ListenerSnapshotResponse())
        case .findBoundUdp: .boundUdpSnapshot(BoundUdpSnapshotResponse())
        case .getProcessSnapshot: .processSnapshot(ProcessSnapshotResponse())
        case .getZombieTimerCount: .zombieTimerCount(ZombieTimerCountResponse(count: 0))
        case .guestFilesystemCall(let request): filesystem(request)
        default:
            .rejected(
                RejectedResponse(
                    code: "invalid_state",
                    message: "scripted peer has no default for \(request.typeName)"
                )
            )
        }
    }

    private static func filesystem(_ request: GuestFilesystemCallRequest) -> ResponsePayload {
        var result = GuestFilesystemResultResponse(operation: request.operation, path: request.path)
        switch request.operation {
        case .exists: result.exists = true
        case .readFile: (result.content, result.encoding) = ("", .utf8)
        case .readDir: result.entries = []
        case .stat, .lstat: result.stat = emptyFile
        case .realpath: result.target = request.path
        case .rename, .link: result.target = request.destinationPath
        case .symlink: result.target = request.target
        case .readLink:
            let message = "EINVAL: invalid argument, readlink '\(request.path)'"
            return .rejected(RejectedResponse(code: "kernel_error", message: message))
        default: break
        }
        return .guestFilesystemResult(result)
    }

    private static let emptyFile: GuestFilesystemStat = GuestFilesystemStat(
        mode: 0o100644,
        size: 0,
        blocks: 0,
        dev: 1,
        rdev: 0,
        isDirectory: false,
        isSymbolicLink: false,
        atimeMs: 1_700_000_000_000,
        mtimeMs: 1_700_000_000_000,
        ctimeMs: 1_700_000_000_000,
        birthtimeMs: 1_700_000_000_000,
        ino: 2,
        nlink: 1,
        uid: 1000,
        gid: 1000
    )
}
