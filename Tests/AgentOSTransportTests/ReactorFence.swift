// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSTransport

/// Whom the reactor calls, and how often.
final class CountingSource: ReactorSource {
    let calls: Lock<[(readable: Bool, writable: Bool)]> = Lock([])
    func descriptorReady(readable: Bool, writable: Bool) {
        calls.withLock { $0.append((readable, writable)) }
    }
    var count: Int { calls.withLock { $0.count } }
}

extension Reactor {
    /// Returns when all that was ready before, or was put in before, has been told: what is ready is told in
    /// turn, and a round is over when a job runs.
    func fence() throws {
        let event = try SystemCall.eventDescriptor()
        let source = CountingSource()
        let token = try add(event.number, .readable, source)
        SystemCall.signalEvent(event.number)
        #expect(Parallel.waits { source.count > 0 })
        remove(token)
        let isThrough = Lock(false)
        perform { isThrough.withLock { $0 = true } }
        #expect(Parallel.waits { isThrough.withLock { $0 } })
    }
}
