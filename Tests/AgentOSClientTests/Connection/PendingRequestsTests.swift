// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("PendingRequests")
struct PendingRequestsTests {
    /// The same, kept in the plainest way.
    private struct Model {
        enum Slot {
            case waiting(UInt64)
            case givenUp(UInt64)
        }
        var slots: [Int64: Slot] = [:]
        var next: Int64 = 1
        var oldestSince: UInt64 = 0
        var owedSince: UInt64 = 0

        /// Below these no request waits, and none is owed: what is over never comes back.
        private var oldestFrom: Int64 = 1
        private var owedFrom: Int64 = 1

        var oldest: Int64? { oldestFrom < next ? oldestFrom : nil }
        var owed: Int64? { owedFrom < next ? owedFrom : nil }

        private mutating func advance() {
            while owedFrom < next, slots[owedFrom] == nil { owedFrom += 1 }
            while oldestFrom < next {
                if case .waiting? = slots[oldestFrom] { break }
                oldestFrom += 1
            }
        }

        /// Changes the slots, and notes the moment when the oldest or the owed one becomes another.
        mutating func change(_ now: UInt64, _ body: (inout Model) -> Void) {
            let before = (oldest, owed)
            body(&self)
            advance()
            if oldest != before.0 { oldestSince = now }
            if owed != before.1 { owedSince = now }
        }
    }

    private func request(_ id: Int64, limit: UInt64) -> PendingRequest {
        PendingRequest(
            type: "t\(id)",
            expected: "e\(id)",
            owner: FrameOwner(.connection("c")),
            limit: limit
        ) { _ in }
    }

    @Test("it does what a dictionary does, in 100,000 random steps", arguments: 0..<2 as Range<UInt64>)
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var pending = PendingRequests()
        var model = Model()
        for now in 1...100_000 as ClosedRange<UInt64> {
            let time = MonotonicTime(nanoseconds: now)
            let recent = max(1, model.next - Int64.random(in: 1...400, using: &generator))
            let known = model.owed ?? recent
            let id = Int.random(in: 0..<3, using: &generator) == 0 ? known : recent
            // Sometimes it fills, sometimes it runs empty.
            let share = now / 5000 % 2 == 0 ? 6 : 3
            switch Int.random(in: 0..<12, using: &generator) {
            case 0..<share:
                let limit = UInt64.random(in: 0...3, using: &generator)
                let next = model.next
                if !pending.register(next, request(next, limit: limit), now: time) {
                    Issue.record("register")
                }
                model.change(now) {
                    $0.slots[next] = .waiting(limit)
                    $0.next += 1
                }
            case share..<9: answer(id, time, &pending, &model)
            case 9, 10: giveUp(id, time, &pending, &model)
            default:
                let found = pending.withdraw(id, now: time)
                var expected = false
                if case .waiting? = model.slots[id] { expected = true }
                if (found != nil) != expected { Issue.record("withdraw \(id)") }
                if expected { model.change(now) { $0.slots[id] = nil } }
            }
            compare(pending, model)
        }
    }

    private func answer(
        _ id: Int64,
        _ time: MonotonicTime,
        _ pending: inout PendingRequests,
        _ model: inout Model
    ) {
        let match = pending.answer(id, now: time)
        let slot = model.slots[id]
        model.change(time.nanoseconds) { model in
            let first = model.owed ?? .max
            model.slots[id] = nil
            // The sidecar answers in order: what was given up before this one is not owed any more.
            guard first <= id, id < model.next else { return }
            for earlier in first..<id {
                if case .givenUp? = model.slots[earlier] { model.slots[earlier] = nil }
            }
        }
        switch (match, slot) {
        case (.found(let request), .waiting?): if request.type != "t\(id)" { Issue.record("another one") }
        case (.late, .givenUp?): break
        case (.late, nil) where id < model.next: break
        case (.unknown, nil) where id >= model.next: break
        default: Issue.record("answer \(id): \(match)")
        }
    }

    private func giveUp(
        _ id: Int64,
        _ time: MonotonicTime,
        _ pending: inout PendingRequests,
        _ model: inout Model
    ) {
        let found = pending.giveUp(id, now: time)
        guard case .waiting(let limit)? = model.slots[id] else {
            if found != nil { Issue.record("give up \(id)") }
            return
        }
        if found?.type != "t\(id)" { Issue.record("give up \(id)") }
        model.change(time.nanoseconds) { $0.slots[id] = .givenUp(limit) }
    }

    private func compare(_ pending: PendingRequests, _ model: Model) {
        let oldest = pending.oldest
        if oldest?.id != model.oldest { Issue.record("oldest \(String(describing: oldest?.id))") }
        if pending.isEmpty != (model.oldest == nil) { Issue.record("empty") }
        if let oldest {
            let limit = oldest.request.limit
            let deadline = limit == 0 ? nil : model.oldestSince + limit
            if oldest.deadline?.nanoseconds != deadline { Issue.record("deadline of \(oldest.id)") }
        }
        let owed = pending.owed
        if (owed == nil) != (model.owed == nil) { Issue.record("owed") }
        if let owed, owed.since.nanoseconds != model.owedSince { Issue.record("owed since \(owed.since)") }
    }

    @Test("numbers come one after the other, and none after the closing")
    func numbers() {
        var pending = PendingRequests()
        let time = MonotonicTime(nanoseconds: 1)
        let results = [2, 1, 1, 3, 2].map { pending.register($0, request($0, limit: 0), now: time) }
        #expect(results == [false, true, false, false, true])
        let closed = pending.close().map { "\($0.id) \($0.request.type)" }
        #expect(closed == ["1 t1", "2 t2"])
        let late = pending.register(3, request(3, limit: 0), now: time)
        #expect(!late && pending.isClosed && pending.isEmpty)
        #expect(pending.oldest == nil && pending.owed == nil)
    }

    @Test("answers to numbers that were never given are unknown, to those that were late")
    func unknown() {
        var pending = PendingRequests()
        let time = MonotonicTime(nanoseconds: 1)
        for id in 1...2 as ClosedRange<Int64> { _ = pending.register(id, request(id, limit: 0), now: time) }
        func kind(_ match: PendingRequests.Match) -> String {
            switch match {
            case .found: "found"
            case .late: "late"
            case .unknown: "unknown"
            }
        }
        let kinds = [1, 1, 3, 0, -1, 2, .max, .min].map { kind(pending.answer($0, now: time)) }
        #expect(kinds == ["found", "late", "unknown", "unknown", "unknown", "found", "unknown", "unknown"])
    }
}
