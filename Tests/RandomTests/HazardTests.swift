// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Random calls, right and wrong, leave the sidecar alive (connection-vm-files.md 9)",
    .serialized,
    .enabled(if: RealSidecar.isThere)
)
struct HazardTests {
    private static let batch = 25
    /// Files of earlier batches make each call slower.
    private static let batchesOfOneVM = 8

    @Test("some hundred calls of a fixed seed")
    func fixed() throws { try run(seed: 1, limit: .seconds(60), batches: 16) }

    @Test(
        "as long as AGENTOS_RANDOM_SECONDS says, from AGENTOS_RANDOM_SEED or any",
        .enabled(if: environmentNumber("AGENTOS_RANDOM_SECONDS") != nil)
    )
    func onDemand() throws {
        let seed = environmentNumber("AGENTOS_RANDOM_SEED") ?? UInt64.random(in: 1...999_999)
        let seconds = environmentNumber("AGENTOS_RANDOM_SECONDS") ?? 0
        try run(seed: seed, limit: .seconds(Int64(seconds)), batches: .max)
    }

    private func run(seed: UInt64, limit: Duration, batches: Int) throws {
        let start = ContinuousClock.now
        var (calls, batch) = (0, 0)
        try withTestFolder { folder in
            let host = "\(folder)/host"
            for name in ["host", "mounted"] { _ = try ChildRun.run("/bin/mkdir", ["\(folder)/\(name)"]) }
            try writeFile("\(host)/keep", Array("kept\n".utf8))
            var generator = HazardGenerator(seed: seed, host: host)
            var world = try World(host)
            var made: [HazardCall] = []
            while batch < batches, ContinuousClock.now - start < limit {
                if batch > 0, batch.isMultiple(of: Self.batchesOfOneVM) {
                    try world.vm.shutdown()
                    world = try World(host, world.vm.sidecar)
                    made = []
                }
                let next = (0..<Self.batch).map { _ in generator.next() }
                if let (count, text) = world.failure(of: next) {
                    var smallest = ""
                    if environmentNumber("AGENTOS_RANDOM_SHRINK") != nil {
                        let culprits = shrink(made + next.prefix(count)) { Self.replay($0, host) != nil }
                        smallest = "\nsmallest:\n\(Self.text(culprits))\n\(Self.replay(culprits, host) ?? "")"
                    }
                    Issue.record(
                        "seed \(seed), batch \(batch), call \(count): \(text)\nbatch:\n\(Self.text(next.prefix(count)))\(smallest)"
                    )
                    return
                }
                made += next
                calls += next.count
                batch += 1
            }
        }
        print("random calls: seed \(seed), \(calls) calls, \(ContinuousClock.now - start)")
    }

    /// One call a line; long paths and contents are cut.
    private static func text(_ calls: some Sequence<HazardCall>) -> String {
        calls.map { call in
            let text = "\(call)"
            return text.utf8.count < 600 ? text : "\(text.prefix(200)) ... \(text.suffix(100))"
        }.joined(separator: "\n")
    }

    private static func replay(_ calls: [HazardCall], _ host: String) -> String? {
        guard (try? writeFile("\(host)/keep", Array("kept\n".utf8))) != nil else { return nil }
        return (try? World(host))?.failure(of: calls)?.1
    }

    /// A sidecar with a VM, and what must not change.
    private struct World {
        let vm: HostVM
        private let run: HazardRun
        private let host: String
        private let processID: Int32?

        init(_ host: String, _ sidecar: HostSidecar? = nil) throws {
            let sidecar = try sidecar ?? RealSidecar.sidecar()
            vm = try sidecar.createVM(
                JSONReader.parse(
                    """
                    {"mounts":[{"path":"/mnt/h","plugin":{"id":"host_dir","config":{"hostPath":"\(host.dropLast(4))mounted","readOnly":false}}},\
                    {"path":"/memory","plugin":{"id":"memory"}}]}
                    """
                )
            )
            try vm.makeDirectory("/tmp/h")
            (self.host, run, processID) = (host, HazardRun(vm), sidecar.processID)
        }

        /// Which call was the last, counted from 1, and what is wrong behind it.
        func failure(of calls: [HazardCall]) -> (Int, String)? {
            for (index, call) in calls.enumerated() {
                if let text = run.failure(of: call) { return (index + 1, text) }
            }
            return trouble.map { (calls.count, $0) }
        }

        private var trouble: String? {
            if !vm.isAlive { return "the sidecar does not answer" }
            do {
                let done = try vm.run(argv: ["node", "-e", "1"])
                if done.code != 0 { return "a fresh program ended with \(done.code): \(done.errorText)" }
            } catch { return "a fresh program: \(error)" }
            if vm.sidecar.processID != processID { return "the sidecar is another process" }
            let names = (try? folder(host)) ?? []
            guard names == ["keep"], (try? readFile("\(host)/keep")) == Array("kept\n".utf8) else {
                return "the folder of the host was changed: \(names)"
            }
            return nil
        }
    }
}
