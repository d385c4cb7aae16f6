// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Which thread, as long as it lives. pthread_self(3)
package struct ThreadIdentity: Equatable, Sendable {
    private let thread: pthread_t

    package static var current: ThreadIdentity { ThreadIdentity(thread: pthread_self()) }

    package static func == (left: ThreadIdentity, right: ThreadIdentity) -> Bool {
        pthread_equal(left.thread, right.thread) != 0
    }
}
