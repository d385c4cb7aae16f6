// SPDX-License-Identifier: Apache-2.0

/// What a call must give: `ok` and what it returned, or the errno that refuses it. Where the documents leave
/// open which of two it is, both are named, with `|` between them.
struct Outcome: CustomStringConvertible {
    let pieces: [String]

    init(_ pieces: String...) { self.pieces = pieces }
    init(_ pieces: [String]) { self.pieces = pieces }

    static let done = Outcome("ok")
    var description: String { pieces.joined(separator: " ") }

    /// Whether what was found is one of what is allowed.
    func allows(_ found: Outcome) -> Bool {
        pieces.count == found.pieces.count
            && zip(pieces, found.pieces).allSatisfy { allowed, piece in
                allowed == piece || allowed.split(separator: "|").contains(Substring(piece))
            }
    }
}

/// The errno that the model answers with.
struct ModelRefusal: Error {
    let errno: String
    init(_ errno: String) { self.errno = errno }
}

/// A file, a directory or a link. A class, for a file may have many names.
final class ModelNode {
    enum Kind {
        case file([UInt8])
        case directory([String: ModelNode])
        case link(String)
    }

    var kind: Kind
    var mode: Int

    init(_ kind: Kind, mode: Int) { (self.kind, self.mode) = (kind, mode) }

    static func directory() -> ModelNode { ModelNode(.directory([:]), mode: 0o755) }

    var children: [String: ModelNode]? {
        get {
            if case .directory(let children) = kind { return children }
            return nil
        }
        set { if let newValue { kind = .directory(newValue) } }
    }

    var text: String? {
        if case .link(let text) = kind { return text }
        return nil
    }

    /// In the order of a listing.
    var names: [String] { (children ?? [:]).keys.sorted() }
}

/// A tree of files as the library promises it (agentos.h, filesystem.md, connection-vm-files.md 5).
final class ModelTree {
    static let root = "/tmp/model"
    static let maximumHops = 40

    /// Where something is, without links: the directories on the way to it, the root first.
    struct Place {
        var nodes: [ModelNode]
        var names: [String] = []
        var path: String { "/" + names.joined(separator: "/") }
        var node: ModelNode? { nodes.last }
    }

    /// A directory and a name in it. `missing` are directories between the two that are not there yet.
    struct Entry {
        let folder: Place
        let missing: [String]
        let name: String
        var node: ModelNode? { missing.isEmpty ? folder.node?.children?[name] : nil }
        var path: String { "/" + (folder.names + missing + [name]).joined(separator: "/") }
    }

    let top = ModelNode.directory()
    /// How many calls were refused.
    var refused = 0
    /// Set when a path has led out of the part of the tree that the model knows.
    private(set) var hasLeft = false

    init() {
        let temporary = ModelNode.directory()
        temporary.children = ["model": .directory()]
        top.children = ["tmp": temporary]
    }

    /// Whether some work would look at what is outside.
    func leaves(_ body: () -> Void) -> Bool {
        hasLeft = false
        body()
        return hasLeft
    }

    private enum Step {
        case found(Place)
        /// What is missing there, and whether a link's text named it.
        case missing(Place, [String], fromLink: Bool)
    }

    private func walk(_ path: String) throws(ModelRefusal) -> Step {
        var place = Place(nodes: [top])
        var queue = path.split(separator: "/").map { (name: String($0), fromLink: false) }
        var hops = 0
        while let (name, fromLink) = queue.first {
            guard let children = place.node?.children else {
                // What a link says there is nothing, or something below a file: both are true.
                throw ModelRefusal(fromLink ? "ENOTDIR|ENOENT" : "ENOENT|ENOTDIR")
            }
            queue.removeFirst()
            if name == "." { continue }
            if name == ".." {
                if place.names.count <= 2 { hasLeft = true }
                if !place.names.isEmpty {
                    place.nodes.removeLast()
                    place.names.removeLast()
                }
                continue
            }
            guard let child = children[name] else {
                if !"/\((place.names + [name]).joined(separator: "/"))".hasPrefix(Self.root) {
                    hasLeft = true
                }
                return .missing(place, [name] + queue.map(\.name), fromLink: fromLink)
            }
            if let text = child.text {
                hops += 1
                if hops > Self.maximumHops { throw ModelRefusal("ENOENT") }
                queue = text.split(separator: "/").map { (String($0), true) } + queue
            } else {
                place.nodes.append(child)
                place.names.append(name)
            }
        }
        return .found(place)
    }

