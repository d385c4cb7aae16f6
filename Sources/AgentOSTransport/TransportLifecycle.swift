// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// From the start of a child to its reaping: which event leads where. A value: the transport does what it
/// says.
struct TransportLifecycle: Sendable {
    /// All in nanoseconds.
    struct Times: Sendable {
        /// What is still in the pipe of an ended child is read this long at most, if somebody else holds the
        /// pipe.
        var outputEnd: UInt64 = 250_000_000
        /// How long the status of a child that closed its output is waited for.
        var exitStatus: UInt64 = 50_000_000
        var grace: UInt64 = 5_000_000_000
        var afterKill: UInt64 = 2_000_000_000
        /// A frame that was begun when we closed has this long.
        var begunFrame: UInt64 = 1_000_000_000
    }

    enum Timer: Sendable { case outputEnd, exitStatus, grace, afterKill, begunFrame }

    enum Action: Sendable {
        case refuseFrames
        case endWriting
        case forceEndOfWriting
        case stopReading
        case kill
        case start(Timer, UInt64)
        case report(TransportFailure)
        case finish(exit: ChildExit?, wasKilled: Bool)
    }

    private enum Phase: Sendable { case open, draining, closing, failed, ended }

    var times = Times()
    private var phase: Phase = .open
    private var exit: ChildExit?
    private var outputHasEnded = false
    private var torn: (got: Int, wanted: Int)?
    private var pipeError: SystemError?
    private var wasKilled = false

    var isOpen: Bool { phase == .open }

    mutating func childExited(_ exit: ChildExit) -> [Action] {
        self.exit = exit
        switch phase {
        case .open:
            phase = .draining
            return outputHasEnded ? report() : [.refuseFrames, .start(.outputEnd, times.outputEnd)]
        case .draining: return outputHasEnded ? report() : [.start(.outputEnd, times.outputEnd)]
        case .closing: return outputHasEnded ? finish() : [.start(.outputEnd, times.outputEnd)]
        case .failed: return finish()
        case .ended: return []
        }
    }

    mutating func outputEnded(torn: (got: Int, wanted: Int)?, error: SystemError?) -> [Action] {
        guard !outputHasEnded else { return [] }
        outputHasEnded = true
        self.torn = torn
        pipeError = pipeError ?? error
        switch phase {
        case .open:
            phase = .draining
            return [.refuseFrames, .start(.exitStatus, times.exitStatus)]
        case .draining: return exit == nil ? [.start(.exitStatus, times.exitStatus)] : report()
        case .closing: return exit == nil ? [] : finish()
        case .failed, .ended: return []
        }
    }

    mutating func writingFailed(_ error: SystemError) -> [Action] {
        guard phase == .open else { return [] }
        pipeError = error
        phase = .draining
        return [.refuseFrames, .start(.outputEnd, times.outputEnd)]
    }

    /// A frame that cannot be trusted, or silence: nothing that follows is looked at.
    mutating func abandoned(_ cause: TransportCause) -> [Action] {
        guard phase == .open || phase == .draining else { return phase == .closing ? [.stopReading] : [] }
        phase = .failed
        outputHasEnded = true
        var failure = TransportFailure(cause)
        failure.exit = exit
        return [.refuseFrames, .stopReading, .report(failure)] + end()
    }

    /// Our own close. `grace` 0 kills at once.
    mutating func close(grace: UInt64) -> [Action] {
        switch phase {
        case .open, .draining:
            phase = .closing
            if grace == 0 { return [.endWriting, .forceEndOfWriting] + end() }
            if exit != nil, outputHasEnded { return finish() }
            return [.endWriting, .start(.begunFrame, min(times.begunFrame, grace)), .start(.grace, grace)]
        case .closing: return grace == 0 ? end() : []
        case .failed, .ended: return []
        }
    }

    mutating func fired(_ timer: Timer) -> [Action] {
        switch (timer, phase) {
        case (.outputEnd, .draining), (.outputEnd, .closing), (.outputEnd, .failed):
            guard !outputHasEnded else { return [] }
            return [.stopReading] + outputEnded(torn: nil, error: nil)
        case (.exitStatus, .draining): return report()
        case (.begunFrame, .closing): return [.forceEndOfWriting]
        case (.grace, .closing): return exit == nil ? end() : []
        case (.afterKill, .closing), (.afterKill, .failed): return finish()
        default: return []
        }
    }

    private mutating func report() -> [Action] {
        phase = .failed
        let cause: TransportCause =
            switch (exit, pipeError) {
            case (.some(let exit), _): .exited(exit)
            case (nil, .some(let error)): .pipeFailed(error)
            case (nil, nil): .disconnected
            }
        var failure = TransportFailure(cause)
        failure.torn = torn
        failure.exit = exit
        return [.stopReading, .report(failure)] + end()
    }

    private mutating func end() -> [Action] {
        if exit != nil { return finish() }
        if wasKilled { return [] }
        wasKilled = true
        return [.kill, .start(.afterKill, times.afterKill)]
    }

    private mutating func finish() -> [Action] {
        guard phase != .ended else { return [] }
        phase = .ended
        return [.stopReading, .finish(exit: exit, wasKilled: wasKilled)]
    }
}
