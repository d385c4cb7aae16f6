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

    package var text: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "Unknown error" }
            return String(cString: aos_shim_strerror(number, base, buffer.count))
        }
    }

    /// The form that the reference client uses: `No such file or directory (os error 2)`.
    package var osErrorText: String { "\(text) (os error \(number))" }
}
