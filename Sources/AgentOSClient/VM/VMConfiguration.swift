// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Everything that a VM is made from, checked before anything is started (vm.md 2.3 A, 4).
package struct VMConfiguration: Sendable {
    private static let commandFolder = "/__agentos/commands"
    private static let runtimeCommands = ["node", "npm", "npx"]
    /// What a sidecar takes, as far as is known before it is asked.
    package static let assumedLimit: Int = Dialect.defaultMaximumFrameSize
    private static let readyDefault: UInt64 = 10_000_000_000
    /// The sidecar's own default is 64 MiB, and a JavaScript program that passes it ends the process.
    private static let filesystemBytes = 1 << 30

    let metadata: [(name: String, value: String)]
    let policy: PermissionPolicy
    let rootFilesystem: RootFilesystemDescriptor
    /// The links in the base image and in the caller's own lowers, with what they say.
    let lowerLinks: [ByteKey: String]
    /// The directories in them and in ours, named or not.
    let lowerDirectories: Set<ByteKey>
    /// What is put into the root once it is there.
    let bootstrapEntries: [RootFilesystemEntry]
    let isReadOnly: Bool
    let mounts: [Mount]
    let software: [Software]
    let moduleDirectory: String?
    let additionalInstructions: String?
    let allowedNodeBuiltins: [String]
    let loopbackExemptPorts: [UInt16]
    let readyNanoseconds: UInt64
    let stdinGuard: Bool
    /// Whether the document said anything about permissions.
    let hasPermissions: Bool

    package enum Purpose: Sendable {
        case creation
        /// For a VM that there is already: its root and environment stay.
        case reconfiguration(ofReadOnlyRoot: Bool)
    }

    /// `document` is JSON or nil.
    package init(document: String?, host: HostView, for purpose: Purpose = .creation) throws(ClientError) {
        let checksHost = host.isLocal
        let always = [
            "software", "loopbackExemptPorts", "allowedNodeBuiltins", "moduleAccessCwd", "mounts",
            "permissions",
        ]
        let atCreation = [
            "rootFilesystem", "additionalInstructions", "metadata", "readyTimeoutMs", "stdinGuard",
        ]
        let allowed: [String] = if case .creation = purpose { always + atCreation } else { always }
        let object = try ConfigurationObject(document: document, allowed: allowed)
        let modules = try Self.moduleDirectory(object, checksHost)
        moduleDirectory = modules
        software =
            try object.list("software") { (value, place) throws(ClientError) in
                try Software(configuration: value, place: place, modules: modules, checksHost: checksHost)
            } ?? []
        let given =
            try object.list("mounts") { (value, place) throws(ClientError) in
                try Mount(configuration: value, place: place, checksHost: checksHost)
            } ?? []
        mounts = try Self.allMounts(given, modules, software, checksHost)
        for mount in mounts {
            guard let path = mount.configuration["hostPath"]?.stringValue else { continue }
            try host.check(path, place: mount.place.isEmpty ? mount.path : mount.place)
        }
        hasPermissions = object.value("permissions") != nil
        policy =
            try object.value("permissions").map { (value) throws(ClientError) in
                try PermissionPolicy(value, place: "permissions")
            } ?? .allowAll
        var root =
            try object.value("rootFilesystem").map { (value) throws(ClientError) in
                try RootFilesystem(value, place: "rootFilesystem")
            } ?? RootFilesystem()
        if case .reconfiguration(let isReadOnly) = purpose { root.isReadOnly = isReadOnly }
        isReadOnly = try Self.isReadOnly(root, policy)
        additionalInstructions = try object.string("additionalInstructions")
        let instructions = BaseImage.instructions(adding: additionalInstructions)
        bootstrapEntries = isReadOnly ? [] : root.instructionEntries(instructions)
        let generated = root.generatedEntries(
            readOnly: isReadOnly,
            instructions: instructions,
            commands: Self.runtimeCommands + software.flatMap(\.commands),
            mountPoints: mounts.map(\.path)
        )
        rootFilesystem = root.descriptor(readOnly: isReadOnly, generated: generated)
        (lowerLinks, lowerDirectories) = rootFilesystem.linksAndDirectories
        for mount in given { try root.check(mountPoint: mount.path) }
        metadata = try Self.metadata(object)
        allowedNodeBuiltins = try object.strings("allowedNodeBuiltins") ?? []
        if object.value("allowedNodeBuiltins") != nil, allowedNodeBuiltins.isEmpty {
            throw .invalid(
                "allowedNodeBuiltins must not be empty; the sidecar reads an empty list as its default set"
            )
        }
        var ports: [UInt16] = []
        _ = try object.list("loopbackExemptPorts") { (value, place) throws(ClientError) in
            let port = UInt16(try ConfigurationObject.integer(value, place, in: 1...65_535))
            if !ports.contains(port) { ports.append(port) }
        }
        loopbackExemptPorts = ports
        readyNanoseconds = try object.milliseconds("readyTimeoutMs") ?? Self.readyDefault
        stdinGuard = try object.bool("stdinGuard") ?? true
    }

    private static func moduleDirectory(_ object: ConfigurationObject, _ checksHost: Bool) throws(ClientError)
        -> String?
    {
        guard let given = try object.string("moduleAccessCwd") else { return nil }
        let path = checksHost ? HostFile.absolute(given) : given
        guard !checksHost || HostFile.isDirectory(path) else {
            throw .invalid("moduleAccessCwd: directory not found: \(given)")
        }
        return checksHost ? HostFile.realPath(path) ?? path : path
    }

    /// A policy that denies what the sidecar itself needs works only with a read-only root (hazard H21).
    private static func isReadOnly(_ root: RootFilesystem, _ policy: PermissionPolicy) throws(ClientError)
        -> Bool
    {
        if root.isReadOnly { return true }
        if case .nowhere = policy.reach(of: "write") { return true }
        for operation in PermissionPolicy.neededByEphemeralRoot {
            let place: String
            switch policy.reach(of: operation) {
            case .everywhere: continue
            case .nowhere: place = "permissions.fs"
            case .somewhere(let rule): place = rule
            }
            throw .invalid(
                "\(place): a policy that denies \(operation) needs rootFilesystem.mode \"read-only\"; in an ephemeral root it ends the sidecar"
            )
        }
        return false
    }

    private static func metadata(_ object: ConfigurationObject) throws(ClientError) -> [(
        name: String, value: String
    )] {
        var metadata = BaseImage.environment.map { (name: "env.\($0.name)", value: $0.value) }
        metadata.append(("resource.max_filesystem_bytes", String(filesystemBytes)))
        for entry in try object.map("metadata") ?? [] {
            if entry.name == "cwd", entry.value.hasPrefix("/") || entry.value.hasPrefix(".") {
                throw .invalid(
                    "metadata.cwd: a path that is absolute or begins with a dot would be one of the host"
                )
            }
            metadata.removeAll { $0.name.hasSameBytes(as: entry.name) }
            metadata.append(entry)
        }
        return metadata
    }

    private static func allMounts(
        _ given: [Mount],
        _ modules: String?,
        _ software: [Software],
        _ checksHost: Bool
    ) throws(ClientError) -> [Mount] {
        var mounts: [Mount] = []
        for mount in given {
            if mounts.contains(where: { $0.path.hasSameBytes(as: mount.path) }) {
                throw .guest("EEXIST", "already mounted at \(mount.path)")
            }
            mounts.append(mount)
        }
        // What the caller mounts at a path wins over what we would.
        func add(_ mount: Mount) {
            if !mounts.contains(where: { $0.path.hasSameBytes(as: mount.path) }) { mounts.append(mount) }
        }
        if let modules, checksHost { for mount in ModuleMounts.mounts(below: modules) { add(mount) } }
        // Aliases behind their package: of two commands with one name the first directory's runs.
        let commands = software.filter { $0.kind == .commands }.flatMap { package in
            [package.commandDirectory] + (package.aliases.map { [$0.path] } ?? [])
        }
        let width = max(3, String(max(commands.count - 1, 0)).utf8.count)
        for package in software {
            guard let name = package.moduleName else { continue }
            add(.hostDirectory(package.root, at: "\(ModuleMounts.guestFolder)/\(name)"))
        }
        for (index, directory) in commands.enumerated() {
            let digits = String(index)
            let number = String(repeating: "0", count: width - digits.utf8.count) + digits
            add(.hostDirectory(directory, at: "\(commandFolder)/\(number)"))
        }
        return Mount.ordered(mounts)
    }

    /// Removes what was made on the host for this VM.
    func removeHostFiles() { for package in software { package.aliases?.remove() } }

    // MARK: Requests

    var createRequest: CreateVmRequest {
        CreateVmRequest(
            runtime: .javaScript,
            metadata: WireMap(metadata.map { (key: $0.name, value: $0.value) }),
            rootFilesystem: rootFilesystem,
            permissions: policy.wire
        )
    }

    var bootstrapRequest: RequestPayload {
        .bootstrapRootFilesystem(BootstrapRootFilesystemRequest(entries: bootstrapEntries))
    }

    var configureRequest: ConfigureVmRequest {
        var tiers: [(key: String, value: WasmPermissionTier)] = []
        for entry in software.flatMap(\.tiers)
        where !tiers.contains(where: { $0.key.hasSameBytes(as: entry.command) }) {
            tiers.append((entry.command, entry.tier))
        }
        return ConfigureVmRequest(
            mounts: mounts.map(\.wire),
            software: software.map { SoftwareDescriptor(packageName: $0.package, root: $0.root) },
            permissions: policy.wire,
            moduleAccessCwd: moduleDirectory,
            instructions: additionalInstructions.map { $0.isEmpty ? [] : [$0] } ?? [],
            commandPermissions: WireMap(tiers),
            allowedNodeBuiltins: allowedNodeBuiltins,
            loopbackExemptPorts: loopbackExemptPorts
        )
    }

    /// Both requests measured as the sidecar will, with ids as long as any (vm.md 2.3 A3).
    package func checkSizes(limit: Int) throws(ClientError) {
        let session = SessionOwnership(connectionId: "conn-1000000", sessionId: "session-1000000")
        let vm = VmOwnership(connectionId: "conn-1000000", sessionId: "session-1000000", vmId: "vm-1000000")
        try check("rootFilesystem", .createVm(createRequest), .session(session), limit)
        try check("additionalInstructions", bootstrapRequest, .vm(vm), limit)
        try check("mounts", .configureVm(configureRequest), .vm(vm), limit)
    }

    /// Entries that lock the sidecar's own user out end it where that is not root.
    func checkModes(user: UInt32?) throws(ClientError) {
        guard let user, user != 0 else { return }
        for lower in rootFilesystem.lowers {
            guard case .snapshot(let snapshot) = lower else { continue }
            for entry in snapshot.entries where !entry.leavesOwnerIn(among: snapshot.entries) {
                throw .invalid(
                    "rootFilesystem.lowers entry \(entry.path): the sidecar does not run as root, and mode 0o\(String(entry.mode ?? 0, radix: 8)) would end it"
                )
            }
        }
    }

    private func check(
        _ part: String,
        _ payload: RequestPayload,
        _ ownership: OwnershipScope,
        _ limit: Int
    ) throws(ClientError) {
        do { _ = try RequestEncoder.encode(payload, FrameOwner(ownership), limit: limit) } catch {
            guard error.kind == .tooLarge else { throw error }
            throw ClientError(.tooLarge, "\(part): \(error.message)") { detail in
                (detail.size, detail.limit) = (error.detail.size, error.detail.limit)
            }
        }
    }
}
