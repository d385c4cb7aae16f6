// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// The confinement of a sidecar by bubblewrap: it sees its binary, the system's libraries, its private
/// directory and the directories of the host that were named, and nothing else (architecture decision 11).
package struct Sandbox: Sendable {
    private static let program = "bwrap"
    /// What a program needs of the system, where it is there: a link is made again as a link.
    private static let system = [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ssl",
    ]

    /// Absolute, without links. Guests may write to them as far as the sidecar may.
    package var hostDirectories: [String]
    package var hasNetwork: Bool

    package init(hostDirectories: [String], hasNetwork: Bool) {
        self.hostDirectories = hostDirectories
        self.hasNetwork = hasNetwork
    }

    /// Whether a path of the host can be seen inside.
    package func shows(_ path: String) -> Bool {
        hostDirectories.contains { path == $0 || path.hasPrefix($0 == "/" ? "/" : $0 + "/") }
    }

    /// The command that starts `command` inside. `file` is where its program was found.
    func wrapping(_ command: [String], file: String, privateDirectory: String?) -> [String] {
        let binary = HostFile.realPath(file) ?? file
        // Not --die-with-parent: that looks at the thread that started it. End of file ends the sidecar.
        var words = [Self.program, "--unshare-all", "--new-session"]
        if hasNetwork { words += ["--share-net", "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"] }
        for path in Self.system {
            if let target = HostFile.linkTarget(path) {
                words += ["--symlink", target, path]
            } else {
                words += ["--ro-bind-try", path, path]
            }
        }
        words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", binary, binary]
        for directory in hostDirectories { words += ["--bind", directory, directory] }
        if let privateDirectory { words += ["--bind", privateDirectory, privateDirectory] }
        return words + ["--chdir", "/", "--", binary] + command.dropFirst()
    }
}
