// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("Placement and SidecarID (sidecar-lifecycle.md 2)")
struct PlacementTests {
    @Test("a placement has its JSON form, members in order, an empty pool left out")
    func json() {
        #expect(JSONWriter.text(Placement.shared(pool: "p").json) == #"{"kind":"shared","pool":"p"}"#)
        #expect(JSONWriter.text(Placement.shared(pool: "").json) == #"{"kind":"shared"}"#)
        #expect(JSONWriter.text(Placement.explicit(id: "x").json) == #"{"kind":"explicit","sidecarId":"x"}"#)
    }

    @Test("generated ids are UUIDs of version 4 in lower case, each another one")
    func generated() {
        let ids = (0..<2000).map { _ in SidecarID.generated() }
        #expect(Set(ids).count == 2000)
        let digits = Set("0123456789abcdef")
        for id in ids {
            guard id.hasPrefix("agent-os-sidecar-") else {
                Issue.record("\(id)")
                continue
            }
            let uuid = id.dropFirst("agent-os-sidecar-".count)
            let groups = uuid.split(separator: "-", omittingEmptySubsequences: false)
            let isRight =
                groups.map(\.count) == [8, 4, 4, 4, 12]
                && groups.allSatisfy { $0.allSatisfy { digits.contains($0) } }
                && groups[2].first == "4" && Set("89ab").contains(groups[3].first ?? "x")
            if !isRight { Issue.record("\(id)") }
        }
        #expect(SidecarID.shared("default") == "agent-os-shared-sidecar:default")
    }
}
