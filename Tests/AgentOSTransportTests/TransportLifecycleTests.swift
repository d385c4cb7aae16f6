// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import Testing

@testable import AgentOSTransport

@Suite("TransportLifecycle: each event in each phase (transport.md 10)")
struct TransportLifecycleTests {
    /// Something that happens to a transport.
    enum Event: Sendable, CustomTestStringConvertible {
        case exit(Int32)
        case end
        case torn
        case readFailed
        case writeFailed
        case abandon
        case close
        case closeNow
        case fired(TransportLifecycle.Timer)

        var testDescription: String {
            switch self {
            case .fired(let timer): "\(timer) fired"
            default: "\(self)"
            }
        }
    }

    private static func text(_ action: TransportLifecycle.Action) -> String {
        switch action {
        case .refuseFrames: "refuse"
        case .endWriting: "end"
        case .forceEndOfWriting: "force"
        case .stopReading: "stop"
        case .kill: "kill"
        case .start(let timer, let nanoseconds): "\(timer) \(nanoseconds / 1_000_000)"
        case .report(let failure): "report: \(failure.text)"
        case .finish(let exit, let wasKilled): "finish: \(exit?.text ?? "?")\(wasKilled ? ", killed" : "")"
        }
    }

    private static func play(_ event: Event, _ lifecycle: inout TransportLifecycle) -> [String] {
        let actions =
            switch event {
            case .exit(let code): lifecycle.childExited(.code(code))
            case .end: lifecycle.outputEnded(torn: nil, error: nil)
            case .torn: lifecycle.outputEnded(torn: (3, 9), error: nil)
            case .readFailed: lifecycle.outputEnded(torn: nil, error: SystemError(5))
            case .writeFailed: lifecycle.writingFailed(SystemError(32))
            case .abandon: lifecycle.abandoned(.protocolError("x"))
            case .close: lifecycle.close(grace: 5_000_000_000)
            case .closeNow: lifecycle.close(grace: 0)
            case .fired(let timer): lifecycle.fired(timer)
            }
        return actions.map(text)
    }

    private static let exited = "report: sidecar process exited with code 3"
    private static let dropped = "report: sidecar process exited with disconnect"
    private static let odd = "report: sidecar protocol error: x"
    private static let broken = "report: sidecar pipe failed: Broken pipe"
    private static let killing = ["kill", "afterKill 2000"]

