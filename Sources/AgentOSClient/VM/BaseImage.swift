// SPDX-License-Identifier: Apache-2.0

/// What the sidecar's bundled base layer holds (seen on 0.2.0-rc.2), and the skeleton that it makes in every
/// VM.
enum BaseImage {
    static let directories: Set<String> = [
        "/", "/bin", "/etc", "/etc/apk", "/etc/busybox-paths.d", "/etc/crontabs", "/etc/logrotate.d",
        "/etc/modprobe.d",
        "/etc/modules-load.d", "/etc/network", "/etc/opt", "/etc/periodic", "/etc/profile.d",
        "/etc/secfixes.d", "/etc/ssl",
        "/etc/ssl1.1", "/etc/sysctl.d", "/etc/udhcpc", "/home", "/home/user", "/lib", "/lib/apk",
        "/lib/firmware",
        "/lib/modules-load.d", "/lib/sysctl.d", "/media", "/media/cdrom", "/media/floppy", "/media/usb",
        "/mnt", "/opt",
        "/root", "/run", "/run/lock", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib",
        "/usr/local",
        "/usr/sbin", "/usr/share", "/var", "/var/cache", "/var/empty", "/var/lib", "/var/local", "/var/log",
        "/var/mail",
        "/var/opt", "/var/spool", "/var/spool/cron", "/var/tmp",
    ]
    static let others: Set<String> = [
        "/bin/node", "/bin/wasm", "/etc/alpine-release", "/etc/group", "/etc/hostname", "/etc/nsswitch.conf",
        "/etc/os-release", "/etc/passwd", "/etc/profile", "/etc/shadow", "/etc/shells", "/usr/bin/env",
        "/usr/lib/os-release", "/var/lock", "/var/run", "/var/spool/cron/crontabs",
    ]

    /// The links among them, with what they say.
    static let links: [String: String] = [
        "/etc/os-release": "../usr/lib/os-release", "/usr/bin/env": "/bin/busybox",
        "/var/lock": "../run/lock",
        "/var/run": "../run", "/var/spool/cron/crontabs": "../../../etc/crontabs",
    ]

    static func contains(_ path: String) -> Bool { directories.contains(path) || others.contains(path) }

    /// The directories of a VM without the base layer, with their modes; a file in the place of one is fatal.
    static let skeleton: [(path: String, mode: UInt32)] = [
        "/dev", "/proc", "/tmp", "/bin", "/lib", "/sbin", "/boot", "/etc", "/root", "/run", "/srv", "/sys",
        "/opt", "/mnt",
        "/media", "/home", "/home/user", "/usr", "/usr/bin", "/usr/games", "/usr/include", "/usr/lib",
        "/usr/libexec",
        "/usr/man", "/usr/local", "/usr/local/bin", "/usr/sbin", "/usr/share", "/usr/share/man", "/var",
        "/var/cache",
        "/var/empty", "/var/lib", "/var/lock", "/var/log", "/var/run", "/var/spool", "/var/tmp",
    ].map { ($0, exceptionalModes[$0] ?? 0o755) }

    private static let exceptionalModes: [String: UInt32] = [
        "/tmp": 0o1777, "/var/tmp": 0o1777, "/root": 0o700, "/sys": 0o555, "/var/empty": 0o555,
        "/home/user": 0o2755,
    ]

    static let skeletonPaths: Set<String> = Set(skeleton.map(\.path))

    static func isSkeleton(_ path: String) -> Bool { skeletonPaths.contains(path) }

    /// Variables of every guest process (vm.md 6.1). The host's own never go to guests.
    static let environment: [(name: String, value: String)] = [
        ("CHARSET", "UTF-8"), ("HOME", "/home/user"), ("HOSTNAME", "agent-os"), ("LANG", "C.UTF-8"),
        ("LC_COLLATE", "C"),
        ("LOGNAME", "user"), ("PAGER", "less"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("PS1", "\\h:\\w\\$ "), ("SHELL", "/bin/sh"), ("USER", "user"),
    ]

    static let instructionsPath: String = "/etc/agentos/instructions.md"

    /// What agents are told about the place they run in. Our own words.
    static let instructions: String = """
        # agentOS

        You are working inside agentOS, a small Linux-like environment made for coding agents.

        - Files, processes and the network look like those of Linux, but programs are JavaScript (`node`) or WebAssembly
          commands. Native binaries cannot be downloaded and run here, and packages that need them do not work.
        - There is no file watching: tools that wait for a file to change see nothing. Run them again instead.
        - Only a few programs run at the same time. Prefer files over long pipelines.
        - Tools of the host are commands: `agentos list-tools` shows them, `agentos-<toolkit> <tool> --help` explains one,
          and `agentos-<toolkit> <tool> --flag value` calls it. The answer is JSON on standard output.

        """

    static func instructions(adding additional: String?) -> String {
        guard let additional, !additional.isEmpty else { return instructions }
        return instructions + "\n" + additional
    }
}
