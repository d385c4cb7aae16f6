// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("InputMeter (process.md 6.4)")
struct InputMeterTests {
    private static let pipe = 65_536

    /// What was written before, what comes, and whether it would block the sidecar.
    static let table: [(before: [Int], count: Int, blocks: Bool)] = [
        ([], 0, false), ([], 1, false), ([], pipe, false), ([], pipe + 1, false), ([], 245_760, false),
        ([pipe], 1, true), ([pipe], 4096, true), ([pipe], 4097, true), ([pipe], 245_760, true),
        ([pipe], 0, false),
        ([pipe - 1], 1, false), ([pipe - 1], 2, true), ([pipe - 1], 4096, true), ([pipe - 1], 4097, false),
        ([pipe - 4096], 4096, false), ([pipe - 4095], 4096, true), ([245_760], 1, true),
        (Array(repeating: 4096, count: 16), 1, true), (Array(repeating: 4096, count: 15), 4096, false),
    ]

    /// As a process does it: what would freeze is refused and not counted.
    private func admit(_ count: Int, to meter: inout InputMeter, guarded: Bool = true) -> ClientError? {
        if guarded, meter.wouldFreeze(count) { return meter.refusal(of: count) }
        meter.add(count)
        return nil
    }

    @Test("a write that would block the sidecar for ever is refused, all others count", arguments: table)
    func admit(before: [Int], count: Int, blocks: Bool) {
        var meter = InputMeter()
        for size in before {
            let error = self.admit(size, to: &meter)
            #expect(error == nil)
        }
        let written = before.reduce(0, +)
        let error = self.admit(count, to: &meter)
        if blocks {
            #expect(error?.kind == .tooLarge)
            #expect(
                error?.message
                    == "stdin limit of this sidecar reached: \(written) bytes written, \(count) more would block it"
            )
            #expect(error?.detail.size == written + count && error?.detail.limit == Self.pipe)
        } else {
            #expect(error == nil)
        }
        let unguarded = self.admit(count, to: &meter, guarded: false)
        #expect(unguarded == nil)
    }

    @Test("what was refused does not count")
    func refused() {
        var meter = InputMeter()
        let results = [65_000, 1000, 536, 1].map { admit($0, to: &meter) == nil }
        #expect(results == [true, false, true, false])
    }
}
