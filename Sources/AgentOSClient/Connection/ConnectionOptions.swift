// SPDX-License-Identifier: Apache-2.0
internal import AgentOSTransport

/// How a sidecar process is started, spoken to and ended.
package struct ConnectionOptions: Sendable {
    /// A program and its arguments instead of the one that is searched for.
    package var command: [String]?
    package var environment: [(name: String, value: String)] = []
    package var directory: String?
    package var authToken: String = "agent-os-client"
    package var limits: RequestLimits = RequestLimits()
    /// Silence after which a process that owes an answer is given up; 0: never.
    package var unresponsiveNanoseconds: UInt64 = 60_000_000_000
    /// From end of file to SIGKILL.
    package var stopGraceNanoseconds: UInt64 = 5_000_000_000
    /// The sidecar runs on another machine: host paths mean that one's.
    package var isRemote: Bool = false
    var sandbox: Sandbox?

    package init() {}

    func spawnRequest() -> SpawnRequest {
        var request = ProgramSearch.command(given: command)
        request.environment = environment
        request.directory = directory
        request.sandbox = sandbox
        return request
    }
}
