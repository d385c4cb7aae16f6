// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("Reactor")
struct ReactorTests {
    @Test("actions run on the I/O thread, in the order of their times, not before them")
    func schedule() {
        let ran = Lock<[(Int, MonotonicTime)]>([])
        let start = MonotonicTime.now
        for (index, delay) in [30, 10, 20, 0].enumerated() {
            _ = Reactor.current.schedule(start.adding(UInt64(delay) * 1_000_000)) {
                #expect(ThreadRole.isReader)
                ran.withLock { $0.append((index, .now)) }
            }
        }
        #expect(Parallel.waits { ran.withLock { $0.count } == 4 })
        let found = ran.withLock { $0 }
        #expect(found.map(\.0) == [3, 1, 2, 0])
        for (index, delay) in [0, 10, 20, 30].enumerated() {
            #expect(found[index].1.since(start) >= UInt64(delay) * 1_000_000)
        }
    }

    @Test("an earlier action than all others wakes a thread that sleeps for a later one")
    func earlier() throws {
        // Nobody else gives the thread a reason to wake.
        try FreshProcess.run("ReactorTests/earlier") {
            let far = Reactor.current.schedule(.now.adding(3_600_000_000_000)) {}
            for _ in 0..<20 {
                #expect(Parallel.waits { ObservedThread.named("aos-io").contains { $0.sleeps(.onEvents) } })
                let ran = Lock(false)
                _ = Reactor.current.schedule(.now.adding(1_000_000)) { ran.withLock { $0 = true } }
                #expect(Parallel.waits { ran.withLock { $0 } })
            }
            Reactor.current.cancel(timer: far)
        }
    }

    @Test("what is cancelled does not run")
    func cancel() {
        let ran = Lock(0)
        let start = MonotonicTime.now
        let timers = (0..<100).map { _ in
            Reactor.current.schedule(start.adding(200_000_000)) { ran.withLock { $0 += 1 } }
        }
        for timer in timers { Reactor.current.cancel(timer: timer) }
        let last = Lock(false)
        _ = Reactor.current.schedule(start.adding(210_000_000)) { last.withLock { $0 = true } }
        #expect(Parallel.waits { last.withLock { $0 } })
        #expect(ran.withLock { $0 } == 0)
        Reactor.current.cancel(timer: nil)
    }

    @Test("jobs from many threads all run, once")
    func perform() throws {
        let ran = Lock(0)
        Parallel.run(8) { _ in
            for _ in 0..<500 { Reactor.current.perform { ran.withLock { $0 += 1 } } }
        }
        #expect(Parallel.waits { ran.withLock { $0 } >= 4000 })
        try Reactor.current.fence()
        #expect(ran.withLock { $0 } == 4000)
    }

    @Test("a source is told that it can be read, again as long as it can, and not after its removal")
    func readable() throws {
        let event = try SystemCall.eventDescriptor()
        let source = CountingSource()
        let token = try Reactor.current.add(event.number, .readable, source)
        SystemCall.signalEvent(event.number)
        #expect(Parallel.waits { source.count >= 3 })
        #expect(source.calls.withLock { $0.allSatisfy { $0.readable && !$0.writable } })
        Reactor.current.remove(token)
        try Reactor.current.fence()
        let count = source.count
        try Reactor.current.fence()
        #expect(source.count == count)
        Reactor.current.remove(token)
        Reactor.current.change(token, .readable)
        try Reactor.current.fence()
        #expect(source.count == count)
    }

    @Test("an interest that is empty reports nothing, not even a hang-up; a changed one reports what it says")
    func change() throws {
        let pair = try SystemCall.socketPair()
        let source = CountingSource()
        let token = try Reactor.current.add(pair.ours.number, [], source)
        SystemCall.endWriting(pair.theirs.number)
        SystemCall.endWriting(pair.ours.number)
        try Reactor.current.fence()
        #expect(source.count == 0)
        Reactor.current.change(token, .readable)
        #expect(Parallel.waits { source.count > 0 })
        Reactor.current.change(token, [])
        try Reactor.current.fence()
        let count = source.count
        try Reactor.current.fence()
        #expect(source.count == count)
        Reactor.current.remove(token)
    }

