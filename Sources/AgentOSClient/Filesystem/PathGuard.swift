// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// What is asked before a file operation is sent, and why.
///
/// The sidecar keeps a copy of a VM's files in a directory of the host and repeats every change there,
/// following the host's links; a failure of that half ends the process with all its VMs. So paths are sent
/// resolved, by questions that cost 0.04 ms and look at no copy: `realpath`, `read_link`, `read_dir`.
///
/// | trigger | without the guard | question | then |
/// |---|---|---|---|
/// | read, stat, exists below a file or of nothing (F1, H3) | fatal | `realpath` | its ENOENT counts |
/// | a lower's link that was replaced | its old target | `read_link` | the way goes on from what it says |
/// | a change through a link of the guest (F33, H9) | on the host | `realpath` of the parent | that is sent |
/// | a write through a link (F32, H6) | old content returns | `realpath` of the path | that is written |
/// | a write below `/dev/null` (H2) | fatal | `read_dir` of the parent | ENOTDIR |
/// | `remove_file` of a lower directory (F28, H8) | its tree is hidden | `read_link`, `read_dir` | EISDIR |
/// | chmod, chown, utimes, truncate of a lower directory (H8) | its listing is empty | local | EPERM, EISDIR |
/// | a lower directory removed or renamed | fatal once it is used again | local | EBUSY |
/// | any question while a guest program runs (H22) | stale answer | `exists` of `/` first | fresh answer |
extension VM {
    static let maximumHops = 40

    /// What stands at a path, links not followed.
    enum Kind: Sendable {
        case missing
        case link
        case file
        case directory(names: [String])

        var isDirectory: Bool {
            if case .directory = self { return true }
            return false
        }
    }

    /// Makes the questions below see what a program that still runs has changed.
    var refresh: Steps<Void> {
        Steps.begin { [self] in
            guard record.hasProcesses else { return .done(()) }
            return existsRequest("/").map { _ in }.recover { error throws(ClientError) in
                // Of a root that cannot be written, which has no changes to be seen (hazard H14).
                guard error.detail.errno == "EROFS" else { throw error }
                return .done(())
            }
        }
    }

    /// The same before a file is written or a directory made, where that takes no scan: with 100 files and a
    /// program that runs each would take 75 ms.
    func refresh(beforeMaking kind: HostFile.Kind, at path: String) -> Steps<Void> {
        Steps.begin { [self] in
            record.hasProcesses && (configuration.isReadOnly || !shadow.isPlain(path, kind))
                ? refresh : .done(())
        }
    }

    /// Where a path leads, links followed. Fails with ENOENT where nothing is.
    func resolve(_ path: GuestPath, behind refresh: Steps<Void>? = nil) -> Steps<String> {
        if path.isRoot { return .done("/") }
        let refresh = refresh ?? self.refresh
        return Steps<Void>.begin { [self] () throws(ClientError) in
            // Before the sidecar looks elsewhere for it and finds nothing.
            try checkMount(path.text)
            return refresh
        }.then { [self] in follow(path.text) }.map { [self] real throws(ClientError) in
            try checkMount(real)
            return real
        }
    }

    /// `realpath`, and where that finds nothing once more through the parent and what a link says: the sidecar does
    /// not follow one of a lower layer to what only the upper one has, nor the other way round.
    func follow(_ path: String, hops: Int = 0) -> Steps<String> {
        realPath(of: path).recover { [self] error throws(ClientError) in
            guard error.detail.errno == "ENOENT", path != "/", hops < Self.maximumHops else { throw error }
            let (parent, name) = GuestPath.split(path)
            // That nothing is there is said of the path that was asked for; a lost sidecar is another matter.
            let refused = { @Sendable (later: ClientError) in
                Steps<String>.fail(later.detail.errno == nil ? later : error)
            }
            let folder =
                parent == "/" ? .done("/") : follow(parent, hops: hops + 1).recover { refused($0) }
            return folder.then { [self] real in
                let place = GuestPath.join(real, name)
                let behind = real == parent ? .fail(error) : realPath(of: place)
                return behind.recover { [self] later throws(ClientError) in
                    guard later.detail.errno != nil else { throw later }
                    return readLinkRequest(place).then { [self] text in
                        follow(Self.target(of: text, in: real), hops: hops + 1)
                    }
                }.recover { refused($0) }
            }
        }
    }

