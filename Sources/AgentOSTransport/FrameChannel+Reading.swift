// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSWire

/// The reading half of a channel, by whoever has the reader's role.
extension FrameChannel {
    /// Reads of one turn of the I/O thread: two sidecars must not slow each other.
    private static let readsPerTurn = 4

    /// Waits for `word`, reading the channel meanwhile if nobody else does. False when the time was over
    /// first.
    package func wait(_ word: WakeWord, until deadline: MonotonicTime?) -> Bool {
        var entry = role.withLock { $0.enter(word, until: deadline) }
        while true {
            switch entry {
            case .read(let disarm):
                if disarm { applyArming() }
                let isOver = readAndLeave(word, deadline)
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

    /// For a thread that waits for something else as well: reads the channel, if nobody else does, until `word` is
    /// done, `other` can be read, or the time is over. False when somebody else reads, or the channel has ended.
    package func read(for word: WakeWord, beside other: Int32, until deadline: MonotonicTime?) -> Bool {
        guard case .read(let disarm)? = role.withLock({ $0.enterIfFree(word) }) else { return false }
        if disarm { applyArming() }
        return readAndLeave(word, deadline, beside: other)
    }

    private func readAndLeave(_ word: WakeWord, _ deadline: MonotonicTime?, beside other: Int32? = nil)
        -> Bool
    {
        let begin = MonotonicTime.now
        let isOver = ThreadRole.asReader { readUntil(word, deadline, beside: other) }
        leave(after: MonotonicTime.now.since(begin))
        return isOver
    }

    /// True when the word is done, `other` can be read, or the time is over; false when the channel has ended.
    private func readUntil(_ word: WakeWord, _ deadline: MonotonicTime?, beside other: Int32? = nil) -> Bool {
        while true {
            if word.isDone { return true }
            if let end = pauseEnd(deadline) { pause(until: end, beside: other) }
            if word.isDone { return true }
            let ready = SystemCall.waitReadable(input.number, interrupt.number, other, until: deadline)
            if ready.second { SystemCall.clearEvent(interrupt.number) }
            if ready.first, !readOnce() { return false }
            if ready.third || word.isDone { return true }
            if let deadline, deadline <= .now { return true }
        }
    }

    /// Until when nothing is to be read, so that more answers come. `deadline` is that of the wait; of those of others
    /// the reactor knows, and the role.
    private func pauseEnd(_ deadline: MonotonicTime?) -> MonotonicTime? {
        guard let receiver = receiver.withLock({ $0 }) else { return nil }
        let pace = pace.withLock { $0 }
        let end = pace.pauseEnd(unanswered: receiver.unanswered, deadline: nearestDeadline(deadline))
        return end.flatMap { $0 > .now ? $0 : nil }
    }

    private func nearestDeadline(_ own: MonotonicTime?) -> MonotonicTime? {
        [own, Reactor.current.nextDeadline, role.withLock { $0.nearestDeadline }].compactMap(\.self).min()
    }

    /// Waits for all but what comes from the peer.
    private func pause(until end: MonotonicTime, beside other: Int32?) {
        let ready = SystemCall.waitReadable(-1, interrupt.number, other, until: end)
        if ready.second { SystemCall.clearEvent(interrupt.number) }
    }

    /// `nanoseconds`: how long it had the role.
    private func leave(after nanoseconds: UInt64 = 0) { goOn(role.withLock { $0.leave(after: nanoseconds) }) }

    private func goOn(_ succession: ReaderRole.Succession) {
        switch succession {
        case .handOver(let word): word.wake(.read)
        case .tick(let tick): schedule(tick)
        case .arm: applyArming()
        case .nothing: break
        }
    }

    private func schedule(_ tick: ReaderRole.Tick) {
        let timer = Reactor.current.schedule(.now.adding(tick.nanoseconds)) { [self] in
            goOn(role.withLock { $0.tick(tick.number) })
        }
        if timer == nil { takeOverByIOThread() }
    }

    /// The I/O thread reads from now on, unless a waiter does. For calls that nobody waits for.
    package func takeOverByIOThread() {
        if role.withLock({ $0.arm() }) { applyArming() }
    }

    /// An answer is on its way to somebody who has read for himself before, and will again: the I/O thread has a look
    /// in a while whether he does.
    package func expectReader() { goOn(role.withLock { $0.expectReader() }) }

    /// Has the I/O thread told of bytes, or not, as the role says. Others may change that meanwhile, and no lock orders
    /// the system calls: whoever was last looks whether it is still so.
    private func applyArming() {
        guard let watch = watches.withLock({ $0.input }) else { return }
        var isArmed = role.withLock { $0.isArmed }
        while true {
            Reactor.current.change(watch, isArmed ? .readable : [])
            let now = role.withLock { $0.isArmed }
            if now == isArmed { return }
            isArmed = now
        }
    }

    /// Ends the wait of whoever waits for `word`, also if it is reading here on another thread.
    package func finish(_ word: WakeWord) {
        word.wake(.done)
        guard !word.isOfThisThread else { return }
        if role.withLock({ $0.readingWaiter === word }) { SystemCall.signalEvent(interrupt.number) }
    }

    func interruptReader() {
        if role.withLock({ $0.readingWaiter != nil }) { SystemCall.signalEvent(interrupt.number) }
    }

    func readOnIOThread() {
        guard role.withLock({ $0.enterAsIOThread() }) else { return }
        for _ in 0..<Self.readsPerTurn where !readOnce(onlyIfReady: true) { break }
        let pauseEnd = pauseEnd(nil)
        // In one piece: a waiter that is done already gives the role on at once, and must find it disarmed.
        let (succession, isDisarmed) = role.withLock { role -> (ReaderRole.Succession, Bool) in
            let succession = role.leave()
            if case .handOver = succession { return (succession, role.disarmForWaiter()) }
            return (succession, pauseEnd != nil && role.pause())
        }
        if isDisarmed { applyArming() }
        goOn(succession)
        if case .handOver = succession { return }
        if isDisarmed, let pauseEnd, Reactor.current.schedule(pauseEnd, { self.endPause() }) == nil {
            endPause()
        }
    }

    private func endPause() {
        if role.withLock({ $0.endPause() }) { applyArming() }
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
                let batch = splitter.frames()
                let answers = batch.frames.count { if case .response = $0 { true } else { false } }
                let others = batch.frames.count - answers
                pace.withLock { $0.read(bytes: count, answers: answers, others: others, at: .now) }
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
}
