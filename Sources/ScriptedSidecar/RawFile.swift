// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Whole small files: the script, and what /proc says of this process.
enum RawFile {
    struct Unreadable: Error {}

    /// All bytes; `errno` tells why not.
    static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw Unreadable() }
        defer { close(fd) }
        var content: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while true {
            let got = Glibc.read(fd, &part, part.count)
            if got == 0 { return content }
            if got > 0 {
                content.append(contentsOf: part[..<got])
            } else if errno != EINTR {
                throw Unreadable()
            }
        }
    }

    /// Writes all of `bytes`; false when it cannot, with the reason in `errno`.
    static func write(_ bytes: UnsafeRawBufferPointer, to fd: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let sent = Glibc.write(fd, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if sent >= 0 {
                done += sent
            } else if errno == EAGAIN {
                var wait = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// Best effort: nobody may read stderr.
    static func writeError(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { write($0, to: 2) }
    }
}
