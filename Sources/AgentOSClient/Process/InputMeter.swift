// SPDX-License-Identifier: Apache-2.0

/// How much stdin a process has been sent: the sidecar freezes, with all its VMs, past 64 KiB (hazard X5).
struct InputMeter: Sendable {
    private static let pipeSize = 65_536
    private static let atomicWrite = 4096
    private var written = 0

    mutating func add(_ count: Int) { written += count }

    /// Whether one more write must not be sent (process.md 6.4).
    func wouldFreeze(_ count: Int) -> Bool {
        count > 0
            && (written >= Self.pipeSize || (count <= Self.atomicWrite && written + count > Self.pipeSize))
    }

    func refusal(of count: Int) -> ClientError {
        ClientError(
            .tooLarge,
            "stdin limit of this sidecar reached: \(written) bytes written, \(count) more would block it"
        ) { ($0.size, $0.limit) = (written + count, Self.pipeSize) }
    }
}
