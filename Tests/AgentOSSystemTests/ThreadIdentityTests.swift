// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@testable import AgentOSSystem

@Suite("ThreadIdentity")
struct ThreadIdentityTests {
    @Test("a thread is itself, and no other one")
    func identity() {
        let here = Lock<ThreadIdentity?>(nil)
        let other = Lock<ThreadIdentity?>(nil)
        Parallel.run(1) { _ in
            here.withLock { $0 = .current }
            #expect(here.withLock { $0 } == ThreadIdentity.current)
            Parallel.run(1) { _ in other.withLock { $0 = .current } }
            #expect(other.withLock { $0 } != ThreadIdentity.current)
        }
    }
}
