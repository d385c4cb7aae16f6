// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension Connection {
    private static let clientName = "agent-os-client"
    /// A limit below this fits no request at all.
    private static let smallestUsefulFrame = 1024

    /// The first request of a process (sidecar-lifecycle.md 7.2).
    var handshake: Steps<Void> {
        let request = AuthenticateRequest(
            clientName: Self.clientName,
            authToken: options.authToken,
            bridgeVersion: Dialect.bridgeVersion
        )
        return requestSteps(.authenticate(request), FrameOwner(.connection(connectionID))) { body in
            if case .payload(.authenticated(let response)) = body { return response }
            return nil
        }.map { [self] response throws(ClientError) in
            guard !response.connectionId.isEmpty else {
                throw ClientError(.sidecar, "invalid authenticate response: empty connection_id")
            }
            guard response.maxFrameBytes >= Self.smallestUsefulFrame else {
                throw ClientError(
                    .sidecar,
                    "invalid authenticate response: max_frame_bytes \(response.maxFrameBytes)"
                )
            }
            authenticated(
                as: response.connectionId,
                sidecarID: response.sidecarId,
                maximumFrameSize: Int(response.maxFrameBytes)
            )
        }
    }

    /// One request whose answer `decode` understands.
    func requestSteps<Output: Sendable>(
        _ payload: RequestPayload,
        _ owner: FrameOwner,
        limit: UInt64? = nil,
        _ decode: @escaping @Sendable (ResponseBody) throws(ClientError) -> Output?
    ) -> Steps<Output> {
        Steps { [self] run, end in perform(payload, owner, limit: limit, run, decode, end) }
    }

    /// The same for steps that have begun.
    func perform<Output: Sendable>(
        _ payload: RequestPayload,
        _ owner: FrameOwner,
        limit: UInt64?,
        _ run: StepRun,
        _ decode: @escaping @Sendable (ResponseBody) throws(ClientError) -> Output?,
        _ end: @escaping Steps<Output>.End
    ) {
        if let error = run.interruption { return end(.failure(error)) }
        let turn = run.begin()
        let type = payload.typeName
        let id = send(payload, owner, limit: limit) { result in
            run.end(turn)
            end(Self.decoded(result, type, decode))
        }
        if let id { run.requestSent(turn, self, id: id) }
    }

    static func decoded<Output>(
        _ result: Result<ResponseBody, ClientError>,
        _ type: String,
        _ decode: (ResponseBody) throws(ClientError) -> Output?
    ) -> Result<Output, ClientError> {
        let body: ResponseBody
        switch result {
        case .success(let given): body = given
        case .failure(let error): return .failure(error)
        }
        do throws(ClientError) {
            if let output = try decode(body) { return .success(output) }
        } catch {
            return .failure(error)
        }
        return .failure(
            ClientError(.sidecar, "unexpected \(type) response") { detail in
                detail.request = type
                detail.found = body.typeName
            }
        )
    }
}
