// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Links that a lower layer holds: the base image's, and those of the caller's own lowers.
///
/// The sidecar goes on following one that was removed: a file that is written in its place replaces what the link led
/// to, and with that gone it fails at every call and ends. Nor does it follow a new link there to what only a lower
/// layer has.
extension VM {
    func isLowerLink(_ path: String) -> Bool { guardsFiles && lowerLinkText(path) != nil }

    private func lowerLinkText(_ path: String) -> String? {
        guard let text = configuration.lowerLinks[ByteKey(path)], !isHiddenByMount(path) else { return nil }
        return text
    }

    /// For a file that is to stand at this path. In the place of a lower's link to a directory the sidecar would see both
    /// of them, and end when they are removed.
    func refuseInPlaceOfDirectoryLink(_ path: String) -> Steps<Void> {
        guard guardsFiles, let text = lowerLinkText(path) else { return .done(()) }
        let target = Self.target(of: text, in: GuestPath.split(path).parent)
        return follow(target).then { [self] in kind(of: $0) }.recover { error throws(ClientError) in
            guard error.detail.errno != nil else { throw error }
            return .done(.missing)
        }.map { kind throws(ClientError) in
            guard kind.isDirectory else { return }
            throw ClientError.guest(
                "EBUSY",
                "the sidecar cannot put a file where a lower layer has a link to a directory: \(path)"
            )
        }
    }

    /// Where a path leads. What a lower's link says by now is asked, and the rest of the way begins there.
    func realPath(of path: String, hops: Int = 0) -> Steps<String> {
        guard hops < Self.maximumHops, let link = lowerLink(on: path) else { return realPathRequest(path) }
        return readLinkRequest(link).map { String?.some($0) }.recover { error throws(ClientError) in
            // It was removed, and the sidecar would go on following it; or something else has taken its place.
            guard let errno = error.detail.errno, errno != "ENOENT" else { throw error }
            return .done(nil)
        }.then { [self] text in
            guard let text else { return realPathRequest(path) }
            let target = Self.target(of: text, in: GuestPath.split(link).parent)
            return realPath(of: target + path.behindBytes(of: link), hops: hops + 1)
        }
    }

    /// Whether there can be nothing at a path without links, for one of a lower's that led there was removed.
    func isBehindRemovedLink(_ path: String) -> Steps<Bool> {
        guard guardsFiles, let link = lowerLink(on: path), !link.hasSameBytes(as: path) else {
            return .done(false)
        }
        return readLinkRequest(link).map { _ in false }.recover { error throws(ClientError) in
            guard error.detail.errno != nil else { throw error }
            return .done(error.detail.errno == "ENOENT")
        }
    }

    /// The first of such links that is on the way, or at its end.
    private func lowerLink(on path: String) -> String? {
        let bytes = path.utf8
        let ends = bytes.indices.dropFirst().filter { bytes[$0] == UInt8(ascii: "/") } + [bytes.endIndex]
        return ends.map { String(path[..<$0]) }.first { lowerLinkText($0) != nil }
    }

    /// A link is made in the upper layer, which ends the hiding of the path, and a file takes its place: to that rename
    /// does not look through links.
    func writeInPlaceOfLowerLink(_ path: String, _ content: EncodedContent) -> Steps<Void> {
        kind(of: path).then { [self] kind in
            guard case .missing = kind else { return plainWriteRequest(path, content) }
            let temporary = TemporaryName.beside(path, "write")
            let write = plainWriteRequest(temporary, content).then { [self] in
                symlinkRequest(path, text: GuestPath.split(temporary).name).recover {
                    error throws(ClientError) in
                    // Another write of the same path was first.
                    guard error.detail.errno == "EEXIST" else { throw error }
                    return .done(())
                }.then { [self] in
                    renameRequest(temporary, to: path).onRefusal { [self] in removeLink(path) }
                }.onRefusal { [self] in removeFileRequest(temporary) }
            }
            return refuseInPlaceOfDirectoryLink(path).then { write.undivided }
        }
    }
}