    @Test("a thread that got its turn late tells of each ready descriptor before it says that a time is over")
    func late() throws {
        let watched = try (0..<150).map { _ in
            let event = try SystemCall.eventDescriptor()
            let source = CountingSource()
            return (event, source, try Reactor.current.add(event.number, .readable, source))
        }
        let isHeld = Lock(false)
        let isFree = Lock(false)
        Reactor.current.perform {
            isHeld.withLock { $0 = true }
            #expect(Parallel.waits { isFree.withLock { $0 } })
        }
        #expect(Parallel.waits { isHeld.withLock { $0 } })
        let told = Lock<Int?>(nil)
        let deadline = MonotonicTime.now.adding(1_000_000)
        _ = Reactor.current.schedule(deadline) {
            told.withLock { $0 = watched.count { $0.1.count > 0 } }
        }
        for (event, _, _) in watched { SystemCall.signalEvent(event.number) }
        #expect(Parallel.waits { MonotonicTime.now > deadline })
        isFree.withLock { $0 = true }
        #expect(Parallel.waits { told.withLock { $0 != nil } })
        #expect(told.withLock { $0 } == 150)
        for (_, _, token) in watched { Reactor.current.remove(token) }
    }

    @Test("a descriptor that is none cannot be watched")
    func badDescriptor() {
        #expect(throws: SystemError(EBADF)) { try Reactor.current.add(-1, .readable, CountingSource()) }
    }

    @Test("the thread ends when nothing is left and starts again, with all descriptors back each time")
    func thread() throws {
        try FreshProcess.run("ReactorTests/thread") {
            func threads() throws -> Int { try threadNames().count { $0 == "aos-io" } }
            let before = try openDescriptors()
            #expect(try threads() == 0)
            for _ in 0..<50 {
                let ran = Lock(false)
                _ = Reactor.current.schedule(.now) { ran.withLock { $0 = true } }
                #expect(Parallel.waits { ran.withLock { $0 } })
                #expect(try Parallel.waits { try threads() == 0 })
            }
            let event = try SystemCall.eventDescriptor()
            let token = try Reactor.current.add(event.number, .readable, CountingSource())
            #expect(try Parallel.waits { try threads() == 1 })
            let far = Reactor.current.schedule(.now.adding(3_600_000_000_000)) {}
            let thread = try #require(ObservedThread.named("aos-io").first)
            Reactor.current.remove(token)
            // It has looked for an end behind that job, and sleeps on for the timer that is left.
            let ran = Lock<ObservedThread?>(nil)
            Reactor.current.perform { ran.withLock { $0 = .current } }
            #expect(Parallel.waits { ran.withLock { $0 != nil } })
            #expect(ran.withLock { $0 } == thread)
            #expect(Parallel.waits { !thread.isThere || thread.sleeps(.onEvents) })
            #expect(thread.isThere)
            #expect(try threads() == 1)
            Reactor.current.cancel(timer: far)
            #expect(try Parallel.waits { try threads() == 0 })
            withExtendedLifetime(event) {}
            #expect(try Parallel.waits { try openDescriptors().count == before.count + 1 })
        }
    }

    @Test("threads that start and end it all the time lose no job")
    func restarts() throws {
        try FreshProcess.run("ReactorTests/restarts") {
            let ran = Lock(0)
            Parallel.run(4) { index in
                var generator = SeededGenerator(seed: UInt64(index))
                for round in 0..<1500 {
                    let mine = Lock(false)
                    let job: @Sendable () -> Void = {
                        mine.withLock { $0 = true }
                        ran.withLock { $0 += 1 }
                    }
                    if Bool.random(using: &generator) {
                        Reactor.current.perform(job)
                    } else {
                        _ = Reactor.current.schedule(.now, job)
                    }
                    if round % 3 == 0, !Parallel.waits(for: { mine.withLock { $0 } }) {
                        Issue.record("a job was lost")
                        return
                    }
                }
            }
            #expect(Parallel.waits { ran.withLock { $0 } == 6000 })
        }
    }
}
