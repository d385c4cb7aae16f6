// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A directory of the host, opened: what is done in it goes nowhere else, whatever links are put in its way.
package final class HostDirectory: Sendable {
    /// What stands under a name.
    package struct Entry: Sendable {
        package enum Kind: Sendable { case file, directory, link, other }
        package let name: String
        package let kind: Kind
        package let size: UInt64
        package let mode: UInt32
        /// Milliseconds since 1970.
        package let modified: UInt64
    }

    private let descriptor: OwnedDescriptor
    private init(_ descriptor: OwnedDescriptor) { self.descriptor = descriptor }

    /// Links on the way are followed: the caller named it. open(2)
    package static func open(_ path: String) throws(SystemError) -> HostDirectory {
        let fd = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard fd >= 0 else { throw .current }
        return HostDirectory(OwnedDescriptor(fd))
    }

    /// A directory in it, never a link to one. openat(2)
    package func directory(_ name: String) throws(SystemError) -> HostDirectory {
        let fd = openat(descriptor.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard fd >= 0 else { throw .current }
        return HostDirectory(OwnedDescriptor(fd))
    }

    /// Makes one where none is. mkdirat(2)
    package func makeDirectory(_ name: String, mode: UInt32 = 0o777) throws(SystemError) -> HostDirectory {
        if mkdirat(descriptor.number, name, mode) != 0, errno != EEXIST { throw .current }
        return try directory(name)
    }

    package func setMode(_ mode: UInt32) { _ = fchmod(descriptor.number, mode) }

    /// What is in it, by name; names that are not UTF-8 fail with `EILSEQ`. readdir(3), fstatat(2)
    package func entries() throws(SystemError) -> [Entry] {
        let copy = fcntl(descriptor.number, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .current }
        guard let folder = fdopendir(copy) else {
            close(copy)
            throw .current
        }
        defer { closedir(folder) }
        rewinddir(folder)
        var entries: [Entry] = []
        while let found = readdir(folder) {
            let name = withUnsafeBytes(of: &found.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let name else { throw SystemError(EILSEQ) }
            if name == "." || name == ".." { continue }
            var status = stat()
            // Gone since it was listed.
            guard fstatat(descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            entries.append(Entry(name: name, status))
        }
        return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Nil where nothing is. fstatat(2)
    package func entry(_ name: String) -> Entry? {
        var status = stat()
        guard fstatat(descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return Entry(name: name, status)
    }

    /// The text of a link. readlinkat(2)
    package func linkText(_ name: String) throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(descriptor.number, name, &buffer, buffer.count)
        guard count >= 0 else { throw .current }
        guard let text = String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        else {
            throw SystemError(EILSEQ)
        }
        return text
    }

    /// A file to be read, never through a link. openat(2)
    package func openFile(_ name: String) throws(SystemError) -> OwnedDescriptor {
        let fd = openat(descriptor.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else { throw .current }
        return OwnedDescriptor(fd)
    }

    /// A new file to be written. openat(2)
    package func createFile(_ name: String) throws(SystemError) -> OwnedDescriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let fd = openat(descriptor.number, name, flags, 0o600)
        guard fd >= 0 else { throw .current }
        return OwnedDescriptor(fd)
    }

    /// Fails with `EEXIST` where something is that is neither file, link nor directory: who has a pipe, a socket or a
    /// device there wants it.
    private func checkPlace(_ name: String) throws(SystemError) {
        if entry(name)?.kind == .other { throw SystemError(EEXIST) }
    }

    /// Puts a finished file into its place, where nothing is, or a file or a link. renameat(2)
    package func rename(_ name: String, to newName: String) throws(SystemError) {
        try checkPlace(newName)
        guard renameat(descriptor.number, name, descriptor.number, newName) == 0 else { throw .current }
    }

    /// Makes a link, in the place of a file or a link. symlinkat(2)
    package func makeLink(_ name: String, _ text: String) throws(SystemError) {
        try checkPlace(name)
        if symlinkat(text, descriptor.number, name) == 0 { return }
        guard errno == EEXIST, unlinkat(descriptor.number, name, 0) == 0,
            symlinkat(text, descriptor.number, name) == 0
        else { throw .current }
    }

    package func remove(_ name: String) { _ = unlinkat(descriptor.number, name, 0) }
}

extension HostDirectory.Entry {
    fileprivate init(name: String, _ status: stat) {
        self.name = name
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            default: .other
            }
        size = UInt64(max(status.st_size, 0))
        mode = status.st_mode & 0o7777
        modified =
            UInt64(max(status.st_mtim.tv_sec, 0)) * 1000 + UInt64(status.st_mtim.tv_nsec) / 1_000_000
    }
}

extension SystemCall {
    /// Up to that many bytes from a place in a file. pread(2)
    package static func read(_ fd: Int32, at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let start = UnsafeMutableRawPointer(buffer.baseAddress?.advanced(by: filled))
                let got = pread(fd, start, count - filled, off_t(offset) + off_t(filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = .current }
                if got <= 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// All of it. write(2)
    package static func writeAll(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(fd, UnsafeRawBufferPointer(rebasing: rest))) }
    }

    /// The permissions that a new file has by default. fchmod(2)
    package static func setUsualMode(_ fd: Int32) { _ = fchmod(fd, 0o644) }

    /// Gives a file its permissions and the time of its last change, in milliseconds since 1970. fchmod(2),
    /// futimens(2)
    package static func setAttributes(_ fd: Int32, mode: UInt32, modified: UInt64) {
        _ = fchmod(fd, mode)
        let time = timespec(tv_sec: Int(modified / 1000), tv_nsec: Int(modified % 1000) * 1_000_000)
        var times = (time, time)
        withUnsafePointer(to: &times) { pointer in
            pointer.withMemoryRebound(to: timespec.self, capacity: 2) { _ = futimens(fd, $0) }
        }
    }
}
