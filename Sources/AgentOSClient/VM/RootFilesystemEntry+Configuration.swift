// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension RootFilesystemEntry {
    static func directory(_ path: String, mode: UInt32 = 0o755) -> RootFilesystemEntry {
        RootFilesystemEntry(path: path, kind: .directory, mode: mode, uid: 0, gid: 0, executable: false)
    }

    static func file(_ path: String, _ text: String, mode: UInt32) -> RootFilesystemEntry {
        RootFilesystemEntry(
            path: path,
            kind: .file,
            mode: mode,
            uid: 0,
            gid: 0,
            content: text,
            encoding: .utf8,
            executable: mode & 0o111 != 0
        )
    }

    /// One entry of a snapshot export (filesystem.md 9.1). Errors name the entry by its path.
    init(configuration value: JSONValue, lower: String) throws(ClientError) {
        let path = value["path"]?.stringValue ?? "?"
        let place = "\(lower) entry \(path)"
        let object = try ConfigurationObject(
            value,
            path: place,
            allowed: ["path", "type", "mode", "uid", "gid", "content", "encoding", "target"]
        )
        guard let path = try object.string("path") else { throw .invalid("\(place): path is missing") }
        let kind = try object.choice(
            "type",
            ["file": RootFilesystemEntryKind.file, "directory": .directory, "symlink": .symlink]
        )
        guard let kind else { throw .invalid("\(place): type is missing") }
        try Self.checkPath(path, kind, place)
        let mode = try object.string("mode").map { (text) throws(ClientError) in try Self.mode(text, place) }
        let owner = Int64(UInt32.max)
        self.init(
            path: path,
            kind: kind,
            mode: mode,
            uid: try object.integer("uid", in: 0...owner).map { UInt32($0) },
            gid: try object.integer("gid", in: 0...owner).map { UInt32($0) },
            content: try object.string("content"),
            encoding: try object.choice(
                "encoding",
                ["utf8": RootFilesystemEntryEncoding.utf8, "base64": .base64]
            ),
            target: try object.string("target"),
            executable: kind == .file && (mode ?? 0) & 0o111 != 0
        )
        if kind == .symlink, target == nil { throw .invalid("\(place): a symlink needs a target") }
        if let target, target.isEmpty || target.utf8.contains(0) {
            throw .invalid("\(place): target is empty or contains a NUL byte")
        }
        if encoding == .base64, let content, EncodedContent.decodeBase64(content) == nil {
            throw .invalid("\(place): content is not valid base64")
        }
    }

    /// Each of these would end the sidecar (hazard H3).
    private static func checkPath(_ path: String, _ kind: RootFilesystemEntryKind, _ place: String)
        throws(ClientError)
    {
        let checked: GuestPath
        do { checked = try GuestPath(path) } catch { throw .invalid("\(place): \(error.message)") }
        guard !checked.hasTrailingSlash else { throw .invalid("\(place): path ends with a slash") }
        // The sidecar's own snapshots have these two as links.
        let mayBeLink = kind == .symlink && (path == "/var/lock" || path == "/var/run")
        let holdsInstructions = BaseImage.instructionsPath.lies(below: path)
        if kind != .directory, !mayBeLink, path == "/" || BaseImage.isSkeleton(path) || holdsInstructions {
            throw .invalid("\(place): only a directory can be there")
        }
        if path.lies(atOrBelow: "/.agent-os-overlay") {
            throw .invalid("\(place): the sidecar keeps its own records there")
        }
    }

    private static func mode(_ text: String, _ place: String) throws(ClientError) -> UInt32 {
        guard !text.isEmpty, text.utf8.count <= 8, text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt32(text, radix: 8)
        else { throw .invalid("\(place): mode must be octal digits, found \"\(text)\"") }
        return mode
    }
}

extension RootFilesystemEntry {
    /// Whether its owner may do what the sidecar has to do with its own copy.
    func leavesOwnerIn(among entries: [RootFilesystemEntry]) -> Bool {
        guard let mode, mode & 0o700 != 0o700 else { return true }
        switch kind {
        case .directory:
            // What is empty need not be written.
            return mode & 0o500 == 0o500 && !entries.contains { $0.path.lies(below: path) }
        case .file: return mode & 0o400 != 0
        case .symlink: return true
        }
    }
}