    /// What a path leads to, links followed.
    func resolve(_ path: String) throws(ModelRefusal) -> Place {
        guard case .found(let place) = try walk(path) else { throw ModelRefusal("ENOENT") }
        return place
    }

    /// What stands at a path, the last link not followed.
    func entry(_ path: String) throws(ModelRefusal) -> Entry {
        let parts = path.split(separator: "/").map(String.init)
        let name = parts.last ?? ""
        switch try walk(parts.dropLast().joined(separator: "/")) {
        case .found(let place):
            if place.names.count < 2 { hasLeft = true }
            return Entry(folder: place, missing: [], name: name)
        case .missing(_, _, fromLink: true): throw ModelRefusal("ENOENT")
        case .missing(let place, let missing, fromLink: false):
            return Entry(folder: place, missing: missing, name: name)
        }
    }

    /// What is there; nothing is ENOENT.
    func existing(_ path: String) throws(ModelRefusal) -> (entry: Entry, node: ModelNode) {
        let entry = try entry(path)
        guard entry.folder.node?.children != nil else { throw ModelRefusal("ENOENT|ENOTDIR") }
        guard let node = entry.node else { throw ModelRefusal("ENOENT") }
        return (entry, node)
    }

    /// Where a write ends up: the last link is followed, also one to nothing.
    func destination(_ path: String) throws(ModelRefusal) -> Entry {
        var path = path
        for _ in 0...Self.maximumHops {
            let entry: Entry
            do { entry = try self.entry(path) } catch {
                throw error.errno == "ENOENT|ENOTDIR" ? ModelRefusal("ENOTDIR") : error
            }
            guard let text = entry.node?.text else { return entry }
            path = Self.path(text, from: entry.folder.names)
            if path.utf8.count <= Self.root.utf8.count { hasLeft = true }
        }
        throw ModelRefusal("ENOENT")
    }

    /// A link's text as a path. The folder has no links, so that `..` is its parent.
    private static func path(_ text: String, from folder: [String]) -> String {
        var names = folder
        for name in text.split(separator: "/") where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(String(name)) }
        }
        return "/" + names.joined(separator: "/")
    }

    /// Puts a node there, with the directories that are missing.
    func put(_ node: ModelNode, at entry: Entry) throws(ModelRefusal) {
        guard var folder = entry.folder.node, folder.children != nil else { throw ModelRefusal("ENOTDIR") }
        for name in entry.missing {
            let new = ModelNode.directory()
            folder.children?[name] = new
            folder = new
        }
        folder.children?[entry.name] = node
    }

    func take(_ entry: Entry) { entry.folder.node?.children?[entry.name] = nil }

    /// All that is below the model's root: path and node, breadth first, as a walk lists it.
    func list(below path: String, _ start: ModelNode) -> [(path: String, node: ModelNode)] {
        var found: [(path: String, node: ModelNode)] = []
        var queue = [(path: path, node: start)]
        while !queue.isEmpty {
            let (path, folder) = queue.removeFirst()
            for name in folder.names {
                guard let node = folder.children?[name] else { continue }
                found.append(("\(path)/\(name)", node))
                if node.children != nil { queue.append(("\(path)/\(name)", node)) }
            }
        }
        return found
    }

    /// All of the tree.
    var all: [(path: String, node: ModelNode)] {
        guard let node = top.children?["tmp"]?.children?["model"] else { return [] }
        return list(below: Self.root, node)
    }
}

extension ModelTree {
    /// The same tree in other nodes, to try something with. Names of one file stay that.
    func copy() -> ModelTree {
        let tree = ModelTree()
        var copies: [ObjectIdentifier: ModelNode] = [:]
        func copy(_ node: ModelNode) -> ModelNode {
            if let known = copies[ObjectIdentifier(node)] { return known }
            let new = ModelNode(node.kind, mode: node.mode)
            copies[ObjectIdentifier(node)] = new
            new.children = node.children?.mapValues(copy)
            return new
        }
        tree.top.children = top.children?.mapValues(copy)
        return tree
    }
}
