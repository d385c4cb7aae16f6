// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSSystem

/// Forks a process that runs this one test and nothing else, and gives the status of the child, in which
/// `body` has decided it. Swift hides `fork`, for good reasons; here it is what is tested.
func forked(_ body: () -> Int32) -> Int32 {
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = dlsym(nil, "fork") else { return -1 }
    let pid = unsafeBitCast(symbol, to: Fork.self)()
    if pid == 0 { _exit(body()) }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    return status & 0x7F == 0 ? status >> 8 & 0xFF : -2
}

@Suite("ForkGeneration")
struct ForkGenerationTests {
    @Test(
        "a forked child is of the next generation, its child of the one after; handlers run around each fork"
    )
    func generations() throws {
        try FreshProcess.run("ForkGenerationTests/generations") {
            let events = Lock<[String]>([])
            #expect(ForkGeneration.current == 1)
            for name in ["a", "b"] {
                ForkGeneration.register(
                    ForkGeneration.Handlers(
                        prepare: { events.withLock { $0.append("prepare \(name)") } },
                        parent: { events.withLock { $0.append("parent \(name)") } },
                        child: { events.withLock { $0.append("child \(name)") } }
                    )
                )
            }
            let status = forked {
                guard ForkGeneration.current == 2,
                    events.withLock({ $0 }) == ["prepare a", "prepare b", "child a", "child b"]
                else { return 1 }
                return forked { ForkGeneration.current == 3 ? 42 : 1 }
            }
            #expect(status == 42)
            #expect(ForkGeneration.current == 1)
            #expect(events.withLock { $0 } == ["prepare a", "prepare b", "parent a", "parent b"])
        }
    }

    @Test("in a forked child a descriptor of the parent is not closed when its owner goes")
    func descriptors() throws {
        try FreshProcess.run("ForkGenerationTests/descriptors") {
            ForkGeneration.register(ForkGeneration.Handlers(prepare: {}, parent: {}, child: {}))
            var owner: OwnedDescriptor? = try SystemCall.eventDescriptor()
            let number = try #require(owner?.number)
            let status = forked {
                owner = nil
                return fcntl(number, F_GETFD) >= 0 ? 42 : 1
            }
            #expect(status == 42)
            owner = nil
            #expect(fcntl(number, F_GETFD) == -1)
        }
    }
}
