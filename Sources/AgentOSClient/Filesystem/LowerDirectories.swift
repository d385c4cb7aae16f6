// SPDX-License-Identifier: Apache-2.0

/// Directories that a lower layer holds: the base image's, and those of the caller's own lowers.
///
/// The sidecar cannot change them. Their attributes cannot be set without hiding what they hold (hazard H8),
/// and one that was removed or renamed cannot be made again: whatever is put there later is found in its own
/// copy of the files but not in the guest's, and the end of the next program ends the process.
extension VM {
    func isLowerDirectory(_ path: String) -> Bool {
        let isOne =
            BaseImage.skeletonPaths.contains(path) || configuration.lowerDirectories.contains(ByteKey(path))
            || configuration.rootFilesystem.hasBase && BaseImage.directories.contains(path)
        return isOne && !isHiddenByMount(path)
    }

    /// What a mount holds is not a lower's, whatever that has at the same path.
    func isHiddenByMount(_ path: String) -> Bool {
        mount(of: path).map { path.lies(below: $0.path) } ?? false
    }

    /// Whether a lower layer has something else at that path, be it hidden by now.
    private func isLowerFile(_ path: String) -> Bool {
        let root = configuration.rootFilesystem
        if root.hasBase, BaseImage.others.contains(path) { return true }
        return root.lowers.contains { lower in
            guard case .snapshot(let snapshot) = lower else { return false }
            return snapshot.entries.contains { $0.kind != .directory && $0.path.hasSameBytes(as: path) }
        }
    }

    /// For a new directory. Where such a file was removed, the sidecar would not make it, and bring the file back.
    func refuseInPlaceOfLowerFile(_ path: String) -> Steps<Void> {
        guard guardsFiles, isLowerFile(path), !isHiddenByMount(path) else { return .done(()) }
        return kind(of: path).map { kind throws(ClientError) in
            guard case .missing = kind else { return }
            let text = "the sidecar cannot put a directory where a lower layer has a file: \(path)"
            throw ClientError.guest("EBUSY", text)
        }
    }

    /// For what would take such a directory away.
    func refuseLowerDirectory(_ path: String, _ verb: String) throws(ClientError) {
        guard isLowerDirectory(path) else { return }
        throw .guest(
            "EBUSY",
            "the sidecar cannot \(verb) a directory of a lower layer, for it could not be made again: \(path)"
        )
    }

    /// For what would take `/etc/agentos` away with it.
    func refuseInstructions(_ path: GuestPath) throws(ClientError) {
        guard BaseImage.instructionsPath.lies(below: path.text) else { return }
        throw .guest("EROFS", "read-only file system", kind: .pathReadOnly)
    }
}
