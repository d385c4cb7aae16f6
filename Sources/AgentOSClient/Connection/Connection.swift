// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire
internal import Synchronization

/// One sidecar process as a client sees it: requests and their answers, events and callbacks by their owner.
package final class Connection: Sendable {
    private struct Identity: Sendable {
        /// The placeholder of the handshake, then what the sidecar gave out.
        var connectionID = "client-hint"
        var sidecarID: String?
        var maximumFrameSize = Dialect.defaultMaximumFrameSize
    }

    /// What was ignored, for diagnostics.
    struct Counters: Sendable {
        var lateAnswers = 0
        var unknownAnswers = 0
        var unknownEvents = 0
    }

    /// What we are willing to receive, whatever the sidecar says (sidecar-lifecycle.md 7.4).
    private static let largestFrameAccepted = 64 << 20

    let options: ConnectionOptions
    let router: FrameRouter = FrameRouter()
    package let budget: OutgoingBudget = OutgoingBudget()
    let idleSessions: IdleSessions = IdleSessions()
    private let identity: Lock<Identity> = Lock(Identity())
    private let pending: Lock<PendingRequests> = Lock(PendingRequests())
    private let timer: Lock<(id: UInt64?, due: MonotonicTime)> = Lock((nil, MonotonicTime(nanoseconds: .max)))
    private let transportStorage: Lock<SidecarTransport?> = Lock(nil)
    private let failureStorage: Lock<TransportFailure?> = Lock(nil)
    let counters: Lock<Counters> = Lock(Counters())
    /// Set when no request can succeed any more.
    let failed: Latch<TransportFailure> = Latch()
    /// Set when the process is reaped and its directory gone.
    let ended: Latch<TransportEnd> = Latch()

    private init(_ options: ConnectionOptions) { self.options = options }

    /// Starts the process. The handshake comes after that.
    static func start(_ options: ConnectionOptions) throws(ClientError) -> Connection {
        let connection = Connection(options)
        do throws(SpawnError) {
            let transport = try SidecarTransport.start(
                options.spawnRequest(), isRemote: options.isRemote, receiver: ConnectionReceiver(connection))
            connection.transportStorage.withLock { $0 = transport }
        } catch {
            throw ClientError(.sidecar, error.text)
        }
        return connection
    }

    var transport: SidecarTransport? { transportStorage.withLock { $0 } }
    package var processID: Int32? { transport?.processID }
    package var connectionID: String { identity.withLock { $0.connectionID } }
    var sidecarID: String? { identity.withLock { $0.sidecarID } }
    package var maximumFrameSize: Int { identity.withLock { $0.maximumFrameSize } }
    var isUsable: Bool { failureStorage.withLock { $0 == nil } }

    func authenticated(as connectionID: String, sidecarID: String, maximumFrameSize: Int) {
        identity.withLock { $0 = Identity(connectionID: connectionID, sidecarID: sidecarID, maximumFrameSize: maximumFrameSize) }
        transport?.channel.setLimit(receiving: min(maximumFrameSize, Self.largestFrameAccepted))
    }

    // MARK: Requests

    /// Sends a request. `finish` is called exactly once, by whoever reads, or here when nothing can be sent.
    /// Returns the request's number, nil when it was not sent.
    @discardableResult
    func send(
        _ payload: RequestPayload, _ ownership: OwnershipScope, limit: UInt64? = nil,
        _ finish: @escaping @Sendable (Result<ResponseBody, ClientError>) -> Void
    ) -> Int64? {
        do throws(ClientError) {
            let bytes = try RequestEncoder.encode(payload, ownership, limit: maximumFrameSize)
            return send([bytes], type: payload.typeName, ownership, limit: limit, finish)
        } catch {
            finish(.failure(error))
            return nil
        }
    }

    @discardableResult
    func send(
        _ parts: [[UInt8]], type: String, _ ownership: OwnershipScope, limit: UInt64? = nil,
        _ finish: @escaping @Sendable (Result<ResponseBody, ClientError>) -> Void
    ) -> Int64? {
        let request = PendingRequest(
            type: type, ownership: ownership, limit: limit ?? options.limits.limit(of: type), finish: finish)
        let outcome = transport?.channel.send(parts) { id in
            pending.withLock { $0.register(id, request, now: .now) }
        }
        guard case .sent(let id) = outcome else {
            finish(.failure(closedError()))
            return nil
        }
        if request.limit > 0 { watchDeadline(within: request.limit) }
        return id
    }

    /// Ends the waiting for an answer with `error`. A request that is not written yet is never sent.
    func giveUp(_ id: Int64, _ error: ClientError) {
        let withdrawn = transport?.channel.withdraw(id) ?? false
        let request = pending.withLock { pending in
            withdrawn ? pending.withdraw(id, now: .now) : pending.giveUp(id, now: .now)
        }
        request?.finish(.failure(error))
    }

    /// Waits on the calling thread, which reads meanwhile if nobody else does.
    package func wait(_ word: WakeWord, until deadline: MonotonicTime?) -> Bool {
        guard let channel = transport?.channel else { return word.sleep(until: deadline) == .done }
        return channel.wait(word, until: deadline)
    }

    /// Ends such a wait from any thread.
    package func finish(_ word: WakeWord) {
        guard let channel = transport?.channel else { return word.wake(.done) }
        channel.finish(word)
    }

    /// Nobody waits for the answer that comes: the I/O thread shall read it.
    package func expectWithoutWaiting() { transport?.channel.takeOverByIOThread() }

    // MARK: Deadlines

    /// Sees to it that a timer is due no later than `nanoseconds` from now.
    private func watchDeadline(within nanoseconds: UInt64) {
        // Most requests come while a timer for an earlier one is set: one comparison.
        let due = MonotonicTime.now.adding(nanoseconds)
        let mustSet = timer.withLock { timer in
            guard due < timer.due else { return false }
            timer.due = due
            return true
        }
        guard mustSet else { return }
        let id = Reactor.current.schedule(due) { [weak self] in self?.deadlineFired(due) }
        let replaced = timer.withLock { timer in
            guard timer.due == due else { return id }
            defer { timer.id = id }
            return timer.id
        }
        Reactor.current.cancel(timer: replaced)
    }

    private func deadlineFired(_ due: MonotonicTime) {
        timer.withLock { timer in
            if timer.due == due { timer = (nil, MonotonicTime(nanoseconds: .max)) }
        }
        let now = MonotonicTime.now
        while let oldest = pending.withLock({ $0.oldest }), let deadline = oldest.deadline, deadline <= now {
            giveUp(oldest.id, ClientError(.timeout, "timed out waiting for sidecar response to \(oldest.request.type)") {
                $0.request = oldest.request.type
            })
        }
        let silence = giveUpIfUnresponsive(now)
        let next = pending.withLock { $0.oldest?.deadline }
        let soonest = [next, silence].compactMap { $0 }.min()
        if let soonest { watchDeadline(within: max(soonest.since(now), 1_000_000)) }
    }

    /// Gives the process up when it owes an answer, has had its time for it, and is silent (architecture decision 6).
    /// Returns when to look again.
    private func giveUpIfUnresponsive(_ now: MonotonicTime) -> MonotonicTime? {
        let patience = options.unresponsiveNanoseconds
        guard patience > 0, let transport, let owed = pending.withLock({ $0.owed }), !router.hasOpenCallbacks else { return nil }
        let silentSince = max(transport.channel.lastInboundTime, owed.since)
        let due = max(silentSince.adding(patience), owed.since.adding(owed.limit))
        guard due <= now else { return due }
        transport.abandon(.unresponsive(milliseconds: patience / 1_000_000))
        return nil
    }

    // MARK: The end

    /// Ends the process in an orderly way. Requests that wait fail at once.
    func close() {
        failEverything(TransportFailure(.disposed))
        transport?.close(grace: options.stopGraceNanoseconds)
    }

    /// Ends the process now.
    func kill(_ cause: TransportCause) { transport?.abandon(cause) }

    /// The error of a request that cannot be sent.
    func closedError() -> ClientError {
        guard let failure = failureStorage.withLock({ $0 }) else {
            return ClientError(.sidecar, "sidecar transport closed")
        }
        return Self.error(failure, prefix: "sidecar transport closed")
    }

    static func error(_ failure: TransportFailure, prefix: String) -> ClientError {
        let isOurs: Bool = if case .disposed = failure.cause { true } else { false }
        var text = isOurs ? failure.text : "\(prefix): \(failure.text)"
        if !failure.standardError.isEmpty { text += "\nstderr:\n\(failure.standardError)" }
        return ClientError(isOurs ? .disposed : .sidecar, text) { detail in
            switch failure.exit {
            case .code(let code): detail.exitCode = code
            case .signal(let number): detail.exitSignal = number
            case .unknown, nil: break
            }
            if !failure.standardError.isEmpty { detail.standardError = failure.standardError }
        }
    }

    private func failEverything(_ failure: TransportFailure) {
        let isFirst = failureStorage.withLock { stored in
            defer { stored = stored ?? failure }
            return stored == nil
        }
        guard isFirst else { return }
        let waiting = pending.withLock { $0.close() }
        let error = Self.error(failure, prefix: "sidecar transport disconnected")
        for request in waiting { request.finish(.failure(error)) }
        router.connectionFailed(error)
        failed.set(failure)
        let scheduled = timer.withLock { timer in
            defer { timer = (nil, MonotonicTime(nanoseconds: .max)) }
            return timer.id
        }
        Reactor.current.cancel(timer: scheduled)
    }
}