    /// What went before, what happens now, what is done.
    static let table: [(before: [Event], event: Event, actions: [String])] = [
        // Open.
        ([], .exit(3), ["refuse", "outputEnd 250"]),
        ([], .end, ["refuse", "exitStatus 50"]),
        ([], .torn, ["refuse", "exitStatus 50"]),
        ([], .readFailed, ["refuse", "exitStatus 50"]),
        ([], .writeFailed, ["refuse", "outputEnd 250"]),
        ([], .abandon, ["refuse", "stop", odd] + killing),
        ([], .close, ["end", "begunFrame 1000", "grace 5000"]),
        ([], .closeNow, ["end", "force"] + killing),
        ([], .fired(.outputEnd), []), ([], .fired(.exitStatus), []), ([], .fired(.grace), []),
        ([], .fired(.afterKill), []), ([], .fired(.begunFrame), []),
        // Draining: the child has ended, its output has not.
        ([.exit(3)], .end, ["stop", exited, "stop", "finish: code 3"]),
        ([.exit(3)], .torn, ["stop", exited + " (truncated frame: 3 of 9 bytes)", "stop", "finish: code 3"]),
        ([.exit(3)], .fired(.outputEnd), ["stop", "stop", exited, "stop", "finish: code 3"]),
        ([.exit(3)], .writeFailed, []),
        ([.exit(3)], .abandon, ["refuse", "stop", odd, "stop", "finish: code 3"]),
        ([.exit(3)], .close, ["end", "begunFrame 1000", "grace 5000"]),
        ([.exit(3)], .closeNow, ["end", "force", "stop", "finish: code 3"]),
        // Draining: the output has ended, the child has not.
        ([.end], .end, []),
        ([.end], .exit(3), ["stop", exited, "stop", "finish: code 3"]),
        ([.end], .fired(.exitStatus), ["stop", dropped] + killing),
        ([.end], .fired(.outputEnd), []),
        ([.end], .writeFailed, []),
        ([.end], .abandon, ["refuse", "stop", odd] + killing),
        ([.end], .close, ["end", "begunFrame 1000", "grace 5000"]),
        (
            [.readFailed], .fired(.exitStatus),
            ["stop", "report: sidecar pipe failed: Input/output error"] + killing
        ),
        ([.readFailed], .exit(3), ["stop", exited, "stop", "finish: code 3"]),
        // Draining: writing has failed.
        ([.writeFailed], .exit(3), ["outputEnd 250"]),
        ([.writeFailed], .end, ["exitStatus 50"]),
        ([.writeFailed], .writeFailed, []),
        ([.writeFailed], .fired(.outputEnd), ["stop", "exitStatus 50"]),
        ([.writeFailed, .end], .fired(.exitStatus), ["stop", broken] + killing),
        ([.writeFailed, .exit(3)], .end, ["stop", exited, "stop", "finish: code 3"]),
        ([.writeFailed, .fired(.outputEnd)], .exit(3), ["stop", exited, "stop", "finish: code 3"]),
        // Closing.
        ([.close], .close, []),
        ([.close], .closeNow, killing),
        ([.close], .exit(0), ["outputEnd 250"]),
        ([.close], .end, []),
        ([.close], .writeFailed, []),
        ([.close], .abandon, ["stop"]),
        ([.close], .fired(.begunFrame), ["force"]),
        ([.close], .fired(.grace), killing),
        ([.close, .exit(0)], .end, ["stop", "finish: code 0"]),
        ([.close, .exit(0)], .fired(.outputEnd), ["stop", "stop", "finish: code 0"]),
        ([.close, .exit(0)], .fired(.grace), []),
        ([.close, .end], .exit(0), ["stop", "finish: code 0"]),
        ([.close, .end], .fired(.outputEnd), []),
        ([.close, .fired(.grace)], .closeNow, []),
        ([.close, .fired(.grace)], .fired(.afterKill), ["stop", "finish: ?, killed"]),
        ([.close, .fired(.grace), .exit(9)], .end, ["stop", "finish: code 9, killed"]),
        ([.closeNow], .closeNow, []),
        ([.closeNow, .end], .exit(9), ["stop", "finish: code 9, killed"]),
        // Failed: reported, and not yet reaped.
        ([.abandon], .exit(9), ["stop", "finish: code 9, killed"]),
        ([.abandon], .end, []), ([.abandon], .writeFailed, []), ([.abandon], .abandon, []),
        ([.abandon], .close, []), ([.abandon], .closeNow, []),
        ([.abandon], .fired(.outputEnd), []), ([.abandon], .fired(.exitStatus), []),
        ([.abandon], .fired(.grace), []),
        ([.abandon], .fired(.afterKill), ["stop", "finish: ?, killed"]),
        // Ended: nothing more.
        ([.abandon, .exit(9)], .exit(9), []), ([.abandon, .exit(9)], .end, []),
        ([.abandon, .exit(9)], .close, []), ([.abandon, .exit(9)], .closeNow, []),
        ([.abandon, .exit(9)], .abandon, []), ([.abandon, .exit(9)], .fired(.afterKill), []),
        ([.abandon, .fired(.afterKill)], .exit(9), []),
    ]

    @Test("what is done when something happens", arguments: table)
    func transition(before: [Event], event: Event, actions: [String]) {
        var lifecycle = TransportLifecycle()
        for event in before { _ = Self.play(event, &lifecycle) }
        #expect(Self.play(event, &lifecycle) == actions)
    }

    @Test("it is open until something happens")
    func isOpen() {
        #expect(TransportLifecycle().isOpen)
        for event in [Event.exit(0), .end, .writeFailed, .abandon, .close, .closeNow] {
            var lifecycle = TransportLifecycle()
            _ = Self.play(event, &lifecycle)
            #expect(!lifecycle.isOpen, "\(event)")
        }
    }

    @Test("a short grace also bounds the frame that was begun")
    func shortGrace() {
        var lifecycle = TransportLifecycle()
        #expect(lifecycle.close(grace: 20_000_000).map(Self.text) == ["end", "begunFrame 20", "grace 20"])
    }

    @Test(
        "in every order of four events there is at most one report, one kill and one finish, the finish last"
    )
    func once() {
        let timers: [TransportLifecycle.Timer] = [.outputEnd, .exitStatus, .grace, .afterKill, .begunFrame]
        let events: [Event] =
            [.exit(1), .end, .torn, .readFailed, .writeFailed, .abandon, .close, .closeNow]
            + timers.map { .fired($0) }
        for first in events {
            for second in events {
                for third in events {
                    for fourth in events {
                        var lifecycle = TransportLifecycle()
                        var actions: [String] = []
                        for event in [first, second, third, fourth] {
                            actions += Self.play(event, &lifecycle)
                        }
                        let reports = actions.count { $0.hasPrefix("report") }
                        let kills = actions.count { $0 == "kill" }
                        let finish = actions.indices.filter { actions[$0].hasPrefix("finish") }
                        if reports > 1 || kills > 1 || finish.count > 1 { Issue.record("\(actions)") }
                        if let finish = finish.first, finish != actions.count - 1 {
                            Issue.record("\(actions)")
                        }
                    }
                }
            }
        }
    }
}
