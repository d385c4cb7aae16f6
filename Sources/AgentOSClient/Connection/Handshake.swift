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
        return requestSteps(.authenticate(request), .connection(connectionID)) { body in
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
        _ ownership: OwnershipScope,
        limit: UInt64? = nil,
        _ decode: @escaping @Sendable (ResponseBody) -> Output?
    ) -> Steps<Output> {
        Steps { [self] run, end in
            if let error = run.interruption { return end(.failure(error)) }
            let turn = run.begin()
            let type = payload.typeName
            let id = send(payload, ownership, limit: limit) { result in
                run.end(turn)
                end(Self.decoded(result, type, decode))
            }
            if let id { run.requestSent(turn, self, id: id) }
        }
    }

    static func decoded<Output>(
        _ result: Result<ResponseBody, ClientError>,
        _ type: String,
        _ decode: (ResponseBody) -> Output?
    ) -> Result<Output, ClientError> {
        result.flatMap { body in
            if let output = decode(body) { return .success(output) }
            return .failure(
                ClientError(.sidecar, "unexpected \(type) response") { detail in
                    detail.request = type
                    detail.found = body.typeName
                }
            )
        }
    }
}
