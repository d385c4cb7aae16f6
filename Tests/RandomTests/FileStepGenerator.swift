// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport

/// Random calls on a tree that stays small, for each scan of the sidecar costs the square of its files.
struct FileStepGenerator {
    private static let maximumNodes = 22
    private static let maximumFiles = 8
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func chance(_ oneIn: Int) -> Bool { number(0..<oneIn) == 0 }

    /// Four names and three levels, so that most calls meet something.
    private mutating func path(orRoot: Bool = false) -> String {
        if orRoot, chance(8) { return ModelTree.root }
        let depth = chance(10) ? 4 : 1 + number(0..<3)
        let names = (0..<depth).map { _ in ["a", "b", "c", "d"][number(0..<4)] }
        return ModelTree.root + "/" + names.joined(separator: "/") + (chance(40) ? "/" : "")
    }

    private mutating func content() -> [UInt8] {
        switch number(0..<4) {
        case 0: return []
        case 1: return random.bytes(number(1..<40))
        default: return Array("text \(number(0..<1000))".utf8)
        }
    }

    private mutating func linkText() -> String {
        switch number(0..<6) {
        case 0: return path()
        case 1: return "../" + ["a", "b", "c"][number(0..<3)]
        case 2: return ["a", "b"][number(0..<2)] + "/" + ["c", "d"][number(0..<2)]
        case 3: return chance(3) ? "nowhere" : ".."
        default: return ["a", "b", "c", "d"][number(0..<4)]
        }
    }

    /// The next call that stays in the part that the model knows.
    mutating func next(_ tree: ModelTree) -> FileStep {
        let all = tree.all
        let isFull =
            all.count >= Self.maximumNodes
            || all.lazy.filter { if case .file = $0.node.kind { true } else { false } }.count
                >= Self.maximumFiles
        return isFull ? (chance(2) ? shrinking() : asking()) : any()
    }

    private mutating func any() -> FileStep {
        switch number(0..<100) {
        case ..<14: return .write(path(), content())
        case ..<24: return .makeDirectory(path(), recursive: chance(2))
        case ..<32: return .symlink(linkText(), at: path())
        case ..<36: return .link(path(), to: path())
        case ..<38: return .writeFiles((0..<number(1..<4)).map { _ in path() }, content())
        case ..<50: return .rename(path(), to: path(orRoot: chance(6)))
        case ..<62: return .move(path(), to: path(orRoot: true))
        case ..<72: return shrinking()
        default: return asking()
        }
    }

    private mutating func shrinking() -> FileStep {
        switch number(0..<4) {
        case 0: return .unlink(path())
        case 1: return .removeDirectory(path())
        default: return .remove(path(), recursive: !chance(3))
        }
    }

    private mutating func asking() -> FileStep {
        switch number(0..<11) {
        case 0: return .read(path())
        case 1: return .readLink(path())
        case 2: return .exists(path())
        case 3: return .stat(path(orRoot: true))
        case 4: return .lstat(path(orRoot: true))
        case 5: return .truncate(path(), to: number(0..<60))
        case 6: return .changeMode(path(), modes[number(0..<modes.count)])
        case 7: return chance(3) ? .walk(path(orRoot: true)) : .list(path(orRoot: true))
        case 8: return .list(path(orRoot: true))
        case 9: return .realPath(path(orRoot: true))
        default: return .read(path())
        }
    }

    /// The owner may do everything: a sidecar that does not run as root would end of less.
    private let modes = [0o700, 0o755, 0o777, 0o711, 0o1777, 0o750, 0o4755, 0o2755]
}

/// The smallest part of a list of which something still holds, by leaving out ever smaller pieces.
func shrink<Item>(_ items: [Item], _ holds: ([Item]) -> Bool) -> [Item] {
    var items = items
    var size = items.count / 2
    while size >= 1 {
        var start = 0
        while start < items.count {
            let shorter = Array(items[..<start] + items[min(start + size, items.count)...])
            if holds(shorter) { items = shorter } else { start += size }
        }
        size /= 2
    }
    return items
}
