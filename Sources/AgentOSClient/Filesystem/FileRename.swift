// SPDX-License-Identifier: Apache-2.0

/// Renaming: one request, which the sidecar does at once or not at all.
extension VM {
    /// What is renamed and to what, resolved and found to be harmless.
    struct Renaming: Sendable {
        let source: String
        let destination: String
        let sourceIsDirectory: Bool
        /// They are one path: nothing is to be done (hazard H2).
        var isNothing: Bool { source.hasSameBytes(as: destination) }
    }

    /// Gives a file, link or directory another path, and takes the place of a file that is there.
    package func rename(_ from: String, to destination: String) -> Steps<Void> {
        Steps<Void>.begin { [self] () throws(ClientError) in
            let from = try GuestPath(writable: from)
            let to = try GuestPath(writable: destination)
            guard guardsFiles else {
                try checkRename(from, to)
                let (source, target) = (try unresolved(from), try unresolved(to))
                try refuseLowerDirectory(source, "rename")
                if source.hasSameBytes(as: target) { return readLinkOrFile(source) }
                return renameRequest(source, to: target)
            }
            return prepareRename(from, to).then { [self] in renamed($0) }
        }.during("rename", path: from)
    }

    func renamed(_ renaming: Renaming) -> Steps<Void> {
        if renaming.isNothing { return .done(()) }
        return renameRequest(renaming.source, to: renaming.destination).recover {
            [self] error throws(ClientError) in
            let folder = GuestPath.split(renaming.destination).parent
            guard error.detail.errno == "ENOENT", isLowerDirectory(folder) else { throw error }
            // A directory that only a lower layer has is no place for rename, until something is written there.
            let temporary = GuestPath.join(folder, TemporaryName.next("rename"))
            let empty = FileBytes(UnsafeRawBufferPointer(start: nil, count: 0)).encoded
            return writeFileRequest(temporary, empty).then { [self] in
                renameRequest(renaming.source, to: renaming.destination).onFailure { [self] in
                    removeFileRequest(temporary)
                }
            }.then { [self] in removeFileRequest(temporary) }
        }
    }

    /// Everything that is known without a question.
    func checkRename(_ from: GuestPath, _ to: GuestPath) throws(ClientError) {
        if from.isRoot || to.isRoot {
            throw .guest("EPERM", "operation not permitted, rename '\(from.given)'")
        }
        if to.text.hasPrefix(from.text + "/") {
            throw .guest("EINVAL", "cannot move '\(from.given)' into its own descendant '\(to.given)'")
        }
        try refuseInstructions(from)
        try refuseInstructions(to)
    }

    func prepareRename(_ from: GuestPath, _ to: GuestPath) -> Steps<Renaming> {
        Steps<Renaming>.begin { [self] () throws(ClientError) in
            try checkRename(from, to)
            return resolveParent(from).then { [self] source in
                kind(of: source).then { [self] kind throws(ClientError) in
                    if case .missing = kind {
                        throw ClientError.guest(
                            "ENOENT",
                            "no such file or directory, rename '\(from.given)'",
                            kind: .kernel
                        )
                    }
                    return resolveParent(to).then { [self] target throws(ClientError) in
                        try checkPlaces(source, target, kind.isDirectory, from, to)
                    }
                }
            }
        }
    }

    private func checkPlaces(
        _ source: String,
        _ target: String,
        _ isDirectory: Bool,
        _ from: GuestPath,
        _ to: GuestPath
    ) throws(ClientError) -> Steps<Renaming> {
        let renaming = Renaming(source: source, destination: target, sourceIsDirectory: isDirectory)
        if renaming.isNothing { return .done(renaming) }
        if target.hasPrefix(source + "/") {
            throw .guest("EINVAL", "cannot move '\(from.given)' into its own descendant '\(to.given)'")
        }
        try refuseMounts(source)
        try refuseMounts(target)
        return kind(of: target).then { [self] kind throws(ClientError) in
            switch (kind, isDirectory) {
            case (.missing, _), (.file, false), (.link, false): break
            // The sidecar would take the file away (hazard H17).
            case (.file, true), (.link, true):
                throw ClientError.guest(
                    "ENOTDIR",
                    "not a directory, rename '\(from.given)' -> '\(to.given)'",
                    kind: .kernel
                )
            // Likewise an empty directory that a file takes the place of.
            case (.directory, false):
                throw ClientError.guest(
                    "EISDIR",
                    "illegal operation on a directory, rename '\(from.given)' -> '\(to.given)'",
                    kind: .kernel
                )
            case (.directory(let names), true):
                if !names.allSatisfy({ $0 == "." || $0 == ".." }) {
                    throw ClientError.guest(
                        "ENOTEMPTY",
                        "directory not empty, rename '\(from.given)' -> '\(to.given)'",
                        kind: .kernel
                    )
                }
            }
            if isDirectory { try refuseLowerDirectory(source, "rename") }
            return refuseDevice(target).map { renaming }
        }
    }

    /// A mount would stay behind under a path that is not there any more (hazard H17).
    private func refuseMounts(_ path: String) throws(ClientError) {
        let mount = mounts.withLock { $0 }.first { $0.path == path || $0.path.hasPrefix(path + "/") }
        guard let mount else { return }
        throw .guest("EBUSY", "resource busy or locked, rename '\(path)': \(mount.path) is a mount")
    }

    private func readLinkOrFile(_ path: String) -> Steps<Void> {
        kind(of: path).map { kind throws(ClientError) in
            guard case .missing = kind else { return }
            throw ClientError.guest("ENOENT", "no such file or directory, rename '\(path)'", kind: .kernel)
        }
    }
}
