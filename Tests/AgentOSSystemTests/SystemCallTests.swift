// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Synchronization
import Testing

@testable import AgentOSSystem

@Suite("SystemCall")
struct SystemCallTests {
    private func send(_ descriptor: OwnedDescriptor, _ bytes: [UInt8]) throws -> Int {
        try bytes.withUnsafeBytes { try SystemCall.send(descriptor.number, $0) }
    }

    private func receive(_ descriptor: OwnedDescriptor, _ count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = try buffer.withUnsafeMutableBytes { try SystemCall.receive(descriptor.number, into: $0) }
        return Array(buffer[..<got])
    }

    private func read(_ descriptor: OwnedDescriptor, _ count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = try buffer.withUnsafeMutableBytes { try SystemCall.read(descriptor.number, into: $0) }
        return Array(buffer[..<got])
    }

    @Test("sockets, pipes and event descriptors are closed in programs that are started")
    func closeOnExec() throws {
        let sockets = try SystemCall.socketPair()
        let pipe = try SystemCall.pipe()
        let event = try SystemCall.eventDescriptor()
        for descriptor in [sockets.ours, sockets.theirs, pipe.read, pipe.write, event] {
            #expect(fcntl(descriptor.number, F_GETFD) == FD_CLOEXEC)
        }
        // The child's ends block, as a program expects of its standard input.
        #expect(fcntl(sockets.theirs.number, F_GETFL) & O_NONBLOCK == 0)
    }

    @Test("a socket carries bytes both ways, and says when there are none")
    func sockets() throws {
        let pair = try SystemCall.socketPair()
        #expect(throws: SystemError.wouldBlock) { try receive(pair.ours, 8) }
        #expect(try send(pair.ours, [1, 2, 3]) == 3)
        #expect(try receive(pair.theirs, 2) == [1, 2])
        #expect(try receive(pair.theirs, 2) == [3])
        #expect(try send(pair.theirs, [4]) == 1)
        #expect(try receive(pair.ours, 8) == [4])
    }

    @Test("a full socket would block, and takes again what was made room for")
    func full() throws {
        let pair = try SystemCall.socketPair()
        let chunk = [UInt8](repeating: 7, count: 65_536)
        var sent = 0
        #expect(throws: SystemError.wouldBlock) { while true { sent += try send(pair.ours, chunk) } }
        #expect(sent >= 65_536)
        var got = 0
        while got < sent { got += try receive(pair.theirs, 1 << 20).count }
        #expect(got == sent)
        #expect(try send(pair.ours, [1]) == 1)
    }

    @Test("sending to a peer that has gone is an error and no signal")
    func closedPeer() throws {
        let ours = try SystemCall.socketPair().ours
        #expect(throws: SystemError(EPIPE)) { try send(ours, [1]) }
        #expect(try receive(ours, 8).isEmpty)
    }

    @Test("ending the writing half is end of file for the peer, who may go on writing")
    func endWriting() throws {
        let pair = try SystemCall.socketPair()
        _ = try send(pair.ours, [1])
        SystemCall.endWriting(pair.ours.number)
        #expect(try receive(pair.theirs, 8) == [1])
        #expect(try receive(pair.theirs, 8).isEmpty)
        #expect(throws: SystemError(EPIPE)) { try send(pair.ours, [1]) }
        #expect(try send(pair.theirs, [2]) == 1)
        #expect(try receive(pair.ours, 8) == [2])
    }

