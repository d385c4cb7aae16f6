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
    let pending: Lock<PendingRequests> = Lock(PendingRequests())
    let timer: Lock<(id: UInt64?, due: MonotonicTime)> = Lock((nil, MonotonicTime(nanoseconds: .max)))
    private let transportStorage: Lock<SidecarTransport?> = Lock(nil)
    private let failureStorage: Lock<TransportFailure?> = Lock(nil)
    let fetches: FetchQueue = FetchQueue()
    let counters: Lock<Counters> = Lock(Counters())
    /// Set first of all when the process is lost: the handle forgets the connection before anybody hears of
    /// it.
    let failing: Latch<TransportFailure> = Latch()
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
                options.spawnRequest(),
                isRemote: options.isRemote,
                receiver: ConnectionReceiver(connection)
            )
            connection.transportStorage.withLock { $0 = transport }
        } catch {
            throw ClientError(.sidecar, error.text)
        }
        return connection
    }

    var transport: SidecarTransport? { transportStorage.withLock { $0 } }
    package var processID: Int32? { transport?.processID }
    /// As whom its process runs; nil where that is elsewhere.
    var sidecarUser: UInt32? {
        temporaryDirectory == nil ? nil : processID.flatMap { HostFile.owner(ofProcess: $0) }
    }

    /// The private directory of its process; nil where that is elsewhere.
    var temporaryDirectory: String? { transport?.temporaryDirectory }
    package var connectionID: String { identity.withLock { $0.connectionID } }
    var sidecarID: String? { identity.withLock { $0.sidecarID } }
    package var maximumFrameSize: Int { identity.withLock { $0.maximumFrameSize } }
    var isUsable: Bool { failureStorage.withLock { $0 == nil } }

    func authenticated(as connectionID: String, sidecarID: String, maximumFrameSize: Int) {
        identity.withLock {
            $0 = Identity(
                connectionID: connectionID,
                sidecarID: sidecarID,
                maximumFrameSize: maximumFrameSize
            )
        }
        transport?.channel.setLimit(receiving: min(maximumFrameSize, Self.largestFrameAccepted))
    }

    // MARK: Requests

    /// Sends a request. `finish` is called exactly once, by whoever reads, or here when nothing can be sent.
    /// Returns the request's number, nil when it was not sent.
    @discardableResult
    func send(
        _ payload: RequestPayload,
        _ owner: FrameOwner,
        limit: UInt64? = nil,
        _ finish: @escaping @Sendable (Result<ResponseBody, ClientError>) -> Void
    ) -> Int64? {
        do throws(ClientError) {
            let bytes = try RequestEncoder.encode(payload, owner, limit: maximumFrameSize)
            let type = payload.typeName
            let request = PendingRequest(
                type: type,
                expected: payload.expectedResponse,
                owner: owner,
                limit: limit ?? options.limits.limit(of: type),
                finish: finish
            )
            return send(bytes, [], request)
        } catch {
            finish(.failure(error))
            return nil
        }
    }

    /// Sends an encoded request, in parts or in one.
    func send(_ head: consuming [UInt8], _ rest: [[UInt8]], _ request: PendingRequest) -> Int64? {
        let now = MonotonicTime.now
        let outcome = transport?.channel.send(head, rest) { id in
            pending.withLock { $0.register(id, request, now: now) }
        }
        guard case .sent(let id) = outcome else {
            guard outcome != nil else {
                request.finish(.failure(closedError()))
                return nil
            }
            // The end is known, and its cause will be in a moment.
            failing.whenSet { failure in request.finish(.failure(Self.closedError(failure))) }
            return nil
        }
        if request.limit > 0 { watchDeadline(from: now, within: request.limit) }
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

    /// Reads on the calling thread, which waits for `other` too; false if somebody else reads.
    package func read(for word: WakeWord, beside other: Int32, until deadline: MonotonicTime?) -> Bool {
        transport?.channel.read(for: word, beside: other, until: deadline) ?? false
    }

    /// The answer that comes will be read by a thread that has read before.
    package func expectReader() { transport?.channel.expectReader() }

    /// Nobody waits for the answer that comes: the I/O thread shall read it.
    package func expectWithoutWaiting() { transport?.channel.takeOverByIOThread() }

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
        failureStorage.withLock { $0 }.map { Self.closedError($0) }
            ?? ClientError(.sidecar, "sidecar transport closed")
    }

    private static func closedError(_ failure: TransportFailure) -> ClientError {
        error(failure, prefix: "sidecar transport closed")
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

    func failEverything(_ failure: TransportFailure) {
        let isFirst = failureStorage.withLock { stored in
            defer { stored = stored ?? failure }
            return stored == nil
        }
        guard isFirst else { return }
        failing.set(failure)
        let waiting = pending.withLock { $0.close() }
        let error = Self.error(failure, prefix: "sidecar transport disconnected")
        let closed = Self.closedError(failure)
        let firstUnsent = transport?.channel.firstUnsentID ?? .max
        for (id, request) in waiting { request.finish(.failure(id < firstUnsent ? error : closed)) }
        router.connectionFailed(error)
        failed.set(failure)
        let scheduled = timer.withLock { timer in
            // Nothing is due earlier: a request that was answered before its sender got so far sets no timer
            // any more.
            defer { timer = (nil, MonotonicTime(nanoseconds: 0)) }
            return timer.id
        }
        Reactor.current.cancel(timer: scheduled)
    }
}