    func kind(of path: String) -> Steps<Kind> {
        if path == "/" { return readDirRequest(path).map { .directory(names: $0) } }
        return isBehindRemovedLink(path).then { [self] isNothing in
            isNothing ? .done(.missing) : shownKind(of: path)
        }
    }

    private func shownKind(of path: String) -> Steps<Kind> {
        readLinkRequest(path).map { _ in Kind.link }.recover { [self] error throws(ClientError) in
            switch error.detail.errno {
            case "ENOENT": return .done(.missing)
            case "EACCES" where Self.leadsOutOfMount(error): return .done(.link)
            case "EINVAL":
                return readDirRequest(path).map { .directory(names: $0) }.recover {
                    error throws(ClientError) in
                    // Mounts say ENOTDIR.
                    guard ["ENOENT", "ENOTDIR"].contains(error.detail.errno) else { throw error }
                    return .done(.file)
                }
            default: throw error
            }
        }
    }

    /// What the sidecar says of a link that leads out of a `host_dir`, whatever is asked of it.
    static func leadsOutOfMount(_ error: ClientError) -> Bool {
        error.detail.errno == "EACCES" && error.message.containsBytes(of: "path escapes host directory")
    }

    /// Where a path leads and what is there, for what changes it in place.
    func resolveForChange(_ path: GuestPath) -> Steps<(path: String, kind: Kind)> {
        resolve(path).then { [self] real throws(ClientError) in
            try checkChange(real)
            return kind(of: real).map { (real, $0) }
        }
    }

    /// The path of what stands there, a link not followed: its parent, which exists, without links.
    func locate(_ path: GuestPath) -> Steps<String> {
        if path.isRoot { return .done("/") }
        return Steps<String>.begin { [self] () throws(ClientError) in
            try checkMount(path.text)
            return try resolve(GuestPath(path.parent))
        }.map { GuestPath.join($0, path.name) }
    }

    /// The path under which something new, or something that exists, is to be changed: its parent without
    /// links, made if it is missing and this is asked for.
    func resolveParent(_ path: GuestPath, makingIt: Bool = false) -> Steps<String> {
        if path.isRoot { return .done("/") }
        return refresh.then { [self] in
            resolveDirectory(GuestPath.split(path.text).parent, of: path.given)
        }.then { [self] folder throws(ClientError) in
            let target = GuestPath.join(folder.last ?? "/", path.name)
            try checkChange(target)
            return (makingIt ? makeDirectories(folder.dropFirst()) : .done(())).map { target }
        }
    }

    /// Where a write of this path ends up: links followed to the last, also one that points to nothing yet.
    func resolveForWriting(_ path: GuestPath, making kind: HostFile.Kind = .file) -> Steps<String> {
        refresh(beforeMaking: kind, at: path.text).then { [self] in
            Steps<[String]>.loop((path: path.text, hops: 0)) { [self] state in
                realPath(of: state.path).map { .done([$0]) }.recover { [self] error throws(ClientError) in
                    guard error.detail.errno == "ENOENT" else { throw error }
                    guard state.hops < Self.maximumHops else { throw error }
                    let (parent, name) = GuestPath.split(state.path)
                    return resolveDirectory(parent, of: path.given).then { [self] folder in
                        let real = folder.last ?? "/"
                        let target = GuestPath.join(real, name)
                        // Where not even its directory is.
                        guard folder.count == 1 else { return .done(.done(folder.dropFirst() + [target])) }
                        return readLinkRequest(target).map { text in
                            // A link to nothing: its target is what the write makes.
                            .again((Self.target(of: text, in: real), state.hops + 1))
                        }.recover { error throws(ClientError) in
                            switch error.detail.errno {
                            case "ENOENT": return .done(.done(folder.dropFirst() + [target]))
                            // No link: another write has made it between two questions.
                            case "EINVAL": return .done(.again((target, state.hops + 1)))
                            default: throw error
                            }
                        }
                    }
                }
            }
        }.then { [self] place throws(ClientError) in
            let target = place.last ?? "/"
            try checkChange(target)
            return makeDirectories(place.dropLast()).map { target }
        }
    }

