// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// A filesystem that the sidecar serves at a path of the guest.
struct Mount: Sendable {
    let path: String
    let plugin: String
    let configuration: JSONValue
    let isReadOnly: Bool
    /// What the caller wrote it as, for error texts.
    var place: String = ""

    /// A directory of the host.
    static func hostDirectory(_ path: String, at guestPath: String, readOnly: Bool = true) -> Mount {
        Mount(
            path: guestPath,
            plugin: "host_dir",
            configuration: .members(["hostPath": .string(path), "readOnly": .bool(readOnly)]),
            isReadOnly: readOnly
        )
    }

    init(path: String, plugin: String, configuration: JSONValue, isReadOnly: Bool) {
        self.path = path
        self.plugin = plugin
        self.configuration = configuration
        self.isReadOnly = isReadOnly
    }

    /// `{path, plugin: {id, config?}, readOnly?}`. `checksHost`: the sidecar runs on this machine.
    init(configuration value: JSONValue, place: String, checksHost: Bool) throws(ClientError) {
        let object = try ConfigurationObject(value, path: place, allowed: ["path", "plugin", "readOnly"])
        guard let given = try object.string("path") else {
            throw .invalid("\(object.place("path")): missing")
        }
        guard let plugin = try object.object("plugin", allowed: ["id", "config"]) else {
            throw .invalid("\(object.place("plugin")): missing")
        }
        guard let id = try plugin.string("id"), !id.isEmpty else {
            throw .invalid("\(plugin.place("id")): missing")
        }
        let checked: GuestPath
        do { checked = try GuestPath(given) } catch {
            throw .invalid("\(object.place("path")): \(error.message)")
        }
        guard !checked.isRoot else { throw .guest("EINVAL", "cannot mount over root") }
        let configuration = plugin.value("config") ?? .object([])
        guard case .object = configuration else {
            throw .invalid("\(plugin.place("config")): expected an object")
        }
        self.init(
            path: checked.text,
            plugin: id,
            configuration: configuration,
            isReadOnly: try object.bool("readOnly") ?? false
        )
        self.place = place
        if id == "host_dir" { try checkHostDirectory(place, checksHost) }
    }

    private func checkHostDirectory(_ place: String, _ checksHost: Bool) throws(ClientError) {
        guard let host = configuration["hostPath"]?.stringValue else {
            throw .invalid("\(place).plugin.config.hostPath: missing")
        }
        guard host.utf8.first == UInt8(ascii: "/"), !checksHost || HostFile.isDirectory(host) else {
            throw .invalid("\(place): host directory not found: \(host)")
        }
        // The sidecar cuts such a mount path off twice: names that begin like it are lost (hazard H12).
        guard GuestPath.split(path).parent != "/" else {
            throw .guest("EINVAL", "host_dir mount point needs two components: \(path)")
        }
    }

    var wire: MountDescriptor {
        MountDescriptor(
            guestPath: path,
            readOnly: isReadOnly,
            plugin: MountPluginDescriptor(id: plugin, config: JSONText(configuration))
        )
    }

    /// Longest path first: a parent that is listed before its child can never be unmounted (hazard H10).
    static func ordered(_ mounts: [Mount]) -> [Mount] {
        mounts.enumerated().sorted { left, right in
            let lengths = (left.element.path.utf8.count, right.element.path.utf8.count)
            return lengths.0 == lengths.1 ? left.offset < right.offset : lengths.0 > lengths.1
        }.map(\.element)
    }
}
