// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// A package of commands or modules that a VM gets, found before anything is started (vm.md 7).
struct Software: Sendable {
    enum Kind: Sendable { case commands, agent, tool }

    let package: String
    let kind: Kind
    /// Absolute, without links where the sidecar runs on this machine.
    let root: String
    /// Where its commands are.
    let commandDirectory: String
    /// For `agent` and `tool`.
    let moduleName: String?
    /// What each command may do; absent: everything.
    let tiers: [(command: String, tier: WasmPermissionTier)]
    /// Commands of the package under other names.
    let aliases: AliasDirectory?

    init(configuration value: JSONValue, place: String, modules: String?, checksHost: Bool)
        throws(ClientError)
    {
        let object = try ConfigurationObject(
            value,
            path: place,
            allowed: ["package", "version", "kind", "permissions", "aliases"]
        )
        guard let package = try object.string("package"), !package.isEmpty else {
            throw .invalid("\(object.place("package")): missing or empty")
        }
        _ = try object.string("version")
        self.package = package
        kind =
            try object.choice("kind", ["wasm-commands": Kind.commands, "agent": .agent, "tool": .tool])
            ?? .commands
        let isPath = package.utf8.first == UInt8(ascii: "/")
        let folder = "\(modules ?? HostFile.absolute("."))/node_modules"
        let wanted = isPath ? package : "\(folder)/\(package)"
        if checksHost {
            guard let real = HostFile.realPath(wanted) else {
                throw .invalid("software package not found: \(package) (looked in \(wanted))")
            }
            guard HostFile.isDirectory(real), HostFile.isSearchable(real) else {
                throw .invalid("software package is not a directory: \(package) (\(wanted))")
            }
            root = real
        } else {
            root = wanted
        }
        // The published packs keep their commands there; mounting the root finds none.
        commandDirectory = checksHost && HostFile.isDirectory("\(root)/wasm") ? "\(root)/wasm" : root
        moduleName = kind == .commands ? nil : try Self.moduleName(root, package)
        tiers = try Self.tiers(object)
        let names = try object.map("aliases") ?? []
        guard !names.isEmpty else {
            aliases = nil
            return
        }
        guard checksHost, kind == .commands else {
            throw .invalid("\(object.place("aliases")): only for wasm-commands of this machine")
        }
        aliases = try AliasDirectory(names, commands: commandDirectory, place: object.place("aliases"))
    }

    private static func moduleName(_ root: String, _ package: String) throws(ClientError) -> String {
        let manifest = HostFile.contents("\(root)/package.json", limit: 1 << 20).flatMap {
            try? JSONReader.parse($0)
        }
        guard let name = manifest?["name"]?.stringValue, !name.isEmpty, !name.hasPrefix("."),
            !name.containsBytes(of: "..")
        else {
            throw .invalid("Package at \(root) is missing a valid name")
        }
        return name
    }

    private static func tiers(_ object: ConfigurationObject) throws(ClientError) -> [(
        command: String, tier: WasmPermissionTier
    )] {
        let names: [(String, WasmPermissionTier)] = [
            ("full", .full), ("readWrite", .readWrite), ("readOnly", .readOnly), ("isolated", .isolated),
        ]
        guard let permissions = try object.object("permissions", allowed: names.map(\.0)) else { return [] }
        var tiers: [(command: String, tier: WasmPermissionTier)] = []
        for (name, tier) in names {
            for command in try permissions.strings(name) ?? [] { tiers.append((command, tier)) }
        }
        return tiers
    }

    /// Names of the commands, for the stubs of a read-only root.
    var commands: [String] {
        guard kind == .commands else { return [] }
        let names = (HostFile.names(in: commandDirectory) ?? []).filter { !$0.hasPrefix(".") }
        return names + (aliases.flatMap { HostFile.names(in: $0.path) } ?? []).filter { !$0.hasPrefix(".") }
    }
}

/// Modules of the host that guests may require: a `node_modules` directory, and what it links to.
enum ModuleMounts {
    static let guestFolder = "/root/node_modules"

    /// Declared by us, so that the sidecar does not walk the directory: a dangling link would end it (vm.md
    /// 7.1).
    static func mounts(below directory: String) -> [Mount] {
        let folder = "\(directory)/node_modules"
        guard HostFile.isDirectory(folder), let names = HostFile.names(in: folder) else { return [] }
        var mounts = [
            Mount(
                path: guestFolder,
                plugin: "module_access",
                configuration: .members(["hostPath": .string(folder)]),
                isReadOnly: true
            )
        ]
        for name in names where !name.hasPrefix(".") {
            if name.hasPrefix("@"), !HostFile.isLink("\(folder)/\(name)") {
                for inner in HostFile.names(in: "\(folder)/\(name)") ?? [] { add("\(name)/\(inner)") }
            } else {
                add(name)
            }
        }
        func add(_ name: String) {
            let path = "\(folder)/\(name)"
            guard HostFile.isLink(path), let real = HostFile.realPath(path), HostFile.isDirectory(real) else {
                return
            }
            mounts.append(.hostDirectory(real, at: "\(guestFolder)/\(name)"))
        }
        return mounts
    }
}
