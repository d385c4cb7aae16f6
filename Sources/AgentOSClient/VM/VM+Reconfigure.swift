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
        return self.request(.configureVm(request)) { body in
            if case .payload(.vmConfigured) = body { return () }
            return nil
        }.then { [self] in
            mounts.withLock { $0 = configuration.mounts }
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
}
