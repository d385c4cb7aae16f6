// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// A failed system call: its error number, with a text that does not follow the host's locale.
package struct SystemError: Error, Equatable, Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    /// The error of the system call that has just failed on this thread.
    package static var current: SystemError { SystemError(errno) }

    package static let wouldBlock: SystemError = SystemError(EAGAIN)
    package static let notFound: SystemError = SystemError(ENOENT)

    /// Of the errors that files give; of any other its number. (The C library's own table is too new for some.)
    private static let names: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", ENXIO: "ENXIO", EBADF: "EBADF",
        EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EACCES: "EACCES", EBUSY: "EBUSY", EEXIST: "EEXIST",
        EXDEV: "EXDEV", ENODEV: "ENODEV", ENOTDIR: "ENOTDIR", EISDIR: "EISDIR", EINVAL: "EINVAL",
        ENFILE: "ENFILE", EMFILE: "EMFILE", ETXTBSY: "ETXTBSY", EFBIG: "EFBIG", ENOSPC: "ENOSPC",
        EROFS: "EROFS", EMLINK: "EMLINK", EPIPE: "EPIPE", ENAMETOOLONG: "ENAMETOOLONG",
        ENOTEMPTY: "ENOTEMPTY", ELOOP: "ELOOP", EILSEQ: "EILSEQ", EOVERFLOW: "EOVERFLOW", EDQUOT: "EDQUOT",
        ESTALE: "ESTALE", EOPNOTSUPP: "EOPNOTSUPP",
    ]

    /// `ENOENT`.
    package var name: String { Self.names[number] ?? "E\(number)" }

    package var text: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "Unknown error" }
            return String(cString: aos_shim_strerror(number, base, buffer.count))
        }
    }

    /// The form that the reference client uses: `No such file or directory (os error 2)`.
    package var osErrorText: String { "\(text) (os error \(number))" }
}