    @Test("wrong descriptors are errors")
    func badDescriptor() {
        var byte: [UInt8] = [0]
        #expect(throws: SystemError(EBADF)) { try byte.withUnsafeBytes { try SystemCall.send(-1, $0) } }
        #expect(throws: SystemError(EBADF)) {
            try byte.withUnsafeMutableBytes { try SystemCall.receive(-1, into: $0) }
        }
        #expect(throws: SystemError(EBADF)) {
            try byte.withUnsafeMutableBytes { try SystemCall.read(-1, into: $0) }
        }
    }

    @Test("an event descriptor is readable from the signal to the clearing, however many signals there were")
    func events() throws {
        let event = try SystemCall.eventDescriptor()
        let other = try SystemCall.eventDescriptor()
        let third = try SystemCall.eventDescriptor()
        func ready(_ last: Int32?) -> (first: Bool, second: Bool, third: Bool) {
            SystemCall.waitReadable(event.number, other.number, last, until: .now)
        }
        #expect(ready(third.number) == (false, false, false))
        SystemCall.signalEvent(event.number)
        SystemCall.signalEvent(event.number)
        #expect(ready(third.number) == (true, false, false))
        SystemCall.signalEvent(other.number)
        SystemCall.signalEvent(third.number)
        #expect(ready(third.number) == (true, true, true))
        #expect(ready(nil) == (true, true, false))
        SystemCall.clearEvent(event.number)
        #expect(ready(third.number) == (false, true, true))
        SystemCall.clearEvent(other.number)
        // There is nothing to clear: it returns all the same.
        SystemCall.clearEvent(other.number)
        #expect(ready(nil) == (false, false, false))
    }

    @Test("a wait ends with its time or with the event, whichever comes first")
    func waiting() throws {
        let event = try SystemCall.eventDescriptor()
        let before = MonotonicTime.now
        SystemCall.waitReadable(event.number, until: before.adding(20_000_000))
        #expect(MonotonicTime.now.since(before) >= 20_000_000)
        try NamedThread.start("aos-signal") { SystemCall.signalEvent(event.number) }
        SystemCall.waitReadable(event.number, until: nil)
        let both = SystemCall.waitReadable(event.number, event.number, nil, until: before.adding(.max))
        #expect(both == (true, true, false))
    }

    /// Runs of the handler of `interrupted`.
    private static let handled: Atomic<Int> = Atomic(0)

    /// Sends a signal to a thread that sleeps in its read, and waits until it is handled.
    private static func interrupt(_ reader: (thread: pthread_t, observed: ObservedThread?)?) {
        guard let reader else { return }
        let before = handled.load(ordering: .relaxed)
        #expect(Parallel.waits { reader.observed?.sleeps(.inRead) == true })
        pthread_kill(reader.thread, SIGUSR1)
        #expect(Parallel.waits { handled.load(ordering: .relaxed) == before + 1 })
    }

    @Test("a signal interrupts no reading: bytes are waited for, and none is lost")
    func interrupted() throws {
        try FreshProcess.run("SystemCallTests/interrupted") {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in
                SystemCallTests.handled.add(1, ordering: .relaxed)
            }
            // Without SA_RESTART: a blocked call returns EINTR.
            sigaction(SIGUSR1, &action, nil)
            let pipe = try SystemCall.pipe()
            #expect(Self.handled.load(ordering: .relaxed) == 0)
            let reader = Lock<(pthread_t, ObservedThread?)?>(nil)
            let found = Lock<[UInt8]>([])
            Parallel.run(2) { index in
                if index == 0 {
                    // The threads that tests run on block every signal, and this one has its mask from them.
                    var signals = sigset_t()
                    sigemptyset(&signals)
                    sigaddset(&signals, SIGUSR1)
                    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                    reader.withLock { $0 = (pthread_self(), .current) }
                    for _ in 0..<20 {
                        let bytes = (try? read(pipe.read, 1)) ?? []
                        found.withLock { $0 += bytes }
                    }
                    return
                }
                _ = Parallel.waits { reader.withLock { $0 != nil } }
                for var next in 0..<20 as Range<UInt8> {
                    for _ in 0..<10 { Self.interrupt(reader.withLock { $0 }) }
                    write(pipe.write.number, &next, 1)
                }
            }
            #expect(found.withLock { $0 } == Array(0..<20))
            #expect(Self.handled.load(ordering: .relaxed) == 200)
        }
    }
}
