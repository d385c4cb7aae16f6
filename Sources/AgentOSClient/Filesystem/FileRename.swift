// SPDX-License-Identifier: Apache-2.0

/// Renaming: one request, which the sidecar does at once or not at all.
extension VM {
    /// What is renamed and to what, resolved and found to be harmless.
    struct Renaming: Sendable {
        let source: String
        let destination: String
        /// What is renamed, and what stands where it goes.
        let kind: Kind
        let replaced: Kind
        /// They are one path (hazard H2), or two names of one file: nothing is to be done.
        let isNothing: Bool
    }

    /// Gives a file, link or directory another path, and takes the place of a file that is there.
    package func rename(_ from: String, to destination: String) -> Steps<Void> {
        inTurn(.alone, "rename", path: from) { [self] () throws(ClientError) in
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
        }
    }

    func renamed(_ renaming: Renaming) -> Steps<Void> {
        let (source, destination) = (renaming.source, renaming.destination)
        if renaming.isNothing { return .done(()) }
        if case .link = renaming.kind, mount(of: source) == nil, mount(of: destination) == nil {
            return checkMayRename(renaming).then { [self] in
                renameLink(source, to: destination, replacing: renaming.replaced).undivided
            }
        }
        guard isLowerDirectory(GuestPath.split(destination).parent) else {
            return renameRequest(source, to: destination)
        }
        return refuseInPlaceOfDirectoryLink(destination).then { [self] in checkMayRename(renaming) }.then {
            [self] in renameIntoLower(renaming).undivided
        }
    }

    /// A directory that only a lower layer has is no place for rename until something is written there, and a
    /// file of it that was removed goes on hiding its path until something is made just there.
    private func renameIntoLower(_ renaming: Renaming) -> Steps<Void> {
        let (source, destination) = (renaming.source, renaming.destination)
        if case .missing = renaming.replaced {
            let isDirectory = renaming.kind.isDirectory
            let place =
                isDirectory
                ? createDirRequest(destination) : writeFileRequest(destination, FileBytes.none.encoded)
            return place.then { [self] in
                renameRequest(source, to: destination).onRefusal { [self] in
                    isDirectory ? removeDirRequest(destination) : removeEntry(destination)
                }
            }
        }
        return renameRequest(source, to: destination).recover { [self] error throws(ClientError) in
            guard error.detail.errno == "ENOENT" else { throw error }
            let temporary = TemporaryName.beside(destination, "rename")
            return writeFileRequest(temporary, FileBytes.none.encoded).then { [self] in
                renameRequest(source, to: destination).onRefusal { [self] in removeEntry(temporary) }
            }.then { [self] in removeEntry(temporary) }
        }
    }

    /// The sidecar leaves a link to nothing behind where it renames it. So a link is made anew at its other
    /// path; what stood there is kept until that is done.
    private func renameLink(_ source: String, to destination: String, replacing replaced: Kind)
        -> Steps<Void>
    {
        let folder = GuestPath.split(destination).parent
        // Rename makes no parents, as making a link would.
        let parent: Steps<String> = folder == "/" ? .done(folder) : realPathRequest(folder)
        return parent.then { [self] _ in readLinkRequest(source) }.then { [self] text in
            let make = replaceByLink(destination, text)
            switch replaced {
            case .file:
                let kept = TemporaryName.beside(destination, "rename")
                return renameRequest(destination, to: kept).then { [self] in
                    make.then { [self] in removeLink(source) }.onRefusal { [self] in
                        renameRequest(kept, to: destination)
                    }
                }.then { [self] in removeEntry(kept) }
            case .missing:
                return make.then { [self] in
                    removeLink(source).onRefusal { [self] in removeLink(destination) }
                }
            default: return make.then { [self] in removeLink(source) }
            }
        }
    }

    /// What takes several requests must not be refused in the middle: of what a policy has rules for, it is asked before,
    /// by names that are not there.
    private func checkMayRename(_ renaming: Renaming) -> Steps<Void> {
        guard hasFileRules else { return .done(()) }
        let (source, destination) = (renaming.source, renaming.destination)
        @Sendable func checkPlace(_ path: String) -> Steps<Void> {
            renameRequest(TemporaryName.beside(source, "rename"), to: path).recover {
                error throws(ClientError) in
                if error.detail.errno != "ENOENT" { throw error }
                return .done(())
            }
        }
        var steps = checkPlace(destination)
        if case .link = renaming.kind {
            steps = steps.then { [self] in checkMayRemove(source) }.then { [self] in
                checkMayRemove(beside: source)
            }.then { checkPlace(source) }
            // It is kept beside its place until the link is made, and then removed.
            if case .file = renaming.replaced {
                steps = steps.then { [self] in checkMayRemove(beside: destination) }
            }
        }
        return steps.recover { error throws(ClientError) in
            guard error.detail.errno == "EACCES" else { throw error }
            throw ClientError.guest("EACCES", "permission denied, rename '\(source)'", kind: .kernel)
        }
    }

    /// Everything that is known without a question.
    func checkRename(_ from: GuestPath, _ to: GuestPath) throws(ClientError) {
        if from.isRoot || to.isRoot {
            throw .guest("EPERM", "operation not permitted, rename '\(from.given)'")
        }
        if to.text.lies(below: from.text) {
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
                        try checkPlaces(source, target, kind, from, to)
                    }
                }
            }
        }
    }

    private func checkPlaces(
        _ source: String,
        _ target: String,
        _ moved: Kind,
        _ from: GuestPath,
        _ to: GuestPath
    ) throws(ClientError) -> Steps<Renaming> {
        if source.hasSameBytes(as: target) {
            return .done(
                Renaming(source: source, destination: target, kind: moved, replaced: moved, isNothing: true)
            )
        }
        if target.lies(below: source) {
            throw .guest("EINVAL", "cannot move '\(from.given)' into its own descendant '\(to.given)'")
        }
        try refuseMounts(source, "rename")
        try refuseMounts(target, "rename")
        return kind(of: target).then { [self] kind throws(ClientError) in
            let isDirectory = moved.isDirectory
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
            let isFile: Bool
            if case (.file, .file) = (moved, kind) { isFile = true } else { isFile = false }
            return refuseDevice(target).then { [self] in
                isFile ? areOneFile(source, target) : .done(false)
            }.map {
                Renaming(source: source, destination: target, kind: moved, replaced: kind, isNothing: $0)
            }
        }
    }

    /// Whether two files are names of one, which rename(2) leaves both: the sidecar takes the old name away. Its
    /// layers number their files each for itself, so that more than the number has to be the same (not the time of
    /// change: a question alone sets it).
    private func areOneFile(_ one: String, _ other: String) -> Steps<Bool> {
        lstatRequest(one).then { [self] first in
            guard first.nlink > 1 else { return .done(false) }
            return lstatRequest(other).map { second in
                (first.dev, first.ino, first.nlink) == (second.dev, second.ino, second.nlink)
                    && (first.size, first.mode, first.uid, first.gid)
                        == (second.size, second.mode, second.uid, second.gid)
                    && (first.mtimeMs, first.birthtimeMs) == (second.mtimeMs, second.birthtimeMs)
            }
        }
    }

    private func readLinkOrFile(_ path: String) -> Steps<Void> {
        kind(of: path).map { kind throws(ClientError) in
            guard case .missing = kind else { return }
            throw ClientError.guest("ENOENT", "no such file or directory, rename '\(path)'", kind: .kernel)
        }
    }
}
