// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Pipes, sockets and devices of the host, which a `host_dir` mount shows.
///
/// The sidecar opens them like files, on the one thread that serves all VMs: a pipe that nobody writes would stop it for
/// ever, and a device gives bytes without end.
extension VM {
    private static let typeBits: UInt32 = 0o170000
    /// What `lstat` may say of the others: a file, a directory, a link.
    private static let usualTypes: Set<UInt32> = [0o100000, 0o040000, 0o120000]

    /// For what opens a file that may be there already. `path` has no links.
    func refuseSpecialFile(_ path: String, _ verb: String) -> Steps<Void> {
        guard mount(of: path)?.plugin == "host_dir" else { return .done(()) }
        return statRequest(path).map { stat throws(ClientError) in
            try Self.checkType(stat, path, verb)
        }.recover { error throws(ClientError) in
            guard error.detail.errno == "ENOENT", error.detail.code != nil else { throw error }
            return .done(())
        }
    }

    static func checkType(_ stat: GuestFilesystemStat, _ path: String, _ verb: String) throws(ClientError) {
        guard isSpecial(stat) else { return }
        throw .guest(
            "EINVAL",
            "invalid argument, \(verb) '\(path)': it is a pipe, a socket or a device of the host",
            kind: .kernel
        )
    }

    static func isSpecial(_ stat: GuestFilesystemStat) -> Bool {
        let type = stat.mode & typeBits
        return type != 0 && !usualTypes.contains(type)
    }
}
