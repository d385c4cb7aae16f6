// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSSystem

@Suite("NamedThread")
struct NamedThreadTests {
    /// What /proc says about a thread started with this name: its name, and the signals that it blocks.
    private func started(_ name: String) throws -> (name: String, blocked: UInt64) {
        let status = Lock<[UInt8]?>(nil)
        try NamedThread.start(name) {
            let found = try? readFile("/proc/thread-self/status")
            status.withLock { $0 = found ?? [] }
        }
        #expect(Parallel.waits { status.withLock { $0 != nil } })
        let lines = String(decoding: status.withLock { $0 ?? [] }, as: UTF8.self).split(separator: "\n")
        func field(_ name: String) -> Substring {
            lines.first { $0.hasPrefix("\(name):\t") }?.dropFirst(name.count + 2) ?? ""
        }
        return (String(field("Name")), UInt64(field("SigBlk"), radix: 16) ?? 0)
    }

    @Test("a thread has its name, and blocks every signal that can be blocked")
    func nameAndSignals() throws {
        let thread = try started("aos-test")
        #expect(thread.name == "aos-test")
        // Not SIGKILL and SIGSTOP, and not the two that the C library keeps for itself.
        let unblockable: UInt64 = 1 << 8 | 1 << 18 | 1 << 31 | 1 << 32
        #expect(thread.blocked == ~unblockable)
    }

    @Test("of a name 15 bytes are kept")
    func longName() throws { #expect(try started("aos-0123456789-and-more").name == "aos-0123456789-") }

    @Test("whoever starts a thread keeps its own signal mask")
    func mask() throws {
        var before = sigset_t()
        var after = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &before)
        try NamedThread.start("aos-mask") {}
        pthread_sigmask(SIG_BLOCK, nil, &after)
        for signal in 1...64 {
            #expect(sigismember(&before, Int32(signal)) == sigismember(&after, Int32(signal)))
        }
    }

    @Test("the body and what it holds are gone when it has run")
    func lifetime() throws {
        final class Held: Sendable {}
        weak var weakHeld: Held?
        try {
            let held = Held()
            weakHeld = held
            try NamedThread.start("aos-held") { withExtendedLifetime(held) {} }
        }()
        #expect(Parallel.waits { weakHeld == nil })
    }

    @Test("a thread's role nests, and is its own")
    func role() {
        #expect(!ThreadRole.isReader)
        #expect(ThreadRole.callbackSubject == nil)
        ThreadRole.asReader {
            #expect(ThreadRole.isReader)
            #expect(ThreadRole.callbackSubject == nil)
            ThreadRole.insideCallback(of: 7) {
                #expect(ThreadRole.isReader)
                #expect(ThreadRole.callbackSubject == 7)
                ThreadRole.insideCallback(of: 8) { #expect(ThreadRole.callbackSubject == 8) }
                ThreadRole.asReader { #expect(ThreadRole.callbackSubject == 7) }
                #expect(ThreadRole.callbackSubject == 7)
                Parallel.run(1) { _ in
                    #expect(!ThreadRole.isReader)
                    #expect(ThreadRole.callbackSubject == nil)
                }
            }
            #expect(ThreadRole.callbackSubject == nil)
        }
        #expect(!ThreadRole.isReader)
        #expect(ThreadRole.insideCallback(of: 0) { ThreadRole.callbackSubject } == 0)
    }
}
