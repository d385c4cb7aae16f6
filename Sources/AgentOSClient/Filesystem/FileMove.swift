// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Moving: a rename, and where that cannot be, a copy of the directory that is deleted behind it (filesystem.md
/// 8.2).
extension VM {
    package func move(_ from: String, to destination: String, _ meter: ProgressMeter) -> Steps<Void> {
        Steps<Void>.operation("move", path: from) { [self] () throws(ClientError) in
            let from = try GuestPath(writable: from)
            let to = try GuestPath(writable: destination)
            let rename = prepareRename(from, to).then { [self] renaming in
                renamed(renaming).map { Renaming?.none }.recover { error throws(ClientError) in
                    guard renaming.kind.isDirectory, Self.asksForCopy(error) else { throw error }
                    return .done(renaming)
                }
            }
            return inTurn(.alone, rename).then { [self] left in
                guard let left else { return .done(()) }
                return copyAndRemove(left.source, left.destination, to, meter)
            }.recover { [self] error throws(ClientError) in
                // The destination is a directory with something in it: the two become one.
                guard error.detail.errno == "ENOTEMPTY", error.detail.code == nil else { throw error }
                return resolveParent(from).then { [self] source in
                    resolveParent(to).then { [self] target in copyAndRemove(source, target, to, meter) }
                }
            }
        }
    }

    private static func asksForCopy(_ error: ClientError) -> Bool {
        ["EXDEV", "ENOTEMPTY", "EEXIST"].contains(error.detail.errno)
    }

    private func copyAndRemove(_ source: String, _ target: String, _ to: GuestPath, _ meter: ProgressMeter)
        -> Steps<Void>
    {
        Steps<Void>.begin { [self] () throws(ClientError) in
            try refuseLowerDirectory(source, "move")
            return refuseOverlap(source, target).then { [self] in
                copyTree(source, target, meter)
            }.recover { error throws(ClientError) in
                throw ClientError(
                    error.kind,
                    "\(error.message) (nothing was removed; a partial copy may be at '\(to.given)')"
                ) {
                    $0 = error.detail
                }
            }.then { [self] in remove(source, recursive: true) }
        }
    }

    /// A directory that moves into one that holds it must not come to lie in itself: it would go with what is
    /// deleted behind it.
    private func refuseOverlap(_ source: String, _ target: String) -> Steps<Void> {
        guard source.lies(below: target) else { return .done(()) }
        let again = source + source.behindBytes(of: target)
        return kind(of: again).map { kind throws(ClientError) in
            if case .missing = kind { return }
            throw ClientError.guest(
                "ENOTEMPTY",
                "directory not empty, move '\(source)' -> '\(target)': '\(again)' would take its place",
                kind: .kernel
            )
        }
    }

    private enum CopyTask: Sendable {
        case copy(String, to: String)
        /// Behind its children: a directory that may not be written could not take them.
        case attributes(String, of: String)
    }

    private func copyTree(_ source: String, _ target: String, _ meter: ProgressMeter) -> Steps<Void> {
        .loop([CopyTask.copy(source, to: target)]) { [self] tasks in
            guard let task = tasks.last else { return .done(.done(())) }
            let rest = Array(tasks.dropLast())
            switch task {
            case .attributes(let path, let original):
                return inTurn(.beside, copyFolderAttributes(path, of: original)).map { .again(rest) }
            case .copy(let from, let to):
                return inTurn(.alone, copyOne(from, to)).map { children in
                    meter.add(entries: 1, path: to)
                    return .again(rest + children)
                }.recover { error throws(ClientError) in throw error.during("move", path: from) }
            }
        }
    }

    /// What is left to do for a directory; nothing for a file or a link.
    private func copyOne(_ from: String, _ to: String) -> Steps<[CopyTask]> {
        kind(of: from).then { [self] kind in
            switch kind {
            case .missing: return .done([])
            case .link:
                return readLinkRequest(from).then { [self] text in replaceByLink(to, text).map { [] } }
            case .file: return copyFile(from, to).map { [] }
            case .directory(let names):
                return makeCopy(of: from, at: to).map { isNew in
                    let children = names.filter { $0 != "." && $0 != ".." }.reversed().map {
                        CopyTask.copy(GuestPath.join(from, $0), to: GuestPath.join(to, $0))
                    }
                    return (isNew ? [.attributes(to, of: from)] : []) + children
                }
            }
        }
    }

    /// True if the directory was made here.
    private func makeCopy(of from: String, at to: String) -> Steps<Bool> {
        kind(of: to).then { [self] kind throws(ClientError) in
            switch kind {
            case .directory: return .done(false)
            case .missing: return createDirRequest(to).map { true }
            case .file, .link:
                throw ClientError.guest("ENOTDIR", "not a directory, mkdir '\(to)'", kind: .kernel)
            }
        }
    }

    func replaceByLink(_ path: String, _ text: String) -> Steps<Void> {
        let sent =
            text.beginsWithBytes(of: "/") ? Self.relative(text, from: GuestPath.split(path).parent) : text
        return symlinkRequest(path, text: sent).recover { [self] error throws(ClientError) in
            guard error.detail.errno == "EEXIST" else { throw error }
            return kind(of: path).then { [self] kind throws(ClientError) in
                if case .directory = kind { throw error }
                return removeLink(path).then { [self] in symlinkRequest(path, text: sent) }.undivided
            }
        }
    }

    private func copyFile(_ from: String, _ to: String) -> Steps<Void> {
        statRequest(from).then { [self] stat throws(ClientError) in
            let path = try GuestPath(from)
            try Self.checkType(stat, from, "move")
            try checkReadable(stat.size, path)
            return readFileRequest(from, given: from)
        }.then { [self] block throws(ClientError) in
            let encoded = FileBytes(block.bytes).encoded
            try checkWritable(encoded, try GuestPath(to))
            return kind(of: to).then { [self] kind in
                guard case .link = kind else { return writeFileRequest(to, encoded) }
                // Written through a link the content would end up elsewhere.
                let replace = removeLink(to).then { [self] in writeFileRequest(to, encoded) }
                return refuseInPlaceOfDirectoryLink(to).then { replace.undivided }
            }
        }.then { [self] in copyAttributes(to, of: from, times: true) }
    }

    /// Other calls may have had their turn since both were directories.
    private func copyFolderAttributes(_ path: String, of original: String) -> Steps<Void> {
        kind(of: original).then { [self] source in
            kind(of: path).then { [self] copy in
                guard source.isDirectory, copy.isDirectory else { return .done(()) }
                return copyAttributes(path, of: original, times: false)
            }
        }
    }

    private func copyAttributes(_ path: String, of original: String, times: Bool) -> Steps<Void> {
        statRequest(original).then { [self] stat in
            chmodRequest(path, stat.mode & 0o7777).then { [self] in
                chownRequest(path, uid: stat.uid, gid: stat.gid).recover { error throws(ClientError) in
                    // In a directory of the host only root may give files away.
                    guard error.detail.errno == "EPERM" else { throw error }
                    return .done(())
                }
            }.then { [self] in
                times
                    ? utimesRequest(path, accessed: stat.atimeMs, modified: stat.mtimeMs) : .done(())
            }
        }
    }
}
