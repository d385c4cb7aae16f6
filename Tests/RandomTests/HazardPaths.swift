// SPDX-License-Identifier: Apache-2.0

/// Paths and texts with which something may go wrong. `host` is a folder of the host.
struct HazardPaths: Sendable {
    /// What most calls meet: names in one directory, links among them, and what is below them.
    let usual: [String]
    let odd: [String]
    let texts: [String]

    init(host: String) {
        let names = ["a", "b", "c", "loop", "planted", "up", "device", "dangling"]
        usual =
            names.map { "/tmp/h/\($0)" } + names.map { "/tmp/h/\($0)/x" }
            + [
                "/tmp/h/a/b/c", "/tmp/h", "/mnt/h/a", "/mnt/h/b/x", "/memory/a", "/memory/b/x",
                "/tmp/h/planted/keep",
            ]
        odd = Self.system + Self.malformed + Self.long
        let up = String(repeating: "../", count: 12)
        texts = [
            host, up + host.dropFirst(), "\(host)/keep", "a", "b", "../h", "loop", ".", "..", "/", "nowhere",
            "/tmp/h/c", "/dev/null", "/proc/self", "/etc", "/etc/hostname", "/mnt/h/a", "/memory/a", "", "a/",
            "a//b", "nul\0", String(repeating: "n", count: 300), String(repeating: "d/", count: 2000),
        ]
    }

    private static let system = [
        "/", "/etc", "/etc/hostname", "/etc/hostname/x", "/etc/new", "/tmp", "/usr", "/usr/bin",
        "/usr/bin/env",
        "/usr/bin/env/x", "/bin", "/bin/sh", "/root", "/root/x", "/home", "/var/tmp", "/var/run", "/boot",
        "/mnt", "/mnt/h", "/memory", "/etc/agentos", "/etc/agentos/instructions.md", "/lib", "/opt/new/x",
        "/dev", "/dev/null", "/dev/null/x", "/dev/zero", "/dev/urandom", "/dev/stdin", "/dev/stdout",
        "/dev/fd",
        "/dev/pts", "/dev/tty", "/dev/new", "/dev/shm/x", "/proc", "/proc/self", "/proc/self/fd/0",
        "/proc/self/x", "/proc/1/status", "/proc/mounts", "/proc/new", "/sys", "/sys/new", "/sys/kernel/x",
        "/missing/on/the/way", "/process",
    ]

    private static let malformed = [
        "", "relative", "/a//b", "/tmp/../etc", "/tmp/./a", "//tmp", "/..", "/tmp/h/a/", "/tmp/h/back\\slash",
        "/tmp/h/nul\0x", "/tmp/h/bell\u{7}", "/tmp/h/line\nend", "/tmp/h/del\u{7F}", "/tmp/h/grün€😀",
        "/tmp/h/e\u{301}", "/tmp/h/space here ", "/tmp/h/'\"`$(x)", "/tmp/h/...",
    ]

    private static let long = [
        "/tmp/h/" + String(repeating: "n", count: 255), "/tmp/h/" + String(repeating: "n", count: 256),
        "/tmp" + String(repeating: "/" + String(repeating: "p", count: 199), count: 20),
        "/tmp/h" + String(repeating: "/q", count: 60), "/tmp/h/" + String(repeating: "é", count: 128),
    ]

    static let sizes: [UInt64] = [
        0, 1, 5000, 2_000_000, 5_000_000, 1 << 26, (1 << 26) + 1, 1 << 40, 1 << 63, UInt64.max,
    ]

    static let modes: [UInt32] = [
        0, 0o400, 0o200, 0o644, 0o755, 0o1777, 0o7777, 0o40755, 0o100644, 0o120777, 0o60600, 1 << 20, .max,
    ]

    static let operations = [
        "read_file", "write_file", "create_dir", "mkdir", "exists", "stat", "lstat", "read_dir",
        "remove_file",
        "remove_dir", "rename", "realpath", "symlink", "read_link", "link", "chmod", "chown", "utimes",
        "truncate", "no_such_operation",
    ]

    static let queries = [
        "{}", "{\"port\":80}", "{\"host\":\"127.0.0.1\",\"port\":1}", "{\"path\":\"/tmp/h/a\"}",
        "{\"port\":0}",
        "{\"port\":70000}", "{\"path\":\"\"}", "[]", "{\"port\":80,\"path\":\"/x\"}",
        "{\"host\":\"nul\\u0000\"}",
    ]

    static let exports = [
        "{}", "null", entries(""),
        entries("{\"path\":\"/a\",\"type\":\"file\",\"mode\":\"0644\",\"content\":\"x\"}"),
        entries("{\"path\":\"a\",\"type\":\"file\",\"mode\":\"0644\"}"),
        entries("{\"path\":\"/l\",\"type\":\"symlink\",\"mode\":\"0777\",\"target\":\"/l\"}"),
        entries("{\"path\":\"/l\",\"type\":\"symlink\",\"mode\":\"0777\"}"),
        entries(
            "{\"path\":\"/b\",\"type\":\"file\",\"mode\":\"0644\",\"content\":\"!\",\"encoding\":\"base64\"}"
        ),
        entries("{\"path\":\"/d\",\"type\":\"directory\",\"mode\":\"99\"}"),
    ]

    private static func entries(_ text: String) -> String {
        """
        {"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1",\
        "filesystem":{"entries":[\(text)]}}}
        """
    }
}
