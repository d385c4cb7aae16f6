// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A file descriptor with one owner, closed when that owner ends.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    deinit { Glibc.close(number) }

    /// Gives the number away: from here on the caller closes it.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }
}
