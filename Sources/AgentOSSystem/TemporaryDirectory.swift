// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc
internal import Synchronization

/// A directory that only we may enter, gone when its owner is done with it, however that one ended.
///
/// A lock file in it says that its owner lives. What a killed host left behind is removed by the next one.
package final class TemporaryDirectory: Sendable {
    private static let prefix = "agentos-sidecar-"
    private static let lockName = ".owner"
    private static let sweepIntervalNanoseconds: UInt64 = 60_000_000_000
    private static let lastSweep: Atomic<UInt64> = Atomic(0)

    package let path: String
    private let lock: OwnedDescriptor

    private init(path: String, lock: OwnedDescriptor) {
        self.path = path
        self.lock = lock
    }

    /// The host's own place for temporary files.
    package static var parent: String {
        guard let value = getenv("TMPDIR") else { return "/tmp" }
        let path = String(cString: value)
        return path.isEmpty ? "/tmp" : path
    }

    /// Makes a directory with mode 0700 below the host's temporary directory. mkdtemp(3), flock(2)
    package static func make() throws(SystemError) -> TemporaryDirectory {
        sweep()
        for _ in 0..<8 {
            var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw .current }
            let path = template.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { String(cString: $0) } ?? ""
            }
            let lock = aos_shim_lock_file("\(path)/\(lockName)", 1)
            if lock >= 0 { return TemporaryDirectory(path: path, lock: OwnedDescriptor(lock)) }
            let error = SystemError.current
            remove(path)
            // Another host's sweep saw the lock file before we held it: once more, elsewhere.
            if error.number != EWOULDBLOCK, error.number != ENOENT { throw error }
        }
        throw SystemError(EAGAIN)
    }

    /// Removes the directory and all below it.
    package func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        if HostFile.removeTree(path) { return }
        // Without a descriptor to be had nothing can be listed: what holds only our own file goes all the same.
        unlink("\(path)/\(lockName)")
        rmdir(path)
    }

    /// Removes the directories of hosts that no longer live, at most once a minute.
    private static func sweep() {
        let now = MonotonicTime.now.nanoseconds
        let last = lastSweep.load(ordering: .relaxed)
        guard last == 0 || now > last &+ sweepIntervalNanoseconds,
            lastSweep.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged,
            let folder = opendir(parent)
        else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(prefix) else { continue }
            let path = "\(parent)/\(name)"
            // Not ours to open, or locked by its owner: left alone.
            let lock = aos_shim_lock_file("\(path)/\(lockName)", 0)
            guard lock >= 0 else { continue }
            _ = HostFile.removeTree(path)
            close(lock)
        }
    }
}
