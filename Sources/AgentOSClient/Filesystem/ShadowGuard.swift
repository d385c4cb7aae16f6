// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// The sidecar's own copy of a VM's files, in the private directory of its process: what can be seen there need
/// not be asked, which would cost a scan. Of a sidecar on another machine nothing is known.
///
/// A sidecar that does not run as root is bound by the permissions that guests and clients give to files: what
/// its own user may not read or write in the copy ends the process.
final class ShadowGuard: Sendable {
    private enum View: Sendable {
        case unknown
        case outOfSight
        /// `user` is nil where that is root.
        case folder(String, user: UInt32?)
    }

    private static let ownerWrite: UInt32 = 0o200
    private static let ownerWriteAndSearch: UInt32 = 0o300

    private let connection: Connection
    private let vmID: String
    private let view: Lock<View>

    init(_ connection: Connection, vmID: String, isOn: Bool) {
        self.connection = connection
        self.vmID = vmID
        view = Lock(isOn ? .unknown : .outOfSight)
    }

    private var seen: (folder: String, user: UInt32?)? {
        switch view.withLock({ $0 }) {
        case .outOfSight: return nil
        case .folder(let folder, let user): return (folder, user)
        case .unknown:
            guard let parent = connection.temporaryDirectory, let process = connection.processID,
                let user = HostFile.owner(ofProcess: process)
            else {
                view.withLock { $0 = .outOfSight }
                return nil
            }
            let prefix = "agent-os-sidecar-shadow-\(vmID)-"
            guard let name = HostFile.names(in: parent)?.first(where: { $0.hasPrefix(prefix) }) else {
                return nil
            }
            let found = ("\(parent)/\(name)", user == 0 ? nil : user)
            view.withLock { $0 = .folder(found.0, user: found.1) }
            return found
        }
    }

    /// Whether permissions bind the sidecar.
    var isBound: Bool { seen?.user != nil }

    /// The size of a file that the copy holds. A scan takes the content from there, so that this is what a read
    /// will give.
    func size(of path: String) -> UInt64? { seen.flatMap { HostFile.size($0.folder + path) } }

    /// Whether the copy has nothing at a path, or just this kind of thing, and no link on the way there: then the
    /// second half of a change ends where it should, whatever a program that runs has done meanwhile.
    func isPlain(_ path: String, _ kind: HostFile.Kind) -> Bool {
        guard let seen else { return false }
        var place = seen.folder
        let parts = path.pathComponents
        for (index, part) in parts.enumerated() {
            place += "/\(part)"
            guard let found = HostFile.kind(place) else { return true }
            if found != (index == parts.count - 1 ? kind : .directory) { return false }
        }
        return true
    }

    /// Takes out of the copy what contradicts a change below a mount, where it would end the sidecar: a mount has its
    /// files elsewhere, and of what the host has done there the copy knows nothing.
    ///
    /// `kind` is what the change needs at the path itself, nil where anything will do.
    func agree(on path: String, below mount: String, _ kind: HostFile.Kind?) throws(ClientError) {
        guard let seen else { return }
        var place = seen.folder + mount
        let parts = path.behindBytes(of: mount).pathComponents
        for (index, part) in parts.enumerated() {
            place += "/\(part)"
            guard let found = HostFile.kind(place) else { return }
            let isLast = index == parts.count - 1
            guard let wanted = isLast ? kind : .directory, found != wanted else { continue }
            guard HostFile.removeTree(place) else {
                throw .guest(
                    "EBUSY",
                    "resource busy or locked, '\(path)': the sidecar's copy of it cannot be removed"
                )
            }
            return
        }
    }

    /// Empties the copy of a mount that is about to be taken away, but for mounts in it: with that gone it would be taken
    /// for files of the root.
    func forget(below folder: String, but mounts: [String]) {
        guard let seen else { return }
        var folders = [folder]
        while let folder = folders.popLast() {
            for name in HostFile.names(in: seen.folder + folder) ?? [] {
                let path = GuestPath.join(folder, name)
                if mounts.contains(where: { path.hasSameBytes(as: $0) }) { continue }
                if mounts.contains(where: { $0.lies(atOrBelow: path) }) {
                    folders.append(path)
                } else {
                    _ = HostFile.removeTree(seen.folder + path)
                }
            }
        }
    }

    /// For what is about to be made, removed or renamed at a path without links.
    func checkEntry(_ path: String) throws(ClientError) {
        guard let seen, let user = seen.user else { return }
        // The nearest directory that is there: the others the sidecar makes itself.
        var folder = path
        repeat {
            folder = GuestPath.split(folder).parent
            guard let permissions = HostFile.permissions(seen.folder + folder) else { continue }
            guard permissions.allows(Self.ownerWriteAndSearch, to: user) else {
                throw Self.refusal(
                    path,
                    "the permissions of \(folder) do not let the sidecar's own user change it"
                )
            }
            return
        } while folder != "/"
    }

    /// For what is about to be written.
    func checkWrite(_ path: String) throws(ClientError) {
        guard let seen, let user = seen.user else { return }
        if let file = HostFile.permissions(seen.folder + path), !file.isLink,
            !file.allows(Self.ownerWrite, to: user)
        {
            throw Self.refusal(path, "its permissions do not let the sidecar's own user write it")
        }
        try checkEntry(path)
    }

    /// For new permissions: the sidecar has to read the file, and to read, write and search the directory.
    func checkMode(_ path: String, _ mode: UInt32, isDirectory: Bool) throws(ClientError) {
        guard seen?.user != nil else { return }
        let needed: UInt32 = isDirectory ? 0o700 : 0o400
        guard mode & needed != needed else { return }
        throw Self.refusal(
            path,
            "the sidecar does not run as root, and mode 0o\(String(mode, radix: 8)) would end it: the owner needs 0o\(String(needed, radix: 8))"
        )
    }

    private static func refusal(_ path: String, _ reason: String) -> ClientError {
        .guest("EACCES", "permission denied, '\(path)': \(reason)")
    }
}
