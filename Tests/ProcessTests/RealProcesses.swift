// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import Testing

/// Programs on the real sidecar (sidecar/processes-network-callbacks.md). One test after the other: each
/// starts a sidecar that uses all processors.
@Suite(
    "Programs on the real sidecar",
    .serialized,
    .enabled(if: RealSidecar.isThere),
    .timeLimit(.minutes(10))
)
enum RealProcesses {
    /// Runs a test on a VM of its own, and then asks whether its sidecar still answers.
    static func withVM(
        packs: [String] = ["coreutils"],
        _ body: (HostVM) throws -> Void
    ) throws {
        let vm = try RealSidecar.sidecar().createVM(RealSidecar.config(packs: packs))
        try body(vm)
        #expect(vm.isAlive)
        try vm.shutdown()
    }

    /// A node program that says `up` and lives on.
    static let idle = "setInterval(() => {}, 1000); console.log('up')"
}
