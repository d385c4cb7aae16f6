// SPDX-License-Identifier: Apache-2.0

/// Deleting, without following a link anywhere (filesystem.md 8.1).
extension VM {
    /// What is left to do, the next at the end. No recursion: a tree may be thousands of levels deep.
    private enum Task: Sendable {
        case visit(String)
        case removeDirectory(String, retriesLeft: Int)
    }

    /// Bytes. The sidecar marks what was removed by a file whose path is this one in base64 and 29 bytes more, and no
    /// path of its may have 4,096.
    private static let maximumRemovable = (4_095 - 29) / 4 * 3

    package func remove(_ path: String, recursive: Bool) -> Steps<Void> {
        Steps<Void>.operation("delete", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(writable: path)
            if path.isRoot {
                throw ClientError.guest("EPERM", "operation not permitted, rmdir '/'")
            }
            try refuseInstructions(path)
            return inTurn(.alone, removeRoot(path, recursive: recursive)).then { [self] tasks in
                removeTree(tasks)
            }
        }
    }

    /// What is left to do below it.
    private func removeRoot(_ path: GuestPath, recursive: Bool) -> Steps<[Task]> {
        let target: Steps<String> = guardsFiles ? resolveParent(path) : .done(path.text)
        return target.then { [self] target throws(ClientError) in
            try refuseLowerDirectory(target, "remove")
            // What a mount holds would be deleted first, on the host too, and then the mount could not be.
            try refuseMounts(target, "remove")
            return kind(of: target).then { [self] kind throws(ClientError) in
                switch kind {
                case .missing:
                    throw ClientError.guest("ENOENT", "no such file: \(path.given)", kind: .kernel)
                case .link: return removeLink(target).map { [] }
                case .file: return removeEntry(target).map { [] }
                case .directory(let names):
                    if recursive { return .done(Self.tasks(target, names, retriesLeft: 1)) }
                    return removeDirRequest(target).map { [] }
                }
            }
        }
    }

    /// One file or link, or one empty directory, and nothing of the other sort.
    package func removeOne(_ path: String, directory: Bool) -> Steps<Void> {
        inTurn(.alone, "delete", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(writable: path)
            return resolveParent(path).then { [self] target throws(ClientError) in
                if directory { try refuseLowerDirectory(target, "remove") }
                try refuseMounts(target, "remove")
                return kind(of: target).then { [self] kind throws(ClientError) in
                    switch (kind, directory) {
                    case (.missing, _):
                        throw ClientError.guest("ENOENT", "no such file: \(path.given)", kind: .kernel)
                    case (.directory, true): return removeDirRequest(target)
                    case (.directory, false):
                        throw ClientError.guest(
                            "EISDIR",
                            "illegal operation on a directory, unlink '\(path.given)'"
                        )
                    case (_, true):
                        throw ClientError.guest("ENOTDIR", "not a directory: \(path.given)", kind: .kernel)
                    case (.link, false): return removeLink(target)
                    case (.file, false): return removeEntry(target)
                    }
                }
            }
        }
    }

    private func removeTree(_ tasks: [Task]) -> Steps<Void> {
        .loop(tasks) { [self] tasks in
            guard let task = tasks.last else { return .done(.done(())) }
            let rest = Array(tasks.dropLast())
            switch task {
            case .visit(let path):
                return inTurn(.alone, visit(path)).map { .again(rest + $0) }.recover {
                    error throws(ClientError) in
                    // Removed meanwhile by somebody else: that is what was wanted.
                    guard error.detail.errno == "ENOENT" else { throw error.during("delete", path: path) }
                    return .done(.again(rest))
                }
            case .removeDirectory(let path, let retriesLeft):
                return inTurn(.alone, removeFolder(path)).map { .again(rest) }.recover {
                    [self] error throws(ClientError) in
                    if error.detail.errno == "ENOENT", !rest.isEmpty { return .done(.again(rest)) }
                    guard error.detail.errno == "ENOTEMPTY", retriesLeft > 0 else {
                        throw error.during("delete", path: path)
                    }
                    // Something came in meanwhile: once more, then the error stands.
                    return readDirRequest(path).map { names in
                        .again(rest + Self.tasks(path, names, retriesLeft: retriesLeft - 1))
                    }
                }
            }
        }
    }

    private static func tasks(_ folder: String, _ names: [String], retriesLeft: Int) -> [Task] {
        let children = names.filter { $0 != "." && $0 != ".." }.reversed().map {
            Task.visit(GuestPath.join(folder, $0))
        }
        return [.removeDirectory(folder, retriesLeft: retriesLeft)] + children
    }

    private func visit(_ path: String) -> Steps<[Task]> {
        checkPlace(path).then { [self] in kind(of: path) }.then { [self] kind in
            switch kind {
            case .missing: .done([])
            case .link: removeLink(path).map { [] }
            case .file: removeEntry(path).map { [] }
            case .directory(let names): .done(Self.tasks(path, names, retriesLeft: 1))
            }
        }
    }

