// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSTransport
internal import AgentOSWire

/// The options of a handle, as a caller writes them.
package struct SidecarOptions: Sendable {
    package var sidecarID: String?
    package var connection: ConnectionOptions = ConnectionOptions()
    /// Requests that we add to find out whether a file operation is safe (architecture decisions 9 and 20).
    package var fileGuards: Bool = true
    /// How long the end of a VM waits for its processes.
    package var processEndNanoseconds: UInt64 = 5_000_000_000

    package init() {}

    private static func sandbox(_ object: ConfigurationObject) throws(ClientError) -> Sandbox {
        guard try object.choice("kind", ["bubblewrap": true]) == true else {
            throw .invalid("\(object.place("kind")): missing; known is bubblewrap")
        }
        let directories = try object.list("hostDirectories") { (value, place) throws(ClientError) in
            let path = try ConfigurationObject.string(value, place)
            guard path.utf8.first == UInt8(ascii: "/") else {
                throw .invalid("\(place): Path must be absolute: \(path)")
            }
            guard HostFile.isDirectory(path), let real = HostFile.realPath(path) else {
                throw .invalid("\(place): host directory not found: \(path)")
            }
            return real
        }
        return Sandbox(hostDirectories: directories ?? [], hasNetwork: try object.bool("network") ?? false)
    }

    package init(document: String?) throws(ClientError) {
        let object = try ConfigurationObject(
            document: document,
            allowed: [
                "sidecarId", "command", "env", "cwd", "authToken", "deadlines", "unresponsiveMs",
                "stopGraceMs", "processEndMs", "hostPaths",
                "fileGuards", "sandbox",
            ]
        )
        sidecarID = try object.string("sidecarId")
        connection.command = try object.strings("command")
        if let command = connection.command {
            guard let program = command.first else {
                throw .invalid("command: expected a program and its arguments, found an empty list")
            }
            if program.isEmpty {
                throw .invalid("command[0]: must not be empty")
            }
            for (index, part) in command.enumerated() where part.utf8.contains(0) {
                throw .invalid("command[\(index)]: contains a NUL byte")
            }
        }
        connection.environment = try object.environment("env")
        connection.directory = try object.string("cwd")
        if let token = try object.string("authToken") {
            guard !token.isEmpty else {
                throw .invalid("authToken: must not be empty; it would end the sidecar")
            }
            connection.authToken = token
        }
        if let limits = try object.object("deadlines", allowed: nil) {
            for entry in limits.all {
                guard entry.name == "default" || RequestLimits.types.contains(entry.name) else {
                    throw .invalid(
                        "\(limits.place(entry.name)): no such request type; \"default\" is for all others"
                    )
                }
                guard let nanoseconds = try limits.milliseconds(entry.name) else { continue }
                if entry.name == "default" {
                    connection.limits.others = nanoseconds
                } else {
                    connection.limits.set(entry.name, nanoseconds)
                }
            }
        }
        if let value = try object.milliseconds("unresponsiveMs") {
            connection.unresponsiveNanoseconds = value
        }
        if let value = try object.milliseconds("stopGraceMs") { connection.stopGraceNanoseconds = value }
        if let value = try object.milliseconds("processEndMs") { processEndNanoseconds = value }
        connection.isRemote = try object.choice("hostPaths", ["local": false, "remote": true]) ?? false
        fileGuards = try object.choice("fileGuards", ["on": true, "off": false]) ?? true
        if let sandbox = try object.object("sandbox", allowed: ["kind", "hostDirectories", "network"]) {
            connection.sandbox = try Self.sandbox(sandbox)
            if connection.isRemote { throw .invalid("sandbox: not together with hostPaths \"remote\"") }
        }
    }
}
