// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// A file descriptor with one owner, closed when that owner ends, and in a forked child at once.
package final class OwnedDescriptor: Sendable {
    package let number: Int32

    package init(_ number: Int32) {
        self.number = number
        aos_shim_close_in_child(number)
    }

    deinit {
        aos_shim_forget_in_child(number)
        // In a forked child the number is closed already, and may be somebody else's by now.
        if generation == ForkGeneration.current { Glibc.close(number) }
    }

    private let generation: UInt32 = ForkGeneration.current
}
