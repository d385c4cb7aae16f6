// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("RequestLimits: the table of transport.md 5.2")
struct RequestLimitsTests {
    /// In seconds, as the table has them; all others have 60.
    private static let table: [String: UInt64] = [
        "authenticate": 30, "create_session": 260, "session_request": 150, "close_agent_session": 60,
        "get_session_state": 30, "dispose_vm": 10,
    ]

    @Test("every type of request has its limit")
    func defaults() {
        #expect(RequestLimits.types.count == 28 && RequestLimits.types.isSuperset(of: Self.table.keys))
        let limits = RequestLimits()
        for type in RequestLimits.types {
            #expect(limits.limit(of: type) == (Self.table[type] ?? 60) * 1_000_000_000, "\(type)")
        }
    }

    @Test("each can be set, and none changes another; the last word counts")
    func settable() {
        for type in RequestLimits.types {
            var limits = RequestLimits()
            limits.set(type, 1)
            limits.set(type, 7)
            for other in RequestLimits.types {
                #expect(limits.limit(of: other) == (other == type ? 7 : RequestLimits().limit(of: other)))
            }
        }
    }

    @Test("what is set for all others leaves those of their own alone")
    func others() {
        var limits = RequestLimits()
        limits.others = 5
        limits.set("execute", 0)
        for type in RequestLimits.types where type != "execute" {
            #expect(limits.limit(of: type) == (Self.table[type].map { $0 * 1_000_000_000 } ?? 5), "\(type)")
        }
        #expect(limits.limit(of: "execute") == 0)
    }
}