    private func removeFolder(_ path: String) -> Steps<Void> {
        checkPlace(path).then { [self] in removeDirRequest(path) }
    }

    /// Other calls may have had their turn since the path was listed: what is there now may be mounted, or be reached
    /// by a link that took the place of a directory.
    private func checkPlace(_ path: String) -> Steps<Void> {
        guard guardsFiles else { return .done(()) }
        return Steps<Void>.begin { [self] () throws(ClientError) in
            try refuseMounts(path, "remove")
            let folder = GuestPath.split(path).parent
            return realPathRequest(folder).map { real throws(ClientError) in
                if real.hasSameBytes(as: folder) { return }
                throw ClientError.guest("ENOENT", "no such file: \(path)", kind: .kernel)
            }
        }
    }

    /// Where the sidecar removes a file its overlay goes on hiding the path, and what is later made there as a
    /// parent of something else, or comes by a rename, is found in its own copy of the files but not in the
    /// guest's: the end of the next program ends the process. So what is removed first gets a name that never
    /// comes again.
    ///
    /// A file of a lower layer hides its path whatever is done; `renamed` knows of that.
    func removeEntry(_ path: String) -> Steps<Void> {
        if mount(of: path) != nil || path.lies(below: "/dev") { return removeFileRequest(path) }
        guard hasFileRules else { return removeUnderAnotherName(path).undivided }
        // A rule may be about this name, or all but this one.
        return checkMayRemove(path).then { [self] in
            checkMayRemove(beside: path).map { true }.recover { error throws(ClientError) in
                guard error.detail.errno == "EACCES" else { throw error }
                return .done(false)
            }
        }.then { [self] isAllowed in
            isAllowed ? removeUnderAnotherName(path).undivided : removeFileRequest(path)
        }
    }

    private func removeUnderAnotherName(_ path: String) -> Steps<Void> {
        let beside = TemporaryName.beside(path, "unlink")
        let isRemovable = beside.utf8.count <= Self.maximumRemovable
        let last = isRemovable ? beside : GuestPath.join("/", TemporaryName.next("unlink"))
        return renameRequest(path, to: last).map { true }.recover { _ in .done(false) }.then {
            [self] isRenamed in
            // Its own error is the better one.
            guard isRenamed else { return removeFileRequest(path) }
            return removeFileRequest(last).onRefusal { [self] in
                renameRequest(last, to: path).recover { [self] error throws(ClientError) in
                    guard error.detail.errno == "ENOENT" else { throw error }
                    // Where a lower layer has a file the path is hidden until something is made there.
                    return writeFileRequest(path, FileBytes.none.encoded).then { [self] in
                        renameRequest(last, to: path)
                    }
                }
            }
        }
    }

    /// The sidecar looks through links when it removes or renames. So an empty file takes the place of one
    /// first: to that place rename does not look through links.
    func removeLink(_ path: String) -> Steps<Void> {
        if mount(of: path) != nil {
            return removeFileRequest(path).recover { [self] error throws(ClientError) in
                guard error.detail.errno == "ENOENT" else { throw error }
                let replace = replaceByEmptyFile(path).then { [self] in removeFileRequest(path) }
                return replace.undivided
            }
        }
        // What was replaced could not be brought back where it, or anything beside it, may not be removed.
        return (hasFileRules ? checkMayRemove(path) : .done(())).then { [self] in
            checkMayRemove(beside: path)
        }.then { [self] in
            let replace = replaceByEmptyFile(path).then { [self] in removeEntry(path) }
            return replace.undivided
        }
    }

    /// Whether a policy has rules for files, which need not be the same for all of them.
    var hasFileRules: Bool { fileRules.withLock { $0 } }

    /// Fails where a policy forbids to remove what stands there, which is no directory. Removing it as one asks the policy
    /// and does nothing else.
    func checkMayRemove(_ path: String) -> Steps<Void> {
        removeDirRequest(path).recover { error throws(ClientError) in
            guard ["ENOTDIR", "ENOENT"].contains(error.detail.errno) else { throw error }
            return .done(())
        }
    }

    /// Fails where a policy forbids to remove anything in that directory, which is asked by what is not there.
    func checkMayRemove(beside path: String) -> Steps<Void> {
        removeFileRequest(TemporaryName.beside(path, "unlink")).recover { error throws(ClientError) in
            if error.detail.errno == "ENOENT" { return .done(()) }
            switch error.detail.errno {
            case "EACCES": throw ClientError.guest("EACCES", "permission denied, rm '\(path)'", kind: .kernel)
            case "EROFS":
                throw ClientError.guest("EROFS", "read-only filesystem, rm '\(path)'", kind: .kernel)
            default: throw error
            }
        }
    }

    private func replaceByEmptyFile(_ path: String) -> Steps<Void> {
        let temporary = TemporaryName.beside(path, "unlink")
        // One that failed may have made the file all the same.
        return writeFileRequest(temporary, FileBytes.none.encoded).then { [self] in
            renameRequest(temporary, to: path)
        }.onRefusal { [self] in removeFileRequest(temporary) }
    }
}
