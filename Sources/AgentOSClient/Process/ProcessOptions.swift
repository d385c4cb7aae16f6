// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// How a process is run.
package struct ProcessOptions: Sendable {
    /// What becomes of output that its consumer does not take (architecture decision 15).
    package enum OverflowPolicy: Sendable {
        /// All is kept, up to this many bytes; past it the stream fails and the process goes on.
        case keep(bytes: Int)
        /// The newest bytes are kept; what is dropped is told.
        case ring(bytes: Int)
    }

    package static let keepDefault: Int = 256 << 20
    package static let captureDefault: Int = 64 << 20
    private static let refused = [
        "filePath", "cpuTimeLimitMs", "timingMitigation", "stdio", "stdinFd", "stdoutFd", "stderrFd",
        "streamStdin",
        "onStdout", "onStderr",
    ]

    var environment: [(name: String, value: String)] = []
    var directory: String?
    /// Nanoseconds from the call to SIGKILL.
    var timeout: UInt64?
    var killGrace: UInt64 = 5_000_000_000
    /// Nil: nothing is captured.
    package private(set) var captureBytes: Int? = ProcessOptions.captureDefault
    package private(set) var overflow: OverflowPolicy = .keep(bytes: ProcessOptions.keepDefault)
    var tier: WasmPermissionTier?

    package init() {}

    package init(document: String?, forSpawn: Bool) throws(ClientError) {
        let common = ["env", "cwd", "timeoutMs", "killGraceMs", "wasmPermissionTier"]
        let own = forSpawn ? ["overflow", "overflowBytes"] : ["maxOutputBytes", "captureStdio"]
        if let document, let value = try? JSONReader.parse(document), case .object(let members) = value {
            for member in members where Self.refused.contains(member.name) {
                throw .invalid("unsupported option: \(member.name)")
            }
        }
        let object = try ConfigurationObject(document: document, allowed: common + own)
        environment = try object.environment("env")
        directory = try object.string("cwd").map { (path) throws(ClientError) in try GuestPath(path).text }
        timeout = try object.milliseconds("timeoutMs")
        if let grace = try object.milliseconds("killGraceMs") { killGrace = grace }
        tier = try object.choice(
            "wasmPermissionTier",
            [
                "full": WasmPermissionTier.full, "read-write": .readWrite, "read-only": .readOnly,
                "isolated": .isolated,
            ]
        )
        if forSpawn {
            let bytes = try object.integer("overflowBytes", in: 4096...(1 << 40)).map { Int($0) }
            let isRing = try object.choice("overflow", ["keep": false, "ring": true]) ?? false
            overflow = isRing ? .ring(bytes: bytes ?? 1 << 20) : .keep(bytes: bytes ?? Self.keepDefault)
        } else {
            if let bytes = try object.integer("maxOutputBytes", in: 0...(1 << 40)) {
                captureBytes = Int(bytes)
            }
            if try object.bool("captureStdio") == false { captureBytes = nil }
        }
    }
}
