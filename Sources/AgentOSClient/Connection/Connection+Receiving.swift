// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire

extension Connection {
    func received(_ frames: [InboundFrame]) {
        let now = MonotonicTime.now
        for frame in frames {
            switch frame {
            case .response(let id, let owner, let body): answered(id, owner, body, now)
            case .event(let owner, let body):
                if !router.route(body, owner.scope, connectionID: connectionID) {
                    counters.withLock { $0.unknownEvents += 1 }
                }
            case .callback(let id, let owner, let payload):
                router.route(callback: id, owner.scope, payload, on: self)
            case .unexpected(let type):
                transport?.abandon(.protocolError("unexpected inbound frame: \(type)"))
                return
            }
        }
    }

    private func answered(
        _ id: Int64,
        _ owner: FrameOwner,
        _ body: ResponseBody,
        _ now: MonotonicTime
    ) {
        switch pending.withLock({ $0.answer(id, now: now) }) {
        case .late: counters.withLock { $0.lateAnswers += 1 }
        case .unknown: counters.withLock { $0.unknownAnswers += 1 }
        case .found(let request):
            if case .payload(.authenticated(let response)) = body, request.type == "authenticate",
                owner.scope == .connection(response.connectionId)
            {
                return request.finish(.success(body))
            }
            if case .payload(.authenticated) = body, request.type == "authenticate" {
                let text = "invalid authenticate response: owned by \(owner.scope.debugText)"
                return request.finish(.failure(ClientError(.sidecar, text)))
            }
            guard owner == request.owner || !request.accepts(body) else {
                let expected = request.owner.scope.debugText
                let text = "response id \(id) used ownership \(owner.scope.debugText), expected \(expected)"
                return request.finish(.failure(ClientError(.sidecar, text)))
            }
            if case .payload(.rejected(let rejection)) = body {
                let error = ClientError.rejected(
                    code: rejection.code,
                    message: rejection.message,
                    request: request.type
                )
                return request.finish(.failure(error))
            }
            request.finish(.success(body))
        }
    }

    func transportFailed(_ failure: TransportFailure) { failEverything(failure) }

    func transportEnded(_ end: TransportEnd) {
        failEverything(end.failure ?? TransportFailure(end.exit.map { .exited($0) } ?? .disconnected))
        ended.set(end)
    }
}

/// The transport's side of a connection. It keeps the connection alive until its process is reaped.
final class ConnectionReceiver: TransportReceiver {
    private let connection: Connection
    init(_ connection: Connection) { self.connection = connection }
    var unanswered: Int { connection.pending.withLock { $0.waitingCount } }
    func received(_ frames: [InboundFrame]) { connection.received(frames) }
    func transportFailed(_ failure: TransportFailure) { connection.transportFailed(failure) }
    func transportEnded(_ end: TransportEnd) { connection.transportEnded(end) }
}
