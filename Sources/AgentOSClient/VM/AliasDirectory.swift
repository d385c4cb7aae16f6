// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Commands of a package under other names: copies in a private directory, which is gone with the VM.
final class AliasDirectory: Sendable {
    private let directory: TemporaryDirectory
    var path: String { directory.path }

    init(_ aliases: [(name: String, value: String)], commands: String, place: String) throws(ClientError) {
        do { directory = try TemporaryDirectory.make() } catch {
            throw ClientError(.sidecar, "\(place): no temporary directory: \(error.text)")
        }
        do throws(ClientError) {
            for alias in aliases { try copy(alias, from: commands, place) }
        } catch {
            directory.remove()
            throw error
        }
    }

    private func copy(_ alias: (name: String, value: String), from commands: String, _ place: String)
        throws(ClientError)
    {
        for name in [alias.name, alias.value]
        where name.isEmpty || name.hasPrefix(".") || name.utf8.contains(UInt8(ascii: "/")) {
            throw .invalid("\(place).\(alias.name): not the name of a command: \"\(name)\"")
        }
        guard HostFile.copy("\(commands)/\(alias.value)", to: "\(path)/\(alias.name)") else {
            throw .invalid("\(place).\(alias.name): no such command in the package: \(alias.value)")
        }
    }

    func remove() { directory.remove() }

    deinit { directory.remove() }
}
