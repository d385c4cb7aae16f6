// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Links, and where paths lead.
extension VM {
    /// What stands at a path, a link not followed, as JSON.
    package func lstatJSON(_ path: String) -> Steps<String> {
        guardedLstat(path).map { JSONWriter.text($0.publicJSON) }
    }

    func guardedLstat(_ path: String) -> Steps<GuestFilesystemStat> {
        inTurn(.beside, "lstat", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            guard guardsFiles else { return lstatRequest(try unresolved(path)) }
            return locate(path).then { [self] place in
                // Of what is not there the sidecar must not be asked (hazard H3).
                kind(of: place).then { [self] kind throws(ClientError) in
                    if case .missing = kind {
                        throw ClientError.guest("ENOENT", "no such file: \(path.given)", kind: .kernel)
                    }
                    return lstatRequest(place)
                }
            }
        }
    }

    /// The path without links.
    package func realPath(_ path: String) -> Steps<String> {
        inTurn(.beside, "realpath", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            guard guardsFiles else { return realPathRequest(try unresolved(path)) }
            return resolve(path)
        }
    }

    /// The text of a link.
    package func readLink(_ path: String) -> Steps<String> {
        inTurn(.beside, "readlink", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            let text = try unresolved(path)
            return guardsFiles ? refresh.then { [self] in readLinkRequest(text) } : readLinkRequest(text)
        }
    }

    /// Makes a link at `path` with this text. An absolute text is sent relative to the link's directory, for
    /// the sidecar's own copy of the files would follow it on the host and collide with it (hazard H4); it
    /// leads to the same place.
    package func symlink(_ text: String, at path: String) -> Steps<Void> {
        inTurn(.alone, "symlink", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(writable: path)
            try Self.checkLinkText(text, path)
            if path.isRoot { throw ClientError.guest("EEXIST", "file already exists, symlink '/'") }
            guard guardsFiles else { return symlinkRequest(try unresolved(path), text: text) }
            return resolveParent(path, makingIt: true).then { [self] place in
                refuseExisting(place, "symlink").then { [self] in
                    let folder = GuestPath.split(place).parent
                    return symlinkRequest(
                        place,
                        text: text.beginsWithBytes(of: "/") ? Self.relative(text, from: folder) : text
                    )
                }
            }
        }
    }

    /// A second name for a file.
    package func link(_ existing: String, to newPath: String) -> Steps<Void> {
        inTurn(.alone, "link", path: existing) { [self] () throws(ClientError) in
            let existing = try GuestPath(writable: existing)
            let new = try GuestPath(writable: newPath)
            guard guardsFiles else {
                return linkRequest(try unresolved(existing), newPath: try unresolved(new))
            }
            return resolveForChange(existing).then { [self] real throws(ClientError) in
                guard case .file = real.kind else {
                    throw ClientError.guest(
                        "EPERM",
                        "operation not permitted, link '\(existing.given)'",
                        kind: .kernel
                    )
                }
                return resolveParent(new, makingIt: true).then { [self] place in
                    refuseExisting(place, "link").then { [self] in
                        refuseInPlaceOfDirectoryLink(place)
                    }.then { [self] in linkRequest(real.path, newPath: place) }
                }
            }
        }
    }

    /// The sidecar itself sees only what was changed since the VM was made: what a lower layer has it would replace.
    private func refuseExisting(_ place: String, _ verb: String) -> Steps<Void> {
        refuseDevice(place).then { [self] in kind(of: place) }.map { kind throws(ClientError) in
            if case .missing = kind { return }
            throw ClientError.guest("EEXIST", "file already exists, \(verb) '\(place)'", kind: .kernel)
        }
    }

    /// Texts that end the sidecar (hazard H2).
    static func checkLinkText(_ text: String, _ path: GuestPath) throws(ClientError) {
        if text.isEmpty {
            throw .guest("EINVAL", "invalid argument, symlink '\(path.given)': the link's text is empty")
        }
        if text.utf8.contains(0) {
            throw .guest(
                "EINVAL",
                "invalid argument, symlink '\(path.given)': the link's text has a NUL byte"
            )
        }
        if text.utf8.count > GuestPath.maximumLength
            || text.utf8.split(separator: UInt8(ascii: "/")).contains(where: {
                $0.count > GuestPath.maximumComponent
            })
        {
            throw .guest(
                "ENAMETOOLONG",
                "file name too long, symlink '\(path.given)': its text, \(text.prefix(300))"
            )
        }
    }

    /// An absolute link text as one relative to `folder`, which has no links on its way.
    static func relative(_ text: String, from folder: String) -> String {
        // `..` in the text stays: what stands before it may be a link.
        let target = text.pathComponents.filter { $0 != "." }
        let place = folder.pathComponents
        let hasParents = target.contains("..")
        let common = hasParents ? 0 : zip(target, place).prefix { $0 == $1 }.count
        let up = Array(repeating: "..", count: place.count - common)
        let parts = up + target.dropFirst(common).map(String.init)
        return parts.isEmpty ? "." : parts.joined(separator: "/")
    }
}