extension Connection {
    fileprivate func received(_ frames: [InboundFrame]) {
        let now = MonotonicTime.now
        for frame in frames {
            switch frame {
            case .response(let id, let ownership, let body): answered(id, ownership, body, now)
            case .event(let ownership, let body):
                if !router.route(body, ownership, connectionID: connectionID) {
                    counters.withLock { $0.unknownEvents += 1 }
                }
            case .callback(let id, let ownership, let payload):
                router.route(callback: id, ownership, payload, on: self)
            case .unexpected(let type):
                transport?.abandon(.protocolError("unexpected inbound frame: \(type)"))
                return
            }
        }
    }

    private func answered(_ id: Int64, _ ownership: OwnershipScope, _ body: ResponseBody, _ now: MonotonicTime) {
        switch pending.withLock({ $0.answer(id, now: now) }) {
        case .late: counters.withLock { $0.lateAnswers += 1 }
        case .unknown: counters.withLock { $0.unknownAnswers += 1 }
        case .found(let request):
            if case .payload(.authenticated(let response)) = body, request.type == "authenticate",
                ownership == .connection(response.connectionId)
            {
                return request.finish(.success(body))
            }
            guard ownership == request.ownership else {
                let error = ClientError(
                    .sidecar,
                    "response id \(id) used ownership \(ownership.debugText), expected \(request.ownership.debugText)")
                return request.finish(.failure(error))
            }
            if case .payload(.rejected(let rejection)) = body {
                let error = ClientError.rejected(
                    code: rejection.code, message: rejection.message, request: request.type)
                return request.finish(.failure(error))
            }
            request.finish(.success(body))
        }
    }

    fileprivate func transportFailed(_ failure: TransportFailure) { failEverything(failure) }

    fileprivate func transportEnded(_ end: TransportEnd) {
        failEverything(TransportFailure(end.exit.map { .exited($0) } ?? .disconnected))
        ended.set(end)
    }
}

/// The transport's side of a connection. It keeps the connection alive until its process is reaped.
private final class ConnectionReceiver: TransportReceiver {
    private let connection: Connection
    init(_ connection: Connection) { self.connection = connection }
    func received(_ frames: [InboundFrame]) { connection.received(frames) }
    func transportFailed(_ failure: TransportFailure) { connection.transportFailed(failure) }
    func transportEnded(_ end: TransportEnd) { connection.transportEnded(end) }
}
