// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension RootFilesystemDescriptor {
    /// By itself, or because it was asked for by name.
    var hasBase: Bool {
        !disableDefaultBaseLayer
            || lowers.contains { if case .bundledBaseFilesystem = $0 { true } else { false } }
    }

    /// What the lowers hold of both: of the base image its links, where nothing hides them; of snapshots directories also
    /// where only something below them is named.
    var linksAndDirectories: (links: [ByteKey: String], directories: Set<ByteKey>) {
        var links: [ByteKey: String] = [:]
        if hasBase { for (path, text) in BaseImage.links { links[ByteKey(path)] = text } }
        var directories: Set<ByteKey> = []
        for case .snapshot(let snapshot) in lowers {
            for entry in snapshot.entries {
                links[ByteKey(entry.path)] = nil
                if entry.kind == .symlink { links[ByteKey(entry.path)] = entry.target ?? "" }
                var folder = entry.kind == .directory ? entry.path : GuestPath.split(entry.path).parent
                while directories.insert(ByteKey(folder)).inserted { folder = GuestPath.split(folder).parent }
            }
        }
        return (links.filter { !directories.contains($0.key) }, directories)
    }
}

/// The root filesystem that a caller asks for (filesystem.md 9.2), checked for everything that would end the
/// sidecar.
struct RootFilesystem: Sendable {
    enum Layer: Sendable {
        case entries([RootFilesystemEntry])
        case base
    }

    var isReadOnly: Bool = false
    var modeWasGiven: Bool = false
    var disablesBase: Bool = false
    private var layers: [Layer] = []

    static let exportKind = "snapshot-export"
    static let exportFormat = "agent-os-filesystem-snapshot-v1"

    init() {}

    init(_ value: JSONValue, place: String) throws(ClientError) {
        let object = try ConfigurationObject(
            value,
            path: place,
            allowed: ["type", "mode", "disableDefaultBaseLayer", "lowers"]
        )
        _ = try object.choice("type", ["overlay": true])
        let mode = try object.choice("mode", ["ephemeral": false, "read-only": true])
        modeWasGiven = mode != nil
        isReadOnly = mode ?? false
        disablesBase = try object.bool("disableDefaultBaseLayer") ?? false
        layers =
            try object.list("lowers") { (value, place) throws(ClientError) in try Self.layer(value, place) }
            ?? []
        let all = layers.flatMap { layer -> [RootFilesystemEntry] in
            if case .entries(let entries) = layer { entries } else { [] }
        }
        try Self.checkTree(all, object.place("lowers"))
    }

    /// What is no directory holds nothing, in whichever of the caller's lowers the two are: the sidecar would end as it
    /// copies them. What the base has there is hidden.
    static func checkTree(_ entries: [RootFilesystemEntry], _ place: String) throws(ClientError) {
        var kinds: [ByteKey: RootFilesystemEntryKind] = [:]
        var paths: [String] = []
        for entry in entries where kinds[ByteKey(entry.path)] == nil {
            kinds[ByteKey(entry.path)] = entry.kind
            paths.append(entry.path)
        }
        for path in paths {
            var folder = GuestPath.split(path).parent
            while folder != "/" {
                if let kind = kinds[ByteKey(folder)], kind != .directory {
                    throw .invalid("\(place): \(path) lies below \(folder), which is no directory")
                }
                folder = GuestPath.split(folder).parent
            }
        }
    }

    /// A mount in the place of what is no directory, or below it: the sidecar makes the VM and fails at every call.
    func check(mountPoint path: String) throws(ClientError) {
        var kinds: [ByteKey: RootFilesystemEntryKind] = [:]
        for case .entries(let entries) in layers {
            for entry in entries where kinds[ByteKey(entry.path)] == nil {
                kinds[ByteKey(entry.path)] = entry.kind
            }
        }
        var place = path
        while place != "/" {
            if let kind = kinds[ByteKey(place)], kind != .directory {
                let what = kind == .symlink ? "a link" : "a file"
                throw .guest("ENOTDIR", "not a directory, mount '\(path)': a lower has \(what) at \(place)")
            }
            place = GuestPath.split(place).parent
        }
    }

