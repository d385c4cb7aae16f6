// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
internal import CAgentOS

/// The functions on files that are not in `HostVM` itself, blocking.
extension HostVM {
    private typealias OnPath = (
        OpaquePointer?, aos_id, UnsafePointer<CChar>?, Int, UInt64, UnsafeMutablePointer<OpaquePointer?>?,
        UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    private func ask(_ function: OnPath, _ path: String) throws -> OpaquePointer? {
        var out: OpaquePointer?
        try check { function(sidecar.handle, id, path, path.utf8.count, HostSidecar.limit, &out, $0) }
        return out
    }

    package func lstat(_ path: String) throws -> JSONValue { try takeJSON(try ask(aos_fs_lstat, path)) }
    package func realPath(_ path: String) throws -> String { takeText(try ask(aos_fs_realpath, path)) }
    package func readLink(_ path: String) throws -> String { takeText(try ask(aos_fs_read_link, path)) }

    private typealias Change = (
        OpaquePointer?, aos_id, UnsafePointer<CChar>?, Int, UInt64, UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    private func change(_ function: Change, _ path: String) throws {
        try check { function(sidecar.handle, id, path, path.utf8.count, HostSidecar.limit, $0) }
    }

    package func unlink(_ path: String) throws { try change(aos_fs_unlink, path) }
    package func rmdir(_ path: String) throws { try change(aos_fs_rmdir, path) }

    package func chmod(_ path: String, _ mode: UInt32) throws {
        try check { aos_fs_chmod(sidecar.handle, id, path, path.utf8.count, mode, HostSidecar.limit, $0) }
    }

    package func chown(_ path: String, _ uid: UInt32, _ gid: UInt32) throws {
        try check { aos_fs_chown(sidecar.handle, id, path, path.utf8.count, uid, gid, HostSidecar.limit, $0) }
    }

    package func utimes(_ path: String, _ accessed: UInt64, _ modified: UInt64) throws {
        try check {
            aos_fs_utimes(
                sidecar.handle,
                id,
                path,
                path.utf8.count,
                accessed,
                modified,
                HostSidecar.limit,
                $0
            )
        }
    }

    package func truncate(_ path: String, _ size: UInt64) throws {
        try check { aos_fs_truncate(sidecar.handle, id, path, path.utf8.count, size, HostSidecar.limit, $0) }
    }

    private typealias OnPaths = (
        OpaquePointer?, aos_id, UnsafePointer<CChar>?, Int, UnsafePointer<CChar>?, Int, UInt64,
        UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    private func two(_ function: OnPaths, _ first: String, _ second: String, _ limit: UInt64) throws {
        try check {
            function(sidecar.handle, id, first, first.utf8.count, second, second.utf8.count, limit, $0)
        }
    }

    package func symlink(_ target: String, at path: String) throws {
        try two(aos_fs_symlink, target, path, HostSidecar.limit)
    }

    package func link(_ existing: String, to newPath: String) throws {
        try two(aos_fs_link, existing, newPath, HostSidecar.limit)
    }

    package func rename(_ from: String, to: String) throws {
        try two(aos_fs_rename, from, to, HostSidecar.limit)
    }

    package func move(_ from: String, to: String, limit: UInt64 = HostSidecar.limit) throws {
        try two(aos_fs_move, from, to, limit)
    }

    /// The entries as `type path`, with the size behind it where it is there.
    package func walk(_ path: String, _ options: JSONValue? = nil) throws -> [String] {
        var out: OpaquePointer?
        let document = options.map { JSONWriter.text($0) }
        try check {
            aos_fs_walk(
                sidecar.handle,
                id,
                path,
                path.utf8.count,
                document,
                document?.utf8.count ?? 0,
                HostSidecar.limit,
                &out,
                $0
            )
        }
        guard case .array(let entries) = try takeJSON(out) else { return [] }
        return entries.map { entry in
            let size = entry["size"]?.integerValue.map { " \($0)" } ?? ""
            return "\(entry["type"]?.stringValue ?? "?") \(entry["path"]?.stringValue ?? "?")\(size)"
        }
    }

    /// The results, one for each file.
    package func writeFiles(
        _ files: [(path: String, content: [UInt8])],
        limit: UInt64 = HostSidecar.limit
    ) throws -> [JSONValue] {
        var results: OpaquePointer?
        try withTexts(files.map(\.path)) { paths, lengths in
            try withBlocks(files.map(\.content)) { data, dataLengths in
                try check {
                    aos_fs_write_files(
                        sidecar.handle,
                        id,
                        paths,
                        lengths,
                        data,
                        dataLengths,
                        files.count,
                        limit,
                        &results,
                        $0
                    )
                }
            }
        }
        guard case .array(let entries) = try takeJSON(results) else { return [] }
        return entries
    }

    package func readFiles(_ paths: [String]) throws -> (contents: [[UInt8]?], results: [JSONValue]) {
        var results: OpaquePointer?
        var contents = [OpaquePointer?](repeating: nil, count: paths.count)
        try withTexts(paths) { texts, lengths in
            try check {
                aos_fs_read_files(
                    sidecar.handle,
                    id,
                    texts,
                    lengths,
                    paths.count,
                    HostSidecar.limit,
                    &contents,
                    &results,
                    $0
                )
            }
        }
        guard case .array(let entries) = try takeJSON(results) else { return ([], []) }
        return (contents.map { $0.map { takeBytes($0) } }, entries)
    }
}

/// Texts as a C array of pointers, and their lengths.
package func withTexts<Result>(
    _ texts: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int>) throws -> Result
) throws -> Result {
    try withBlocks(texts.map { Array($0.utf8) }) { blocks, lengths in
        try blocks.withMemoryRebound(to: UnsafePointer<CChar>?.self, capacity: texts.count) {
            try body($0, lengths)
        }
    }
}

/// Blocks of bytes as a C array of pointers, and their lengths.
package func withBlocks<Result>(
    _ blocks: [[UInt8]],
    _ body: (UnsafePointer<UnsafeRawPointer?>, UnsafePointer<Int>) throws -> Result
) throws -> Result {
    let all = blocks.flatMap { $0 }
    let lengths = blocks.map(\.count)
    return try all.withUnsafeBytes { bytes in
        var offset = 0
        let pointers: [UnsafeRawPointer?] = blocks.map { block in
            defer { offset += block.count }
            return bytes.baseAddress?.advanced(by: offset)
        }
        // An empty array has no address.
        return try (pointers + [nil]).withUnsafeBufferPointer { pointers in
            try (lengths + [0]).withUnsafeBufferPointer { lengths in
                guard let first = pointers.baseAddress, let count = lengths.baseAddress else {
                    throw HostError(aos_status(AOS_E_INVALID), nil)
                }
                return try body(first, count)
            }
        }
    }
}
