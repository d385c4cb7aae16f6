// SPDX-License-Identifier: Apache-2.0

/// The permission bits of a file of the host, and whose it is.
package struct FilePermissions: Equatable, Sendable {
    package let mode: UInt32
    package let owner: UInt32
    package let isLink: Bool

    package init(mode: UInt32, owner: UInt32, isLink: Bool) {
        (self.mode, self.owner, self.isLink) = (mode, owner, isLink)
    }

    /// Whether `user`, who is not root, has all these rights, given as bits of an owner. Of somebody else's
    /// file those of a group count too: which groups a process is in is not known.
    package func allows(_ ownerBits: UInt32, to user: UInt32) -> Bool {
        if owner == user { return mode & ownerBits == ownerBits }
        return (mode | mode << 3) << 3 & ownerBits == ownerBits
    }
}
