// SPDX-License-Identifier: Apache-2.0

/// What to start, and how: the sidecar itself, or a command that reaches one elsewhere.
package struct SpawnRequest: Sendable {
    /// The program and its arguments. A first element with a `/` is a path, without one it is looked up in
    /// `PATH`.
    package var command: [String]
    /// The environment variable that named the program, for the error text.
    package var source: String?
    /// Laid over the host's environment.
    package var environment: [(name: String, value: String)] = []
    package var sandbox: Sandbox?
    /// Nil: the host's own working directory.
    package var directory: String?

    package init(command: [String], source: String? = nil) {
        self.command = command
        self.source = source
    }

    package var program: String { command.first ?? "" }
}

/// Why no process could be started.
package struct SpawnError: Error, Equatable, Sendable {
    package let text: String
    package let errorNumber: Int32
}
