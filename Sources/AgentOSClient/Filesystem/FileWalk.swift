// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// What a walk through a tree is to do.
package struct WalkOptions: Sendable {
    /// 0: only what is in the directory itself. Nil: all.
    var maxDepth: Int?
    /// Names that are left out, with what is below them.
    var exclude: Set<ByteKey> = []
    /// Each size costs the sidecar a scan of all files.
    var sizes: Bool = false

    package init() {}

    package init(document: String?) throws(ClientError) {
        let object = try ConfigurationObject(document: document, allowed: ["maxDepth", "exclude", "sizes"])
        maxDepth = try object.integer("maxDepth", in: 0...Int64(Int32.max)).map { Int($0) }
        exclude = Set(try object.strings("exclude")?.map { ByteKey($0) } ?? [])
        sizes = try object.bool("sizes") ?? false
    }
}

/// One thing that a walk has found.
struct WalkEntry: Sendable {
    enum Kind: String, Sendable { case file, directory, symlink }
    let path: String
    let kind: Kind
    var size: UInt64?

    var json: JSONValue {
        .members([
            "path": .string(path), "type": .string(kind.rawValue),
            "size": size.map { .number($0) },
        ])
    }
}

extension VM {
    /// Everything below a directory, breadth first, names in the order of their listing, links not entered
    /// (filesystem.md 7.2): a JSON array of `{path, type, size?}`.
    package func walkJSON(_ path: String, _ options: WalkOptions, _ meter: ProgressMeter) -> Steps<String> {
        walk(path, options, meter).map { entries in JSONWriter.text(.array(entries.map(\.json))) }
    }

    func walk(_ path: String, _ options: WalkOptions, _ meter: ProgressMeter) -> Steps<[WalkEntry]> {
        Steps<[WalkEntry]>.operation("readdirRecursive", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            let start = guardsFiles ? resolve(path) : .done(try unresolved(path))
            let listing = start.then { [self] real in
                readDirRequest(real).map { Root(given: path.text, real: real, names: $0) }
            }
            return inTurn(.beside, listing).then { [self] root in FileWalk(self, options, meter, root).steps }
        }
    }
}

/// Where a walk begins: a link is looked through, and its path is what the entries are told by.
private struct Root: Sendable {
    let given: String
    let real: String
    let names: [String]

    func given(_ path: String) -> String {
        if given.hasSameBytes(as: real) { return path }
        return given + (real == "/" ? path : path.behindBytes(of: real))
    }
}

/// A walk under way. No recursion: a tree may be thousands of levels deep.
private final class FileWalk: Sendable {
    private struct Folder: Sendable {
        let path: String
        let depth: Int
        let names: [String]
    }

    private struct State: Sendable {
        var folders = Fifo<Folder>()
        var current: Folder
        var nextName = 0
        var entries: [WalkEntry] = []
    }

    private let vm: VM
    private let options: WalkOptions
    private let meter: ProgressMeter
    private let root: Root
    private let state: Lock<State>

    init(_ vm: VM, _ options: WalkOptions, _ meter: ProgressMeter, _ root: Root) {
        self.vm = vm
        self.options = options
        self.meter = meter
        self.root = root
        state = Lock(State(current: Folder(path: root.real, depth: 0, names: root.names)))
    }

    var steps: Steps<[WalkEntry]> {
        .loop(()) { [self] _ in
            guard let (path, depth) = next() else { return .done(.done(state.withLock { $0.entries })) }
            return visit(path, depth).map { .again(()) }
        }
    }

    /// The next name to look at, with the depth of its directory.
    private func next() -> (path: String, depth: Int)? {
        state.withLock { state in
            while true {
                while state.nextName < state.current.names.count {
                    let name = state.current.names[state.nextName]
                    state.nextName += 1
                    if name == "." || name == ".." || options.exclude.contains(ByteKey(name)) { continue }
                    return (GuestPath.join(state.current.path, name), state.current.depth)
                }
                guard let folder = state.folders.popFirst() else { return nil }
                (state.current, state.nextName) = (folder, 0)
            }
        }
    }

    private func visit(_ path: String, _ depth: Int) -> Steps<Void> {
        let look = vm.kind(of: path).then { [self] kind in
            switch kind {
            // Gone since it was listed.
            case .missing: return .done(())
            case .link: return add(path, .symlink)
            case .file: return add(path, .file)
            case .directory(let names):
                if options.maxDepth.map({ depth < $0 }) ?? true {
                    state.withLock { state in
                        state.folders.append(Folder(path: path, depth: depth + 1, names: names))
                    }
                }
                return add(path, .directory)
            }
        }
        return vm.inTurn(.beside, look).recover { [root] error throws(ClientError) in
            throw error.during("readdirRecursive", path: root.given(path))
        }
    }

    private func add(_ path: String, _ kind: WalkEntry.Kind) -> Steps<Void> {
        let size: Steps<UInt64?> =
            options.sizes ? vm.lstatRequest(path).map { $0.size } : .done(nil)
        return size.map { [self] size in
            let given = root.given(path)
            state.withLock { $0.entries.append(WalkEntry(path: given, kind: kind, size: size)) }
            meter.add(entries: 1, path: given)
        }.recover { error throws(ClientError) in
            guard error.detail.errno == "ENOENT" else { throw error }
            return .done(())
        }
    }
}
