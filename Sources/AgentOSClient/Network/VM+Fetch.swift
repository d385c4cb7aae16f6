// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension VM {
    /// The sidecar's own limit is 30 s, during which it does nothing else.
    private static let fetchLimit: UInt64 = 35_000_000_000
    private static let firstPause: UInt64 = 10_000_000
    private static let longestPause: UInt64 = 250_000_000

    /// Sends a request to a program in the VM that serves HTTP. One at a time on a connection, in order.
    package func fetch(_ request: FetchRequest) throws(ClientError) -> Steps<FetchResponse> {
        try check()
        // Here, so that the call itself is refused; what tries again later has its place already.
        try connection.fetches.checkRoom()
        let deadline = MonotonicTime.now.adding(request.waitForListener)
        return Steps<FetchResponse>.loop(Self.firstPause) { [self] pause in
            fetchOnce(request).map { .done($0) }.recover { error throws(ClientError) in
                // Not yet there: only that is tried again.
                guard error.kind == .fetchNoListener, MonotonicTime.now < deadline else { throw error }
                let rest = max(deadline.since(.now), 1)
                return Steps<Void>.pause(min(pause, rest)).map { .again(min(pause * 2, Self.longestPause)) }
            }
        }.during("fetch")
    }

    private func fetchOnce(_ request: FetchRequest) -> Steps<FetchResponse> {
        let steps = self.request(.vmFetch(request.wire), limit: Self.fetchLimit) { body in
            if case .payload(.vmFetchResult(let result)) = body { return result.responseJson }
            return nil
        }
        return connection.fetches.enqueue(steps).map { text throws(ClientError) in
            try FetchResponse(text)
        }.recover { error throws(ClientError) in throw Self.fetchError(error) }
    }

    /// Failures that a program must be able to tell apart, by the fixed parts of their texts (network.md 2.5).
    private static func fetchError(_ error: ClientError) -> ClientError {
        guard error.kind == .kernel else { return error }
        let kinds: KeyValuePairs<String, ClientError.Kind> = [
            "vm.fetch could not find a guest HTTP listener on port": .fetchNoListener,
            "HTTP loopback request timed out waiting for net.http_respond": .fetchTimeout,
            "HTTP loopback server exited before responding": .fetchServerExited,
        ]
        guard let kind = kinds.first(where: { error.message.containsBytes(of: $0.key) })?.value else {
            return error
        }
        return ClientError(kind, error.message) { $0 = error.detail }
    }
}

/// Fetches of one connection: while one is under way the sidecar does nothing else.
final class FetchQueue: Sendable {
    private static let limit: Int = 1024

    private let queue: OrderedQueue = OrderedQueue()
    private let waiting: Lock<Int> = Lock(0)

    func checkRoom() throws(ClientError) {
        if waiting.withLock({ $0 < Self.limit }) { return }
        throw ClientError(.busy, "\(Self.limit) fetches wait already: try again later")
    }

    func enqueue<Output: Sendable>(_ steps: Steps<Output>) -> Steps<Output> {
        Steps { [self] run, end in
            waiting.withLock { $0 += 1 }
            queue.enqueue(steps).run(run) { [self] result in
                waiting.withLock { $0 -= 1 }
                end(result)
            }
        }
    }
}