    /// Missing parents, one after the other. Made by the sidecar on the way to something else, one that comes
    /// where a file of a lower layer was removed would stay hidden and end the process.
    private func makeDirectories(_ paths: ArraySlice<String>) -> Steps<Void> {
        if paths.isEmpty { return .done(()) }
        return .loop(paths) { [self] rest in
            guard let path = rest.first else { return .done(.done(())) }
            return createDirRequest(path).recover { error throws(ClientError) in
                // Made meanwhile by somebody else.
                guard error.detail.errno == "EEXIST" else { throw error }
                return .done(())
            }.map { .again(rest.dropFirst()) }
        }
    }

    /// A directory without links: what of it exists, and then each path that does not exist yet, itself the last.
    private func resolveDirectory(_ folder: String, of given: String) -> Steps<[String]> {
        .loop((folder: folder, rest: [String](), turns: 0)) { [self] state in
            let existing = state.folder == "/" ? .done("/") : realPath(of: state.folder)
            return existing.then { [self] real in
                guard let first = state.rest.last else {
                    return checkDevice(real, given).map { .done([real]) }
                }
                // The first missing component may be a link: of a lower layer, which the sidecar does not follow to
                // what only the upper one has, or one to nothing, which no directory can be made of.
                return readLinkRequest(GuestPath.join(real, first)).then { [self] text throws(ClientError) in
                    let missing = ClientError.guest("ENOENT", "no such file: \(given)", kind: .kernel)
                    guard state.turns < Self.maximumHops else { throw missing }
                    return realPath(of: Self.target(of: text, in: real)).map { target in
                        let below = Self.joined(target, Array(state.rest.dropLast()))
                        return .again((below.last ?? target, [], state.turns + 1))
                    }.recover { _ in .fail(missing) }
                }.recover { [self] error throws(ClientError) in
                    guard error.kind == .kernel, error.detail.code != nil else { throw error }
                    switch error.detail.errno {
                    case "ENOENT":
                        return checkDevice(real, given).map { .done(Self.joined(real, state.rest)) }
                    // It is there: it has come into being between two questions, or is seen only without the link that
                    // led to its parent.
                    case "EINVAL" where state.turns < Self.maximumHops:
                        return .done(
                            .again((Self.joined(real, state.rest).last ?? real, [], state.turns + 1))
                        )
                    default: throw error
                    }
                }
            }.recover { error throws(ClientError) in
                guard error.detail.errno == "ENOENT", error.detail.code != nil, state.folder != "/" else {
                    throw error
                }
                let (parent, name) = GuestPath.split(state.folder)
                return .done(.again((parent, state.rest + [name], state.turns)))
            }
        }
    }

    /// Writing below a device file ends the sidecar.
    private func checkDevice(_ folder: String, _ given: String) -> Steps<Void> {
        guard folder.lies(below: "/dev") else { return .done(()) }
        return readDirRequest(folder).map { _ in }.recover { error throws(ClientError) in
            guard error.detail.errno == "ENOENT" else { throw error }
            throw ClientError.guest("ENOTDIR", "not a directory, mkdir '\(folder)'", kind: .kernel)
        }
    }

    private static func joined(_ folder: String, _ reversedRest: [String]) -> [String] {
        var paths = [folder]
        for name in reversedRest.reversed() { paths.append(GuestPath.join(paths[paths.count - 1], name)) }
        return paths
    }

    /// A link's text as an absolute path. `folder` has no links, so `..` means what it says.
    static func target(of text: String, in folder: String) -> String {
        var parts: [Substring] = text.beginsWithBytes(of: "/") ? [] : folder.pathComponents
        for part in text.pathComponents where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
