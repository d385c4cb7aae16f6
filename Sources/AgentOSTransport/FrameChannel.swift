// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
package import AgentOSWire

/// Why no more frames come from a channel.
package enum ChannelEnd: Sendable {
    /// End of file; inside a frame it says how much of it was there.
    case endOfFile(torn: (got: Int, wanted: Int)?)
    case readFailed(SystemError)
    case badFrame(FrameError)
}

/// Who gets what a channel reads. Called by whoever reads, by one thread at a time, in the order of the wire.
package protocol FrameReceiver: AnyObject, Sendable {
    func received(_ frames: [InboundFrame])
    func channelEnded(_ end: ChannelEnd)
    func writingFailed(_ error: SystemError)
}

/// Frames to and from the child: a socket for each direction, sent on the caller's thread where that is possible.
package final class FrameChannel: Sendable {
    private enum Side { case input, output }

    /// Watches one of the two sockets: the reactor tells sources apart by object.
    private final class Watcher: ReactorSource {
        private let ready: @Sendable () -> Void
        init(_ ready: @escaping @Sendable () -> Void) { self.ready = ready }
        func descriptorReady(readable: Bool, writable: Bool) { ready() }
    }

    private struct Outgoing: Sendable {
        var queue = WriteQueue()
        var nextID: Int64 = 1
        var isClosed = false
    }

    private struct Watches: Sendable {
        var input: UInt64?
        var output: UInt64?
    }

    /// Reads of one turn of the I/O thread: two sidecars must not slow each other.
    private static let readsPerTurn = 4
    private static let tickNanoseconds: UInt64 = 1_000_000

    private let output: OwnedDescriptor
    private let input: OwnedDescriptor
    private let interrupt: OwnedDescriptor
    private let role: Lock<ReaderRole> = Lock(ReaderRole())
    /// Nil while it is in use, and after the end.
    private let splitter: Lock<FrameSplitter?>
    private let limit: Lock<Int>
    private let outgoing: Lock<Outgoing> = Lock(Outgoing())
    private let watches: Lock<Watches> = Lock(Watches())
    private let receiver: Lock<(any FrameReceiver)?> = Lock(nil)
    private let lastInbound: Lock<MonotonicTime> = Lock(.now)

    /// `output` is where we write, `input` where we read.
    package init(output: OwnedDescriptor, input: OwnedDescriptor, limit: Int) throws(SystemError) {
        self.output = output
        self.input = input
        interrupt = try SystemCall.eventDescriptor()
        splitter = Lock(FrameSplitter(limit: limit))
        self.limit = Lock(limit)
    }

    package func start(_ receiver: any FrameReceiver) throws(SystemError) {
        self.receiver.withLock { $0 = receiver }
        let reading = Watcher { [weak self] in self?.readOnIOThread() }
        let writing = Watcher { [weak self] in self?.writable() }
        let read = try Reactor.current.add(input.number, [], reading)
        let write: UInt64
        do { write = try Reactor.current.add(output.number, [], writing) } catch {
            Reactor.current.remove(read)
            throw error
        }
        watches.withLock { $0 = Watches(input: read, output: write) }
        takeOverByIOThread()
    }

    /// The largest payload to accept and to send, once the peer has told it.
    package func setLimit(receiving: Int) { limit.withLock { $0 = receiving } }

    package var lastInboundTime: MonotonicTime { lastInbound.withLock { $0 } }

    // MARK: Sending

    package enum SendOutcome: Sendable { case sent(id: Int64), closed }

    /// Numbers a request frame, registers it, and sends it or leaves it to be sent, all in one order.
    ///
    /// `register` runs under the lock that orders frames: it may refuse, and must not call out.
    package func send(_ parts: [[UInt8]], register: (Int64) -> Bool) -> SendOutcome {
        let id: Int64? = outgoing.withLock { outgoing in
            guard !outgoing.isClosed, register(outgoing.nextID) else { return nil }
            let id = outgoing.nextID
            outgoing.nextID += 1
            var frame = OutgoingFrame(id: id, parts: parts)
            frame.setRequestID(id)
            outgoing.queue.append(frame)
            return id
        }
        guard let id else { return .closed }
        flush()
        return .sent(id: id)
    }

    /// Sends an answer to a callback, in front of requests; not at all after `expires`.
    package func sendUrgently(_ bytes: [UInt8], expires: MonotonicTime?) {
        outgoing.withLock { outgoing in
            guard !outgoing.isClosed else { return }
            var frame = OutgoingFrame(id: 0, parts: [bytes])
            frame.isUrgent = true
            frame.expires = expires
            outgoing.queue.append(frame)
        }
        flush()
    }

    /// Takes a request back of which nothing is written yet.
    package func withdraw(_ id: Int64) -> Bool { outgoing.withLock { $0.queue.withdraw(id) } }

    private func flush() {
        while let batch = outgoing.withLock({ $0.queue.take(.now) }) {
            var sent = 0
            var isFull = false
            var failure: SystemError?
            send: for chunk in batch.chunks {
                var offset = 0
                while offset < chunk.count {
                    do throws(SystemError) {
                        let count = try chunk.withUnsafeBytesTyped { (bytes) throws(SystemError) in
                            try SystemCall.send(output.number, UnsafeRawBufferPointer(rebasing: bytes[offset...]))
                        }
                        offset += count
                        sent += count
                    } catch {
                        if error == .wouldBlock { isFull = true } else { failure = error }
                        break send
                    }
                }
            }
            let more = outgoing.withLock { $0.queue.finish(batch, sent: sent, isFull: isFull || failure != nil) }
            if let failure { return writingFailed(failure) }
            if isFull {
                if let watch = watches.withLock({ $0.output }) { Reactor.current.change(watch, .writable) }
                return
            }
            if !more { return endWritingIfIdle() }
        }
    }

    private func writable() {
        if let watch = watches.withLock({ $0.output }) { Reactor.current.change(watch, []) }
        outgoing.withLock { $0.queue.unblock() }
        flush()
        endWritingIfIdle()
    }

    private func writingFailed(_ error: SystemError) {
        outgoing.withLock { outgoing in
            outgoing.isClosed = true
            outgoing.queue.close()
        }
        receiver.withLock { $0 }?.writingFailed(error)
    }

    /// No frame goes in any more. What was begun is finished, then the peer sees end of file.
    package func endWriting() {
        outgoing.withLock { outgoing in
            outgoing.isClosed = true
            outgoing.queue.close()
        }
        endWritingIfIdle()
    }

    private func endWritingIfIdle() {
        let mayEnd = outgoing.withLock { $0.isClosed && !$0.queue.hasBegunFrame }
        if mayEnd { SystemCall.endWriting(output.number) }
    }

    /// Ends the writing half even in the middle of a frame.
    package func forceEndOfWriting() { SystemCall.endWriting(output.number) }

    /// Frames in the queue, and answers that were dropped because they were late: for diagnostics.
    package var queuedBytes: Int { outgoing.withLock { $0.queue.queuedBytes } }
    package var expiredFrames: Int { outgoing.withLock { $0.queue.expiredFrames } }

    // MARK: Reading

    /// Waits for `word`, reading the channel meanwhile if nobody else does. False when the time was over first.
    package func wait(_ word: WakeWord, until deadline: MonotonicTime?) -> Bool {
        var entry = role.withLock { $0.enter(word) }
        while true {
            switch entry {
            case .read(let disarm):
                if disarm, let watch = watches.withLock({ $0.input }) { Reactor.current.change(watch, []) }
                let isOver = ThreadRole.asReader { readUntil(word, deadline) }
                leave()
                if isOver { return word.isDone }
                // The channel has ended: what remains is a matter of time.
                return word.sleep(until: deadline) == .done
            case .sleep:
                let signal = word.sleep(until: deadline)
                guard role.withLock({ $0.awake(word) }) else { return signal == .done }
                if signal == .done || signal == .none {
                    leave()
                    return word.isDone
                }
                entry = .read(disarm: role.withLock { $0.disarmForWaiter() })
            }
        }
    }

    /// True when the word is done or the time is over, false when the channel has ended.
    private func readUntil(_ word: WakeWord, _ deadline: MonotonicTime?) -> Bool {
        while true {
            if word.isDone { return true }
            let ready = SystemCall.waitReadable(input.number, or: interrupt.number, until: deadline)
            if ready.second { SystemCall.clearEvent(interrupt.number) }
            if ready.first, !readOnce() { return false }
            if word.isDone { return true }
            if let deadline, deadline <= .now { return true }
        }
    }

    private func leave() {
        switch role.withLock({ $0.leave() }) {
        case .handOver(let word): word.wake(.read)
        case .tick: scheduleTick()
        case .nothing: break
        }
    }

    private func scheduleTick() {
        let timer = Reactor.current.schedule(.now.adding(Self.tickNanoseconds)) { [weak self] in self?.tick() }
        if timer == nil { takeOverByIOThread() }
    }

    private func tick() {
        switch role.withLock({ $0.tick() }) {
        case .some(true): armInput()
        case .some(false): break
        case .none: scheduleTick()
        }
    }

    /// The I/O thread reads from now on, unless a waiter does. For calls that nobody waits for.
    package func takeOverByIOThread() {
        if role.withLock({ $0.arm() }) { armInput() }
    }

    private func armInput() {
        if let watch = watches.withLock({ $0.input }) { Reactor.current.change(watch, .readable) }
    }

    /// Ends the wait of whoever waits for `word`, also if it is reading here on another thread.
    package func finish(_ word: WakeWord) {
        word.wake(.done)
        guard !word.isOfThisThread else { return }
        if role.withLock({ $0.readingWaiter === word }) { SystemCall.signalEvent(interrupt.number) }
    }

    private func interruptReader() {
        if role.withLock({ $0.readingWaiter != nil }) { SystemCall.signalEvent(interrupt.number) }
    }

    private func readOnIOThread() {
        guard role.withLock({ $0.enterAsIOThread() }) else { return }
        for _ in 0..<Self.readsPerTurn where !readOnce(onlyIfReady: true) { break }
        switch role.withLock({ $0.leave() }) {
        case .handOver(let word):
            if role.withLock({ $0.disarmForWaiter() }), let watch = watches.withLock({ $0.input }) {
                Reactor.current.change(watch, [])
            }
            word.wake(.read)
        case .tick: scheduleTick()
        case .nothing: break
        }
    }

    /// One read and the frames in it. False when there was nothing (if asked so), or the channel has ended.
    private func readOnce(onlyIfReady: Bool = false) -> Bool {
        guard var splitter = splitter.withLock({ $0.take() }) else { return false }
        splitter.limit = limit.withLock { $0 }
        let end: ChannelEnd
        do throws(SystemError) {
            let count = try splitter.read { (buffer) throws(SystemError) in
                try SystemCall.receive(input.number, into: buffer)
            }
            if count > 0 {
                lastInbound.withLock { $0 = .now }
                let batch = splitter.frames()
                // Back before the frames are given out: what they set off may read the channel's state.
                if batch.error == nil { self.splitter.withLock { $0 = splitter } }
                let receiver = receiver.withLock { $0 }
                if !batch.frames.isEmpty { receiver?.received(batch.frames) }
                guard let error = batch.error else { return !onlyIfReady || count >= 32 * 1024 }
                end = .badFrame(error)
            } else {
                end = .endOfFile(torn: splitter.torn)
            }
        } catch {
            if error == .wouldBlock {
                self.splitter.withLock { $0 = splitter }
                return !onlyIfReady
            }
            end = .readFailed(error)
        }
        stopReading()
        receiver.withLock { $0 }?.channelEnded(end)
        return false
    }

    /// Nothing more is read. What was not whole is gone.
    package func stopReading() {
        splitter.withLock { $0 = nil }
        if let watch = watches.withLock({ watches in watches.input.take() }) { Reactor.current.remove(watch) }
    }

    /// Ends all of it; the descriptors close with the last reference.
    package func stop() {
        stopReading()
        if let watch = watches.withLock({ watches in watches.output.take() }) { Reactor.current.remove(watch) }
        receiver.withLock { $0 = nil }
        interruptReader()
    }
}

extension Array where Element == UInt8 {
    /// `withUnsafeBytes` with a typed error.
    func withUnsafeBytesTyped<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let result: Swift.Result<Result, Failure> = withUnsafeBytes { bytes in
            do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
