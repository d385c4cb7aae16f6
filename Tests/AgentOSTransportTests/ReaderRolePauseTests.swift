// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import Testing

@testable import AgentOSTransport

@Suite("ReaderRole: pauses")
struct ReaderRolePauseTests {
    private func text(_ succession: ReaderRole.Succession) -> String {
        switch succession {
        case .handOver: "to another"
        case .tick: "tick"
        case .arm: "arm"
        case .nothing: "nothing"
        }
    }

    @Test("a pause takes the descriptor from the I/O thread until its end, whoever asks for it meanwhile")
    func pause() {
        var role = ReaderRole()
        _ = role.arm()
        let pauses = role.pause()
        #expect(pauses && !role.isArmed)
        let again = role.pause()
        #expect(!again)
        let arms = role.arm()
        #expect(!arms && !role.isArmed, "asked for in a pause, it reads behind that")
        let ends = role.endPause()
        #expect(ends && role.isArmed)
    }

    @Test("a look in a pause does nothing, and none is begun: the end of the pause arms the I/O thread")
    func pauseAndTick() {
        var role = ReaderRole()
        let word = WakeWord()
        _ = role.enter(word)
        guard case .tick(let look) = role.leave() else {
            Issue.record("no look is due")
            return
        }
        _ = role.arm()
        _ = role.pause()
        #expect(text(role.tick(look.number)) == "nothing")
        #expect(text(role.expectReader()) == "nothing")
        _ = role.enter(word)
        #expect(text(role.leave(after: 4_000_000)) == "nothing")
        let ends = role.endPause()
        #expect(ends && role.isArmed)
    }

    @Test("of those that sleep the first that gives up is known")
    func nearestDeadline() {
        var role = ReaderRole()
        let words = (0..<4).map { _ in WakeWord() }
        let moments = [5, 9, 7].map { MonotonicTime(nanoseconds: $0) }
        _ = role.enter(words[0], until: moments[0])
        #expect(role.nearestDeadline == nil, "who reads does not sleep")
        _ = role.enter(words[1])
        _ = role.enter(words[2], until: moments[1])
        _ = role.enter(words[3], until: moments[2])
        #expect(role.nearestDeadline == moments[2])
        _ = role.awake(words[3])
        #expect(role.nearestDeadline == moments[1])
    }

    @Test("a pause ends also where a waiter came in it, who leaves the descriptor to the I/O thread")
    func pauseWithWaiter() {
        var role = ReaderRole()
        let word = WakeWord()
        _ = role.arm()
        _ = role.pause()
        guard case .read(disarm: false) = role.enter(word) else {
            Issue.record("it does not read")
            return
        }
        let ends = role.endPause()
        #expect(!ends)
        #expect(text(role.leave()) == "arm")
    }
}
