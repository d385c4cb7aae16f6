// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// A request that waits for its answer. An object: it is handed from one to the other several times.
final class PendingRequest: Sendable {
    let type: String
    /// The type of the answer.
    let expected: String
    let owner: FrameOwner
    /// Nanoseconds from the moment at which it is the oldest; 0: no limit.
    let limit: UInt64
    let finish: @Sendable (Result<ResponseBody, ClientError>) -> Void

    init(
        type: String,
        expected: String,
        owner: FrameOwner,
        limit: UInt64,
        finish: @escaping @Sendable (Result<ResponseBody, ClientError>) -> Void
    ) {
        (self.type, self.expected, self.owner, self.limit, self.finish) = (
            type, expected, owner, limit, finish
        )
    }

    /// Whether an answer is of the right type, or the sidecar's refusal.
    func accepts(_ body: ResponseBody) -> Bool {
        if case .payload(.rejected) = body { return true }
        return body.typeName == expected
    }
}

/// Which requests wait for an answer. A value: no clock, no call out.
///
/// Ids count up by one and answers come mostly in that order, so the table is a window of consecutive ids.
struct PendingRequests: Sendable {
    enum Match: Sendable {
        case found(PendingRequest)
        /// It was given up, by deadline or cancel: its answer is of no interest.
        case late
        case unknown
    }

    private enum Slot: Sendable {
        case empty
        case waiting(PendingRequest)
        /// Given up, and still owed by the sidecar.
        case givenUp(limit: UInt64)
    }

    private var slots: [Slot] = []
    private var head = 0
    /// The id of `slots[head]`.
    private var firstID: Int64 = 1
    private(set) var waitingCount = 0
    /// Since when the oldest that still waits has been the oldest.
    private var oldestSince = MonotonicTime(nanoseconds: 0)
    /// Since when the sidecar has owed its oldest answer, given up or not.
    private var owedSince = MonotonicTime(nanoseconds: 0)
    private(set) var isClosed = false

    var isEmpty: Bool { waitingCount == 0 }

    /// Puts a request in under its number, which must be the next one. False when nothing is taken any more.
    mutating func register(_ id: Int64, _ request: PendingRequest, now: MonotonicTime) -> Bool {
        guard !isClosed, id == firstID + Int64(slots.count - head) else { return false }
        if waitingCount == 0 { oldestSince = now }
        if head == slots.count { owedSince = now }
        slots.append(.waiting(request))
        waitingCount += 1
        return true
    }

    mutating func answer(_ id: Int64, now: MonotonicTime) -> Match {
        guard id >= firstID, id < firstID + Int64(slots.count - head) else {
            return id > 0 && id < firstID ? .late : .unknown
        }
        let index = head + Int(id - firstID)
        let slot = slots[index]
        slots[index] = .empty
        let wasOldest = isOldest(index)
        // The sidecar answers in order: what it owed before this one will not come any more.
        forgetGivenUp(before: index)
        dropEmpty(now: now)
        switch slot {
        case .waiting(let request):
            waitingCount -= 1
            if wasOldest { oldestSince = now }
            return .found(request)
        case .givenUp, .empty: return .late
        }
    }

    /// Takes a request out that nobody waits for any more.
    mutating func giveUp(_ id: Int64, now: MonotonicTime) -> PendingRequest? {
        guard id >= firstID, id < firstID + Int64(slots.count - head) else { return nil }
        let index = head + Int(id - firstID)
        guard case .waiting(let request) = slots[index] else { return nil }
        let wasOldest = isOldest(index)
        slots[index] = .givenUp(limit: request.limit)
        waitingCount -= 1
        if wasOldest { oldestSince = now }
        return request
    }

    /// The same for one that was never sent: the sidecar owes nothing.
    mutating func withdraw(_ id: Int64, now: MonotonicTime) -> PendingRequest? {
        guard let request = giveUp(id, now: now) else { return nil }
        slots[head + Int(id - firstID)] = .empty
        dropEmpty(now: now)
        return request
    }

    /// The oldest that waits: its id, and when its time is over.
    var oldest: (id: Int64, request: PendingRequest, deadline: MonotonicTime?)? {
        for index in head..<slots.count {
            guard case .waiting(let request) = slots[index] else { continue }
            let deadline = request.limit == 0 ? nil : oldestSince.adding(request.limit)
            return (firstID + Int64(index - head), request, deadline)
        }
        return nil
    }

    /// Since when the sidecar has owed an answer, and that one's limit. Nil when it owes none.
    var owed: (since: MonotonicTime, limit: UInt64)? {
        for slot in slots[head...] {
            switch slot {
            case .empty: continue
            case .waiting(let request): return (owedSince, request.limit)
            case .givenUp(let limit): return (owedSince, limit)
            }
        }
        return nil
    }

    /// Takes nothing more in, and gives out everything that waits, in order.
    mutating func close() -> [(id: Int64, request: PendingRequest)] {
        isClosed = true
        let first = firstID
        defer { (slots, head, waitingCount) = ([], 0, 0) }
        firstID += Int64(slots.count - head)
        return slots[head...].enumerated().compactMap { index, slot in
            if case .waiting(let request) = slot { return (first + Int64(index), request) }
            return nil
        }
    }

    private func isOldest(_ index: Int) -> Bool {
        for slot in slots[head..<index] {
            if case .waiting = slot { return false }
        }
        return true
    }

    private mutating func forgetGivenUp(before index: Int) {
        for earlier in head..<index {
            if case .givenUp = slots[earlier] { slots[earlier] = .empty }
        }
    }

    private mutating func dropEmpty(now: MonotonicTime) {
        while head < slots.count, case .empty = slots[head] {
            head += 1
            firstID += 1
            owedSince = now
        }
        if head == slots.count {
            slots.removeAll(keepingCapacity: head <= 1024)
            head = 0
        } else if head > 256, head > slots.count / 2 {
            slots.removeFirst(head)
            head = 0
        }
    }
}
