// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Refusals that follow from where a path is mounted. Local: nothing is asked.
extension VM {
    func mount(of path: String) -> Mount? {
        var innermost: Mount?
        for mount in mounts.withLock({ $0 }) where path.lies(atOrBelow: mount.path) {
            if innermost.map({ $0.path.utf8.count < mount.path.utf8.count }) ?? true { innermost = mount }
        }
        return innermost
    }

    /// For a request that changes what stands at a path, without links, where that is below a mount.
    func agreeWithCopy(_ path: String, _ kind: HostFile.Kind? = nil) throws(ClientError) {
        guard guardsFiles else { return }
        // The outermost: a mount in a mount has a place in the other's part of the copy.
        var outermost: String?
        for mount in mounts.withLock({ $0 }) where path.lies(below: mount.path) {
            if outermost.map({ mount.path.utf8.count < $0.utf8.count }) ?? true { outermost = mount.path }
        }
        if let outermost { try shadow.agree(on: path, below: outermost, kind) }
    }

    /// A mount, and what holds one, is not taken away under it: it would stay behind under a path that is not there any
    /// more (hazard H17).
    func refuseMounts(_ path: String, _ verb: String) throws(ClientError) {
        let held = mounts.withLock { $0 }.first { $0.path.lies(atOrBelow: path) }
        guard let held else { return }
        throw .guest("EBUSY", "resource busy or locked, \(verb) '\(path)': \(held.path) is a mount")
    }

    /// The sidecar cuts the mount's path off what lies below it a second time (hazard H12): a name there that
    /// begins with it would be another file.
    func checkMount(_ path: String) throws(ClientError) {
        guard let mount = mount(of: path), mount.plugin == "host_dir", !path.hasSameBytes(as: mount.path)
        else { return }
        let inside = path.behindBytes(of: mount.path + "/")
        let again = mount.path.behindBytes(of: "/")
        guard inside.beginsWithBytes(of: again) else { return }
        throw .guest(
            "EINVAL",
            "the sidecar cannot name what begins with \(again) inside of the mount \(mount.path): \(path)"
        )
    }

    /// For what is about to be changed.
    func checkChange(_ path: String) throws(ClientError) {
        try checkMount(path)
        guard configuration.isReadOnly, record.hasRunPrograms, let mount = mount(of: path),
            mount.plugin != "host_dir"
        else { return }
        // Files of a read-only root are never looked at again, so nothing shows a link that a program has
        // left, and the sidecar would follow it into the host's files (hazard H9).
        throw .guest(
            "EACCES",
            "changes below \(mount.path) are refused once a program has run in a VM with a read-only root: \(path)"
        )
    }
}
