// SPDX-License-Identifier: Apache-2.0

/// Changes of what a file is, not of what it holds: links are followed.
extension VM {
    private static let permissionBits: UInt32 = 0o7777
    private static let typeBits: UInt32 = 0o170000

    /// Sets the permissions. Bits that say what sort of file it is are not sent: the sidecar would change
    /// that (hazard H16).
    package func changeMode(_ path: String, _ mode: UInt32) -> Steps<Void> {
        inTurn(.beside, "chmod", path: path) { [self] () throws(ClientError) in
            if mode & ~(Self.permissionBits | Self.typeBits) != 0 {
                throw .invalid("mode: expected at most 0o7777, found 0o\(String(mode, radix: 8))")
            }
            return try attribute(path, "chmod") { [self] real, isDirectory throws(ClientError) in
                try shadow.checkMode(real, mode, isDirectory: isDirectory)
                return chmodRequest(real, mode & Self.permissionBits)
            }
        }
    }

    package func changeOwner(_ path: String, uid: UInt32, gid: UInt32) -> Steps<Void> {
        inTurn(.beside, "chown", path: path) { [self] () throws(ClientError) in
            try attribute(path, "chown") { [self] real, _ in chownRequest(real, uid: uid, gid: gid) }
        }
    }

    /// Times in milliseconds since 1970.
    package func changeTimes(_ path: String, accessed: UInt64, modified: UInt64) -> Steps<Void> {
        inTurn(.beside, "utimes", path: path) { [self] () throws(ClientError) in
            try attribute(path, "utimes") { [self] real, _ in
                utimesRequest(real, accessed: accessed, modified: modified)
            }
        }
    }

    private func attribute(
        _ given: String,
        _ verb: String,
        _ change: @escaping @Sendable (_ real: String, _ isDirectory: Bool) throws(ClientError) -> Steps<Void>
    ) throws(ClientError) -> Steps<Void> {
        let path = try GuestPath(writable: given)
        guard guardsFiles else {
            let text = try unresolved(path)
            try refuseLowerAttribute(text, verb)
            return try change(text, false)
        }
        return resolveForChange(path).then { [self] place throws(ClientError) in
            guard case .directory = place.kind else {
                return refuseSpecialFile(place.path, verb).then { () throws(ClientError) in
                    try change(place.path, false)
                }
            }
            try refuseLowerAttribute(place.path, verb)
            return try change(place.path, true)
        }
    }

    private func refuseLowerAttribute(_ path: String, _ verb: String) throws(ClientError) {
        guard isLowerDirectory(path) else { return }
        throw .guest(
            "EPERM",
            "\(verb) of a directory of a lower layer would hide what it holds: \(path)"
        )
    }

    /// Makes a file longer, with zero bytes, or shorter.
    package func truncate(_ path: String, to length: UInt64) -> Steps<Void> {
        inTurn(.alone, "truncate", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(writable: path)
            guard guardsFiles else {
                let text = try unresolved(path)
                if isLowerDirectory(text) { throw Self.isDirectory(path) }
                return truncateRequest(text, length)
            }
            return resolveForChange(path).then { [self] place throws(ClientError) in
                // Even refused by the sidecar it would empty the listing of a lower directory.
                if case .directory = place.kind { throw Self.isDirectory(path) }
                return refuseSpecialFile(place.path, "truncate").then { [self] in
                    refuseDeviceLength(place.path)
                }.then { [self] in truncateRequest(place.path, length) }
            }
        }
    }

    /// A device has no length, as truncate(2) says too: given one, it has it in the sidecar's copy alone. It is known by
    /// its mode, which has no type.
    private func refuseDeviceLength(_ path: String) -> Steps<Void> {
        guard path.lies(below: "/dev") else { return .done(()) }
        return statRequest(path).map { stat throws(ClientError) in
            guard stat.mode & 0o170000 == 0 else { return }
            throw ClientError.guest("EINVAL", "invalid argument, truncate '\(path)'", kind: .kernel)
        }
    }

    private static func isDirectory(_ path: GuestPath) -> ClientError {
        .guest("EISDIR", "illegal operation on a directory, truncate '\(path.given)'", kind: .kernel)
    }
}
