// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import Glibc
import Testing

/// A number that asks for more than the suite does by itself.
func environmentNumber(_ name: String) -> UInt64? {
    getenv(name).flatMap { UInt64(String(cString: $0)) }
}

@Suite(
    "Random file calls against a model (filesystem.md, connection-vm-files.md 5, 6)",
    .serialized,
    .enabled(if: RealSidecar.isThere)
)
struct FileModelTests {
    /// A difference, and the calls that led to it.
    private struct Difference {
        let steps: [FileStep]
        let text: String
    }

    private static let callsOfOneVM: UInt64 = 700

    @Test("700 calls have the outcomes of the model, and leave its tree", arguments: [1, 2, 3] as [UInt64])
    func fixed(_ seed: UInt64) throws { try run(seed: seed, count: 700) }

    @Test(
        "as many calls as AGENTOS_RANDOM_STEPS says, from AGENTOS_RANDOM_SEED or any",
        .enabled(if: environmentNumber("AGENTOS_RANDOM_STEPS") != nil)
    )
    func onDemand() throws {
        let seed = environmentNumber("AGENTOS_RANDOM_SEED") ?? UInt64.random(in: 1...999_999)
        let count = environmentNumber("AGENTOS_RANDOM_STEPS") ?? 0
        // With every file that was removed the sidecar becomes slower: a VM of its own for every few hundred.
        let time = try ContinuousClock().measure {
            for part in 0..<(count + Self.callsOfOneVM - 1) / Self.callsOfOneVM {
                let rest = count - part * Self.callsOfOneVM
                try run(seed: seed + part, count: Int(min(rest, Self.callsOfOneVM)))
            }
        }
        print("random file calls: seed \(seed), \(count) steps, \(time)")
    }

    private func run(seed: UInt64, count: Int) throws {
        guard let difference = try Self.search(seed: seed, count: count) else { return }
        var smallest = ""
        if environmentNumber("AGENTOS_RANDOM_SHRINK") != nil {
            // The last calls are nearly always enough.
            let recent = Array(difference.steps.suffix(3000))
            let steps = shrink(recent) { (try? Self.replay($0)) != nil }
            smallest = "\nsmallest: \(steps)\n\((try? Self.replay(steps)) ?? "")"
        }
        Issue.record(
            "seed \(seed), step \(difference.steps.count): \(difference.text)\nbefore it: \(difference.steps.suffix(8))\(smallest)"
        )
    }

    private static func search(seed: UInt64, count: Int) throws -> Difference? {
        let interval = environmentNumber("AGENTOS_RANDOM_INTERVAL").map { Int($0) } ?? 50
        let vm = try newVM()
        let tree = ModelTree()
        var generator = FileStepGenerator(seed: seed)
        var steps: [FileStep] = []
        defer {
            print("random file calls: seed \(seed), \(steps.count) of \(count) made, \(tree.refused) refused")
        }
        for number in 1...count {
            let step = generator.next(tree)
            switch try make(step, tree, vm) {
            case .left: continue
            case .agreed: steps.append(step)
            case .differed(let text): return Difference(steps: steps + [step], text: text)
            }
            if number.isMultiple(of: interval), let text = try difference(tree, vm) {
                return Difference(steps: steps, text: text)
            }
        }
        try vm.shutdown()
        return nil
    }

    /// Nil if these calls agree with the model.
    private static func replay(_ steps: [FileStep]) throws -> String? {
        let vm = try newVM()
        let tree = ModelTree()
        for step in steps {
            if case .differed(let text) = try make(step, tree, vm) { return text }
        }
        return try difference(tree, vm)
    }

    private static func newVM() throws -> HostVM {
        let vm = try RealSidecar.sidecar().createVM()
        try vm.makeDirectory(ModelTree.root)
        return vm
    }

    private enum Made {
        case agreed
        case differed(String)
        /// Not made: it would leave the model.
        case left
    }

    private static func make(_ step: FileStep, _ tree: ModelTree, _ vm: HostVM) throws -> Made {
        var expected = Outcome.done
        let trial = tree.copy()
        if trial.leaves({ expected = step.expected(trial) }) { return .left }
        if step.expected(tree).description.hasPrefix("E") { tree.refused += 1 }
        let found = try step.found(vm)
        return expected.allows(found) ? .agreed : .differed("\(step): expected \(expected), found \(found)")
    }

    private static func difference(_ tree: ModelTree, _ vm: HostVM) throws -> String? {
        let expected = WholeTree.expected(tree)
        let found: [String]
        do { found = try WholeTree.found(vm) } catch { return "the tree cannot be read: \(error)" }
        guard expected != found else { return nil }
        let missing = expected.filter { !found.contains($0) }
        let excess = found.filter { !expected.contains($0) }
        return "the tree: expected \(missing), found \(excess)"
    }
}
