// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import Glibc

/// Differences that are known already, left out on demand so that a run finds further ones:
/// `AGENTOS_RANDOM_SKIP=parents,links`. The suite itself leaves out none.
enum KnownDifference: String, CaseIterable {
    /// Missing parents, or what is renamed, that take the place of a file that was removed.
    case parents
    /// Another path for a link to nothing.
    case links
    /// Another path for one of two names of a file onto the other.
    case names
    /// A move of a directory into one that holds it.
    case ancestors
    /// A directory by way of a link to a device file.
    case devices
    /// Set-user and set-group bits on the way through a copy or a write.
    case bits

    static let skipped: Set<KnownDifference> = {
        let words = getenv("AGENTOS_RANDOM_SKIP").map { String(cString: $0) } ?? ""
        return Set(words.split(separator: ",").compactMap { KnownDifference(rawValue: String($0)) })
    }()

    /// A removal in another way, which leaves no trace in the sidecar: under a name that never comes again.
    static func isCircumvented(_ step: FileStep, _ vm: HostVM) throws -> Bool {
        guard skipped.contains(.parents) else { return false }
        let path: String
        switch step {
        case .unlink(let given):
            if (try? vm.lstat(given))?["isDirectory"] == .bool(true) { return false }
            path = given
        case .remove(let given, let recursive):
            if !recursive, (try? vm.lstat(given))?["isDirectory"] == .bool(true) { return false }
            path = given
        default: return false
        }
        guard let place = try? vm.lstat(path) else { return false }
        let names = path.split(separator: "/")
        guard let folder = try? vm.realPath("/" + names.dropLast().joined(separator: "/")) else {
            return false
        }
        let real = folder + "/" + (names.last ?? "")
        let trash = "/tmp/trash/\(UInt64.random(in: 0 ... .max))"
        if (try? vm.exists("/tmp/trash")) == false { try vm.makeDirectory("/tmp/trash") }
        if place["isSymbolicLink"] == .bool(true) {
            try vm.write(trash + "link", "")
            try vm.rename(trash + "link", to: real)
        }
        try vm.rename(real, to: trash)
        try vm.remove(trash, recursive: true)
        return true
    }

    static func isSkipped(_ step: FileStep, _ tree: ModelTree) -> Bool {
        skipped.contains { $0.covers(step, tree) }
    }

    private func covers(_ step: FileStep, _ tree: ModelTree) -> Bool {
        switch self {
        case .parents:
            step.made.contains { path in tree.missing(path).contains { tree.removedFiles.contains($0) } }
                || (step.renamed.map { tree.hides($0.from, $0.to) } ?? false)
                || step.paths.contains { tree.isMistaken($0) }
        case .links: step.renamed.map { tree.dangles($0.from) } ?? false
        case .names:
            step.renamed.map { pair in
                guard let from = try? tree.existing(pair.from).node else { return false }
                return from === (try? tree.existing(pair.to).node)
            } ?? false
        case .ancestors:
            step.renamed.map { pair in
                guard let from = try? tree.existing(pair.from), from.node.children != nil,
                    let to = try? tree.existing(pair.to)
                else { return false }
                return from.entry.path.hasPrefix(to.entry.path + "/")
            } ?? false
        // On the model there are none.
        case .devices: false
        case .bits:
            if case .changeMode(_, let mode) = step { mode & 0o6000 != 0 } else { false }
        }
    }
}

extension FileStep {
    /// What it puts somewhere new.
    fileprivate var made: [String] {
        switch self {
        case .write(let path, _), .makeDirectory(let path, _), .symlink(_, let path), .link(_, let path):
            [path]
        case .writeFiles(let paths, _): paths
        default: []
        }
    }

    /// All paths that it names.
    fileprivate var paths: [String] {
        switch self {
        case .write(let path, _), .read(let path), .makeDirectory(let path, _), .remove(let path, _),
            .unlink(let path), .removeDirectory(let path), .symlink(_, let path), .readLink(let path),
            .exists(let path), .stat(let path), .lstat(let path), .truncate(let path, _),
            .changeMode(let path, _), .walk(let path), .list(let path), .realPath(let path):
            [path]
        case .writeFiles(let paths, _): paths
        case .rename(let from, let to), .move(let from, let to), .link(let from, let to): [from, to]
        }
    }

    fileprivate var renamed: (from: String, to: String)? {
        switch self {
        case .rename(let from, let to), .move(let from, let to): (from, to)
        default: nil
        }
    }
}

extension ModelTree {
    /// The directories that would have to be made for this one.
    fileprivate func missing(_ path: String) -> [String] {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        let entries = [try? entry(path), try? destination(path), try? destination(folder)].compactMap { $0 }
        return entries.flatMap { entry in
            let names = entry.missing + [entry.name]
            return names.indices.map { last in
                "/" + (entry.folder.names + names[...last]).joined(separator: "/")
            }
        }
    }

    /// Whether the path leads through links, and by its text to where a file was removed.
    fileprivate func isMistaken(_ path: String) -> Bool {
        let names = path.split(separator: "/")
        let text = "/" + names.joined(separator: "/")
        guard let real = try? entry(path), real.path != text || real.node?.text != nil else { return false }
        return names.indices.contains { removedFiles.contains("/" + names[...$0].joined(separator: "/")) }
    }

    /// Whether something would get a path at or below which a file was removed.
    fileprivate func hides(_ from: String, _ to: String) -> Bool {
        guard (try? existing(from)) != nil, let target = try? entry(to) else { return false }
        // Two directories that become one are copied, name by name.
        if let children = target.node?.children, !children.isEmpty { return false }
        return removedFiles.contains { $0 == target.path || $0.hasPrefix(target.path + "/") }
    }

    fileprivate func dangles(_ path: String) -> Bool {
        guard let node = try? existing(path).node, node.text != nil else { return false }
        return (try? resolve(path)) == nil
    }
}
