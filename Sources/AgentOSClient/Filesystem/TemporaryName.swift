// SPDX-License-Identifier: Apache-2.0

/// Names of files that the client makes in a VM for a moment.
enum TemporaryName {
    /// A path in the directory that `path` is in.
    static func beside(_ path: String, _ purpose: String) -> String {
        GuestPath.join(GuestPath.split(path).parent, next(purpose))
    }

    static func next(_ purpose: String) -> String {
        ".aos-\(purpose)-\(String(SidecarID.uuid().filter { $0 != "-" }.prefix(16)))"
    }
}