    static func layer(_ value: JSONValue, _ place: String) throws(ClientError) -> Layer {
        let object = try ConfigurationObject(value, path: place, allowed: ["kind", "source"])
        let isBase = try object.choice("kind", ["bundled-base-filesystem": true, exportKind: false])
        guard let isBase else { throw .invalid("\(object.place("kind")): missing") }
        if isBase { return .base }
        guard let source = try object.object("source", allowed: ["format", "filesystem"]),
            try source.string("format") == exportFormat,
            let filesystem = try source.object("filesystem", allowed: ["entries"])
        else { throw .invalid("\(place): Invalid snapshot export") }
        var seen: Set<ByteKey> = []
        var entries: [RootFilesystemEntry] = []
        let list = try filesystem.list("entries") { (value, _) throws(ClientError) in
            try RootFilesystemEntry(configuration: value, lower: place)
        }
        guard let list else { throw .invalid("\(place): Invalid snapshot export") }
        // Of a path that stands twice in one list the sidecar takes the last.
        for entry in list.reversed() where seen.insert(ByteKey(entry.path)).inserted { entries.append(entry) }
        return .entries(entries.reversed())
    }

    /// The wire form: the caller's lowers merged into one, so that a path comes once and the first occurrence
    /// wins (hazard H5), and behind it one lower of ours.
    func descriptor(readOnly: Bool, generated: [RootFilesystemEntry]) -> RootFilesystemDescriptor {
        var seen: Set<ByteKey> = []
        var merged: [RootFilesystemEntry] = []
        var lowers: [RootFilesystemLowerDescriptor] = []
        for layer in layers {
            switch layer {
            case .base: lowers.append(.bundledBaseFilesystem(BundledBaseFilesystemLower()))
            case .entries(let entries):
                for entry in entries where seen.insert(ByteKey(entry.path)).inserted { merged.append(entry) }
            }
        }
        if !merged.isEmpty { lowers.insert(.snapshot(SnapshotRootFilesystemLower(entries: merged)), at: 0) }
        let ours = generated.filter { !seen.contains(ByteKey($0.path)) }
        if !ours.isEmpty { lowers.append(.snapshot(SnapshotRootFilesystemLower(entries: ours))) }
        return RootFilesystemDescriptor(
            mode: readOnly ? .readOnly : .ephemeral,
            disableDefaultBaseLayer: disablesBase,
            lowers: lowers
        )
    }

    /// The file of instructions and its directory; nothing if the caller brings one.
    func instructionEntries(_ instructions: String) -> [RootFilesystemEntry] {
        let isGiven = layers.contains { layer in
            guard case .entries(let entries) = layer else { return false }
            return entries.contains { $0.path == BaseImage.instructionsPath }
        }
        return isGiven
            ? []
            : [
                .directory("/etc/agentos"),
                .file(BaseImage.instructionsPath, instructions, mode: 0o644),
            ]
    }

    /// Entries that are not in the base (vm.md 6.2): what cannot be added to a root once it is read-only, and
    /// the skeleton of a root without base.
    ///
    /// The instructions are put into an ephemeral root behind its creation instead: an entry of a lower is one
    /// more file in the copy that the sidecar goes through at nearly every call, which makes `exists` in an
    /// empty VM take twice as long.
    func generatedEntries(readOnly: Bool, instructions: String, commands: [String], mountPoints: [String])
        -> [RootFilesystemEntry]
    {
        let hasBase = !disablesBase || layers.contains { if case .base = $0 { true } else { false } }
        var entries: [RootFilesystemEntry] = []
        if readOnly || !hasBase { entries.append(.directory("/")) }
        if readOnly {
            entries += instructionEntries(instructions)
            // The sidecar writes the stubs by itself, but not into a root that is locked.
            for command in commands {
                entries.append(.file("/bin/\(command)", "#!/bin/sh\n# kernel command stub\n", mode: 0o755))
            }
            for point in mountPoints { entries.append(.directory(point)) }
        }
        if !hasBase {
            for directory in BaseImage.skeleton {
                var entry = RootFilesystemEntry.directory(directory.path, mode: directory.mode)
                if directory.path == "/home/user" { (entry.uid, entry.gid) = (1000, 1000) }
                entries.append(entry)
            }
            var stub = RootFilesystemEntry.file("/usr/bin/env", "AA==", mode: 0o644)
            stub.encoding = .base64
            entries.append(stub)
        }
        var seen: Set<String> = []
        let unique = entries.filter { entry in
            if entry.path != "/", hasBase, BaseImage.contains(entry.path) { return false }
            return seen.insert(entry.path).inserted
        }
        return unique.sorted { left, right in
            let depths = (Self.depth(left.path), Self.depth(right.path))
            return depths.0 == depths.1 ? left.path.precedesByBytes(right.path) : depths.0 < depths.1
        }
    }

    private static func depth(_ path: String) -> Int {
        path == "/" ? 0 : path.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: "/") ? 1 : 0) }
    }
}
