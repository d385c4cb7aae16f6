// SPDX-License-Identifier: Apache-2.0

/// The version that the Makefile names; a test compares the two.
enum LibraryVersion {
    static let text: StaticString = "0.1.0"
}
