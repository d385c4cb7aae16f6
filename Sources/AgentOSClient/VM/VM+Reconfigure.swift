// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

extension VM {
    /// Replaces the VM's configuration: always the complete lists (vm.md 10).
    package func reconfigure(_ configuration: VMConfiguration) throws(ClientError) -> Steps<Void> {
        try check()
        for mount in mounts.withLock({ $0 }) where mount.plugin == "memory" {
            let stays = configuration.mounts.contains {
                $0.path.hasSameBytes(as: mount.path) && $0.plugin == "memory"
            }
            // Its files would appear in the root (hazard H11).
            guard stays else {
                throw .guest("EBUSY", "a memory mount cannot be taken away: \(mount.path)")
            }
        }
        if self.configuration.isReadOnly {
            let known = Set(self.configuration.software.flatMap(\.commands))
            if let new = configuration.software.flatMap(\.commands).first(where: { !known.contains($0) }) {
                // The sidecar would write its stub into a root that is locked.
                throw .guest("EROFS", "a read-only root cannot get the new command \(new)")
            }
        } else if configuration.hasPermissions, configuration.isReadOnly {
            throw .invalid(
                "permissions.fs: a policy that denies write needs a VM with a read-only root; here it would end the sidecar"
            )
        }
        var request = configuration.configureRequest
        if !configuration.hasPermissions { request.permissions = nil }
        return refuseMountsOnFiles(configuration.mounts).then { [self, request] in
            let kept = configuration.mounts.map(\.path)
            for mount in mounts.withLock({ $0 }) {
                let stays = configuration.mounts.contains {
                    $0.path.hasSameBytes(as: mount.path) && $0.plugin == mount.plugin
                }
                if !stays { shadow.forget(below: mount.path, but: kept) }
            }
            return self.request(.configureVm(request)) { body in
                if case .payload(.vmConfigured) = body { return () }
                return nil
            }
        }.then { [self] in
            mounts.withLock { $0 = configuration.mounts }
            if configuration.hasPermissions { fileRules.withLock { $0 = configuration.policy.hasFileRules } }
            // What the client wrote into a memory mount is back only with the next scan.
            let hasMemory = configuration.mounts.contains { $0.plugin == "memory" }
            return hasMemory ? existsRequest("/").map { _ in }.recover { _ in .done(()) } : .done(())
        }.recover { [self] error throws(ClientError) in
            guard error.kind == .kernel else { throw error }
            // What was mounted before the failing one can never be unmounted again (hazard H10).
            return shutdown.recover { _ in .done(()) }.map { () throws(ClientError) in
                throw ClientError(
                    .kernel,
                    "\(error.message) (the VM was shut down: it cannot be configured again)"
                ) {
                    $0 = error.detail
                }
            }
        }.during("configure")
    }

    /// A new mount in the place of a file or a link would have the one and the other in the sidecar's own copy, which ends
    /// it at the next change (hazard H17).
    private func refuseMountsOnFiles(_ mounts: [Mount]) -> Steps<Void> {
        guard guardsFiles else { return .done(()) }
        let known = Set(self.mounts.withLock { $0 }.map { ByteKey($0.path) })
        let new = mounts.map(\.path).filter { !known.contains(ByteKey($0)) }
        return .forEach(new) { [self] path in
            Steps<String>.begin { [self] () throws(ClientError) in try locate(GuestPath(path)) }.recover {
                error throws(ClientError) in
                guard ["ENOENT", "ENOTDIR"].contains(error.detail.errno) else { throw error }
                return .done(path)
            }.then { [self] in kind(of: $0) }.map { kind throws(ClientError) in
                switch kind {
                case .missing, .directory: return
                case .file, .link: throw ClientError.guest("ENOTDIR", "not a directory, mount '\(path)'")
                }
            }
        }
    }
}
