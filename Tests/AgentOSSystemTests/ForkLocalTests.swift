// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSSystem

@Suite("ForkLocal")
struct ForkLocalTests {
    private final class Object: Sendable {}

    @Test("threads that race for the object get one and the same")
    func race() {
        for _ in 0..<200 {
            let local = ForkLocal { Object() }
            let found = Lock<[ObjectIdentifier]>([])
            Parallel.run(4) { _ in
                let object = local.current
                found.withLock { $0.append(ObjectIdentifier(object)) }
            }
            #expect(found.withLock { $0.count } == 4)
            #expect(Set(found.withLock { $0 }) == [ObjectIdentifier(local.current)])
        }
    }

    @Test("a forked child makes an object of its own, once, and the parent keeps its own")
    func forkedChild() throws {
        try FreshProcess.run("ForkLocalTests/forkedChild") {
            ForkGeneration.register(ForkGeneration.Handlers(prepare: {}, parent: {}, child: {}))
            let local = ForkLocal { Object() }
            let here = local.current
            let status = forked { local.current !== here && local.current === local.current ? 42 : 1 }
            #expect(status == 42)
            #expect(local.current === here)
        }
    }
}
