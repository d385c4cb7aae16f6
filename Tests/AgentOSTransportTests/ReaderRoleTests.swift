// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import Testing

@testable import AgentOSTransport

@Suite("ReaderRole: every transition of the value")
struct ReaderRoleTests {
    private func text(_ entry: ReaderRole.Entry) -> String {
        switch entry {
        case .read(let disarm): disarm ? "read, disarm" : "read"
        case .sleep: "sleep"
        }
    }

    private func ifFree(_ role: inout ReaderRole, _ word: WakeWord) -> String {
        role.enterIfFree(word).map { text($0) } ?? "no"
    }

    /// What a succession says, with the waiters by their numbers.
    private func text(_ succession: ReaderRole.Succession, _ words: [WakeWord]) -> String {
        switch succession {
        case .handOver(let word): "to \(words.firstIndex { $0 === word } ?? -1)"
        case .tick(let tick): "tick \(tick.nanoseconds / 1_000_000)"
        case .arm: "arm"
        case .nothing: "nothing"
        }
    }

    @Test("the first waiter reads, the others sleep, and the role goes on in their order")
    func order() {
        var role = ReaderRole()
        let words = (0..<4).map { _ in WakeWord() }
        #expect(role.readingWaiter == nil)
        #expect(text(role.enter(words[0])) == "read")
        for word in words[1...] { #expect(text(role.enter(word)) == "sleep") }
        #expect(role.readingWaiter === words[0])
        // One gives up asleep: it is passed over.
        let hasRole = role.awake(words[2])
        #expect(!hasRole)
        #expect(text(role.leave(), words) == "to 1")
        // It has the role before it wakes up.
        #expect(role.readingWaiter === words[1])
        let second = role.awake(words[1])
        #expect(second)
        #expect(text(role.leave(), words) == "to 3")
        #expect(text(role.leave(), words) == "tick 1")
        #expect(role.readingWaiter == nil)
        // A tick is due already.
        #expect(text(role.enter(words[0])) == "read")
        #expect(text(role.leave(), words) == "nothing")
    }

    @Test("who also waits for something else reads only where nobody does, and never queues")
    func ifFree() {
        var role = ReaderRole()
        let words = (0..<3).map { _ in WakeWord() }
        _ = role.arm()
        #expect(ifFree(&role, words[0]) == "read, disarm")
        #expect(role.readingWaiter === words[0])
        #expect(ifFree(&role, words[1]) == "no")
        #expect(text(role.enter(words[2])) == "sleep")
        #expect(text(role.leave(), words) == "to 2")
        #expect(text(role.leave(), words) == "tick 1")
        let enters = role.enterAsIOThread()
        #expect(enters)
        #expect(ifFree(&role, words[1]) == "no")
    }

    @Test("for a reader who is expected one look is due, after which the I/O thread takes over")
    func expected() throws {
        var role = ReaderRole()
        let word = WakeWord()
        let first = role.expectReader()
        #expect(text(first, []) == "tick 1")
        // It stands for what comes after it, too.
        #expect(text(role.expectReader(), []) == "nothing")
        guard case .tick(let tick) = first else { return }
        // He came: the next look is for those that follow.
        #expect(ifFree(&role, word) == "read")
        #expect(text(role.expectReader(), [word]) == "nothing")
        #expect(text(role.leave(), [word]) == "nothing")
        let second = role.tick(tick.number)
        #expect(text(second, []) == "tick 1")
        guard case .tick(let again) = second else { return }
        // He did not come again.
        #expect(text(role.tick(again.number), []) == "arm")
        #expect(text(role.expectReader(), []) == "nothing")
    }

    @Test("the I/O thread reads when nobody else does, and hands over to one who came meanwhile")
    func ioThread() {
        var role = ReaderRole()
        let words = (0..<2).map { _ in WakeWord() }
        let isArmed = role.arm()
        let again = role.arm()
        #expect(isArmed && !again && role.isArmed)
        let enters = role.enterAsIOThread()
        #expect(enters)
        let twice = role.enterAsIOThread()
        #expect(!twice)
        #expect(text(role.enter(words[0])) == "sleep")
        #expect(role.readingWaiter == nil)
        #expect(text(role.leave(), words) == "to 0")
        let disarms = role.disarmForWaiter()
        let disarmsAgain = role.disarmForWaiter()
        #expect(disarms && !disarmsAgain && !role.isArmed)
        let asIOThread = role.enterAsIOThread()
        #expect(!asIOThread, "a waiter reads")
        #expect(text(role.leave(), words) == "tick 1")
    }

    @Test("while it stays armed the I/O thread needs no tick after its own turn")
    func armedTurn() {
        var role = ReaderRole()
        _ = role.arm()
        _ = role.enterAsIOThread()
        #expect(text(role.leave(), []) == "nothing")
        #expect(role.isArmed)
    }

    @Test("a waiter takes the descriptor from the I/O thread")
    func disarm() {
        var role = ReaderRole()
        _ = role.arm()
        #expect(text(role.enter(WakeWord())) == "read, disarm")
        #expect(!role.isArmed)
        let arms = role.arm()
        #expect(!arms, "a waiter reads")
    }

    @Test("a tick hands the descriptor to the I/O thread when nobody has read since the last one")
    func tick() throws {
        var role = ReaderRole()
        let word = WakeWord()
        _ = role.enter(word)
        let first = try #require(number(role.leave()))
        // It is read since: once more, then it is time.
        _ = role.enter(word)
        #expect(text(role.leave(), []) == "nothing")
        let second = try #require(number(role.tick(first)))
        #expect(text(role.tick(first), []) == "nothing", "one that was replaced counts no more")
        #expect(text(role.tick(second), []) == "arm")
        #expect(role.isArmed)
        _ = role.enter(word)
        #expect(text(role.leave(), []) == "tick 1", "the old one is over")
    }

    @Test("looks get rarer while waiters keep coming, until the I/O thread had its turn")
    func rarerTicks() throws {
        var role = ReaderRole()
        let word = WakeWord()
        _ = role.enter(word)
        var look = role.leave()
        var periods: [UInt64] = []
        while periods.count < 20, case .tick(let tick) = look {
            periods.append(tick.nanoseconds / 1_000_000)
            _ = role.enter(word)
            #expect(text(role.leave(), []) == "nothing", "one is due")
            look = role.tick(tick.number)
        }
        #expect(periods == [1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16])
        // Nobody came since.
        look = role.tick(try #require(number(look)))
        look = number(look).map { role.tick($0) } ?? look
        #expect(text(look, []) == "arm")
        _ = role.enter(word)
        #expect(text(role.leave(), []) == "tick 1")
    }

    @Test("the I/O thread, asked for while a waiter reads, is armed when that one leaves")
    func wish() {
        var role = ReaderRole()
        let word = WakeWord()
        _ = role.enter(word)
        let arms = role.arm()
        #expect(!arms)
        #expect(text(role.leave(), []) == "arm")
        #expect(role.isArmed)
        #expect(text(role.enter(word)) == "read, disarm")
        #expect(text(role.leave(), []) == "tick 1")
        // Taken again from its hands: the look that is due is soon enough.
        _ = role.arm()
        _ = role.enter(word)
        #expect(text(role.leave(), []) == "nothing")
    }

    @Test("behind a long wait the I/O thread is armed at once, unless somebody waits")
    func longWait() {
        var role = ReaderRole()
        let words = (0..<2).map { _ in WakeWord() }
        for word in words { _ = role.enter(word) }
        #expect(text(role.leave(after: 4_000_000), words) == "to 1")
        #expect(text(role.leave(after: 4_000_000), words) == "arm")
        #expect(text(role.enter(words[0])) == "read, disarm")
        #expect(text(role.leave(after: 3_999_999), words) == "tick 1")
    }

    @Test("a tick under a reading waiter is over: that one starts the next")
    func tickWhileReading() throws {
        var role = ReaderRole()
        let word = WakeWord()
        _ = role.enter(word)
        let first = try #require(number(role.leave()))
        _ = role.enter(word)
        let second = try #require(number(role.tick(first)), "it was read since")
        #expect(text(role.tick(second), []) == "nothing")
        #expect(!role.isArmed)
        #expect(text(role.leave(), []) == "tick 2", "rarer: the waiters are slow, but they come")
    }

    /// Lets waiters come until the next look is one of 16 ms, and gives that.
    private func busy(_ role: inout ReaderRole, _ word: WakeWord) -> ReaderRole.Tick? {
        _ = role.enter(word)
        var look = role.leave()
        while case .tick(let tick) = look {
            if tick.nanoseconds == 16_000_000 { return tick }
            _ = role.enter(word)
            _ = role.leave()
            look = role.tick(tick.number)
        }
        return nil
    }

    @Test("a long wait among many makes the looks no more frequent")
    func longWaitAmongMany() throws {
        var role = ReaderRole()
        let word = WakeWord()
        let tick = try #require(busy(&role, word))
        _ = role.enter(word)
        #expect(text(role.leave(after: 4_000_000), []) == "arm")
        #expect(text(role.tick(tick.number), []) == "nothing", "it is armed")
        #expect(text(role.enter(word)) == "read, disarm")
        #expect(text(role.leave(), []) == "tick 16")
    }

    @Test("what the I/O thread was asked for, or has found, is looked for soon again after a waiter took it")
    func urgent() throws {
        for isAskedFor in [true, false] {
            var role = ReaderRole()
            let word = WakeWord()
            _ = try #require(busy(&role, word))
            if isAskedFor {
                _ = role.arm()
            } else {
                _ = role.enter(word)
                #expect(text(role.leave(after: 4_000_000), []) == "arm")
                let enters = role.enterAsIOThread()
                #expect(enters)
                #expect(text(role.leave(), []) == "nothing")
            }
            #expect(text(role.enter(word)) == "read, disarm")
            #expect(text(role.leave(), []) == "tick 1")
        }
    }

    @Test("a tick after somebody else armed the I/O thread arms nothing twice")
    func tickWhenArmed() throws {
        var role = ReaderRole()
        _ = role.enter(WakeWord())
        let first = try #require(number(role.leave()))
        let arms = role.arm()
        #expect(arms)
        #expect(text(role.tick(first), []) == "nothing")
        #expect(role.isArmed)
    }

    private func number(_ succession: ReaderRole.Succession) -> UInt64? {
        if case .tick(let tick) = succession { return tick.number }
        return nil
    }
}
