// SPDX-License-Identifier: Apache-2.0

/// Names of files that the client makes in a VM for a moment.
enum TemporaryName {
    static func next(_ purpose: String) -> String {
        ".aos-\(purpose)-\(String(SidecarID.uuid().filter { $0 != "-" }.prefix(16)))"
    }
}
