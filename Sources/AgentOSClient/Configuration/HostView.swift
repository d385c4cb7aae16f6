// SPDX-License-Identifier: Apache-2.0
internal import AgentOSTransport

/// What the sidecar of a handle sees of the host's files.
package struct HostView: Sendable {
    /// It runs on this machine: what it is to see can be looked at here.
    let isLocal: Bool
    private let sandbox: Sandbox?

    init(_ options: ConnectionOptions) {
        isLocal = !options.isRemote
        sandbox = options.sandbox
    }

    /// Refuses a directory that a confined sidecar could not open.
    func check(_ path: String, place: String) throws(ClientError) {
        guard let sandbox, !sandbox.shows(path) else { return }
        throw .invalid("\(place): outside of the sandbox's hostDirectories: \(path)")
    }
}

extension SidecarOptions {
    package var hostView: HostView { HostView(connection) }
}
