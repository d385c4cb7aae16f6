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
    /// Requests that were sent and have no answer yet.
    var unanswered: Int { get }
    func received(_ frames: [InboundFrame])
    func channelEnded(_ end: ChannelEnd)
    func writingFailed(_ error: SystemError)
}

/// Frames to and from the child: a socket for each direction, sent on the caller's thread where that is
/// possible.
package final class FrameChannel: Sendable {
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

    struct Watches: Sendable {
        var input: UInt64?
        var output: UInt64?
    }

    private static let partsAtOnce = 16

    private let output: OwnedDescriptor
    let input: OwnedDescriptor
    let interrupt: OwnedDescriptor
    let role: Lock<ReaderRole> = Lock(ReaderRole())
    /// Nil while it is in use, and after the end.
    let splitter: Lock<FrameSplitter?>
    let limit: Lock<Int>
    private let outgoing: Lock<Outgoing> = Lock(Outgoing())
    let watches: Lock<Watches> = Lock(Watches())
    let receiver: Lock<(any FrameReceiver)?> = Lock(nil)
    let pace: Lock<InboundPace> = Lock(InboundPace(now: .now))

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
        // Strong until the channel is closed: an object that somebody refers to weakly pays for that at every retain.
        let reading = Watcher { [self] in readOnIOThread() }
        let writing = Watcher { [self] in writable() }
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

    package var lastInboundTime: MonotonicTime { pace.withLock { $0.lastRead } }

    // MARK: Sending

    package enum SendOutcome: Sendable {
        case sent(id: Int64)
        case closed
    }

    /// Numbers a request frame, registers it, and sends it or leaves it to be sent, all in one order. What follows
    /// its head in `rest` is not copied.
    ///
    /// `register` runs under the lock that orders frames: it may refuse, and must not call out.
    package func send(
        _ head: consuming [UInt8],
        _ rest: [[UInt8]] = [],
        register: (Int64) -> Bool
    ) -> SendOutcome {
        var bytes = head
        let accepted = outgoing.withLock { outgoing -> (id: Int64, isDirect: Bool)? in
            guard !outgoing.isClosed, register(outgoing.nextID) else { return nil }
            let id = outgoing.nextID
            outgoing.nextID += 1
            OutgoingFrame.setRequestID(id, in: &bytes)
            if rest.isEmpty, outgoing.queue.beginDirectly(size: bytes.count) { return (id, true) }
            outgoing.queue.append(OutgoingFrame(id: id, parts: [bytes] + rest))
            return (id, false)
        }
        guard let accepted else { return .closed }
        if accepted.isDirect { sendDirectly(accepted.id, bytes) } else { flush() }
        return .sent(id: accepted.id)
    }

    /// The usual case, one small frame and a socket that takes it: without a queue.
    private func sendDirectly(_ id: Int64, _ bytes: [UInt8]) {
        var sent = 0
        var failure: SystemError?
        do throws(SystemError) {
            sent = try bytes.withUnsafeBytesTyped { (bytes) throws(SystemError) in
                try SystemCall.send(output.number, bytes)
            }
        } catch {
            if error != .wouldBlock { failure = error }
        }
        guard sent == bytes.count else {
            let frame = WriteQueue.Outline(OutgoingFrame(id: id, parts: [bytes]))
            return stopped(WriteQueue.Batch(chunks: [bytes], frames: [frame]), sent: sent, failure)
        }
        let (more, isClosed) = outgoing.withLock { outgoing in
            (outgoing.queue.finishDirectly(size: sent), outgoing.isClosed)
        }
        if more { flush() } else if isClosed { endWritingIfIdle() }
    }

    /// The socket is full, or broken.
    private func stopped(_ batch: WriteQueue.Batch, sent: Int, _ failure: SystemError?) {
        _ = outgoing.withLock { $0.queue.finish(batch, sent: sent, isFull: true) }
        if let failure { return writingFailed(failure) }
        if let watch = watches.withLock({ $0.output }) { Reactor.current.change(watch, .writable) }
    }

    /// Of the requests that the end found unsent, the first: later ones were not sent either.
    package var firstUnsentID: Int64? { outgoing.withLock { $0.queue.firstUnsentID } }

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
            var rest = batch.chunks[...]
            var offset = 0
            while let first = rest.first, !isFull, failure == nil {
                if offset >= first.count {
                    offset -= first.count
                    rest = rest.dropFirst()
                    continue
                }
                do throws(SystemError) {
                    let count = try send(rest, from: offset)
                    offset += count
                    sent += count
                } catch {
                    if error == .wouldBlock { isFull = true } else { failure = error }
                }
            }
            if isFull || failure != nil { return stopped(batch, sent: sent, failure) }
            if !outgoing.withLock({ $0.queue.finish(batch, sent: sent, isFull: false) }) {
                return endWritingIfIdle()
            }
        }
    }

    /// As much as goes out in one call, from a place in the first chunk: a large frame has parts, which need
    /// not be joined for it.
    private func send(_ chunks: ArraySlice<[UInt8]>, from offset: Int) throws(SystemError) -> Int {
        guard chunks.count > 1 else {
            return try (chunks.first ?? []).withUnsafeBytesTyped { (bytes) throws(SystemError) in
                try SystemCall.send(output.number, UnsafeRawBufferPointer(rebasing: bytes[offset...]))
            }
        }
        return try gather(chunks.prefix(Self.partsAtOnce), from: offset, [])
    }

    private func gather(
        _ chunks: ArraySlice<[UInt8]>,
        from offset: Int,
        _ parts: [UnsafeRawBufferPointer]
    ) throws(SystemError) -> Int {
        guard let first = chunks.first else { return try SystemCall.send(output.number, parts) }
        return try first.withUnsafeBytesTyped { (bytes) throws(SystemError) in
            try gather(
                chunks.dropFirst(),
                from: 0,
                parts + [UnsafeRawBufferPointer(rebasing: bytes[offset...])]
            )
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

    /// Ends all of it; the descriptors close with the last reference.
    package func stop() {
        stopReading()
        if let watch = watches.withLock({ watches in watches.output.take() }) {
            Reactor.current.remove(watch)
        }
        receiver.withLock { $0 = nil }
        interruptReader()
    }
}
