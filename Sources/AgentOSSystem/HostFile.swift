// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// Questions to the host's own filesystem, for paths that are handed to the sidecar.
package enum HostFile {
    /// The absolute path without links; nil where there is nothing. realpath(3)
    package static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Follows links. stat(2)
    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Does not follow links. lstat(2)
    package static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// The text of a link; nil if it is none. readlink(2)
    package static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Who may do what with a file; nil where there is none. Does not follow links. lstat(2)
    package static func permissions(_ path: String) -> FilePermissions? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return FilePermissions(
            mode: status.st_mode & 0o7777,
            owner: status.st_uid,
            isLink: status.st_mode & S_IFMT == S_IFLNK
        )
    }

    package enum Kind: Sendable { case file, directory, link, other }

    /// What stands at a path, a link not followed; nil where nothing does. lstat(2)
    package static func kind(_ path: String) -> Kind? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .other
        }
    }

    /// Bytes in a regular file; nil for anything else. Does not follow a link at the end. lstat(2)
    package static func size(_ path: String) -> UInt64? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(status.st_size)
    }

    /// The user as whom a process runs; nil when there is no such process. stat(2) of `/proc/<pid>`
    package static func owner(ofProcess pid: Int32) -> UInt32? {
        var status = stat()
        return stat("/proc/\(pid)", &status) == 0 ? status.st_uid : nil
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package static func isSearchable(_ path: String) -> Bool { access(path, R_OK | X_OK) == 0 }

    /// Names in a directory, sorted, without `.` and `..`; nil if it may not be read. readdir(3)
    package static func names(in path: String) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            // A name that is no UTF-8 cannot be sent.
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// At most `limit` bytes of a file; nil if it cannot be read. read(2)
    package static func contents(_ path: String, limit: Int) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while bytes.count < limit {
            let wanted = min(buffer.count, limit - bytes.count)
            let count = buffer.withUnsafeMutableBytes { room in
                (try? SystemCall.read(fd, into: UnsafeMutableRawBufferPointer(rebasing: room[..<wanted])))
                    ?? -1
            }
            if count < 0 { return nil }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Copies a file; false if it cannot be read or written. The copy is for us to read alone.
    package static func copy(_ path: String, to target: String) -> Bool {
        guard let content = contents(path, limit: .max) else { return false }
        let fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        var written = 0
        while written < content.count {
            let count = content.withUnsafeBytes {
                Glibc.write(fd, $0.baseAddress?.advanced(by: written), content.count - written)
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return false }
            written += count
        }
        return true
    }

    /// Removes a file, a link or a directory with all below it; false if something is left. nftw(3)
    package static func removeTree(_ path: String) -> Bool { aos_shim_remove_tree(path) == 0 }

    /// The path as seen from the host's working directory at this moment. getcwd(3)
    package static func absolute(_ path: String) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}
