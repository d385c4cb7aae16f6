// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import Glibc

/// How the process found itself at its start; taken before it opens or changes anything.
struct Surroundings {
    private let descriptors: [Int32] = openDescriptors()
    private let status: [Substring] = lines(of: "/proc/self/status")

    var json: JSONValue {
        .members([
            "pid": .integer(Int64(getpid())),
            "fds": .array(descriptors.map { .integer(Int64($0)) }),
            "blockedSignals": mask("SigBlk:"),
            "ignoredSignals": mask("SigIgn:"),
            "pgid": .integer(Int64(getpgrp())),
            "sid": .integer(Int64(getsid(0))),
            "argv": .array(CommandLine.arguments.map { .string($0) }),
            "cwd": directory(),
            "tmpdir": getenv("TMPDIR").map { .string(String(cString: $0)) } ?? .null,
        ])
    }

    private func mask(_ name: String) -> JSONValue {
        guard let line = status.first(where: { $0.hasPrefix(name) }) else { return .null }
        return .string(String(line.dropFirst(name.count).drop { $0 == "\t" || $0 == " " }))
    }

    private func directory() -> JSONValue {
        guard let path = getcwd(nil, 0) else { return .null }
        defer { free(path) }
        return .string(String(cString: path))
    }

    private static func lines(of path: String) -> [Substring] {
        let content = (try? RawFile.read(path)) ?? []
        return String(decoding: content, as: UTF8.self).split(separator: "\n")
    }

    private static func openDescriptors() -> [Int32] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let fd = Int32(name), fd != dirfd(folder) { found.append(fd) }
        }
        return found.sorted()
    }
}
