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
    /// Bytes of each channel that are kept for those who subscribe later.
    package private(set) var replayBytes: Int = OutputHub.replayDefault
    var tier: WasmPermissionTier?
    private(set) var isOfLibrary: Bool = false

    package init() {}

    /// Of a program of the library's own, which nobody will subscribe to later.
    static var ofLibrary: ProcessOptions {
        var options = ProcessOptions()
        options.replayBytes = 0
        options.isOfLibrary = true
        return options
    }

    /// The members `overflow` and `overflowBytes`.
    static func overflow(_ object: ConfigurationObject, isRing fallback: Bool, ringBytes: Int = 1 << 20)
        throws(ClientError) -> OverflowPolicy
    {
        let bytes = try object.integer("overflowBytes", in: 4096...(1 << 40)).map { Int($0) }
        let isRing = try object.choice("overflow", ["keep": false, "ring": true]) ?? fallback
        return isRing ? .ring(bytes: bytes ?? ringBytes) : .keep(bytes: bytes ?? keepDefault)
    }

    private static let common = ["env", "cwd", "timeoutMs", "killGraceMs", "wasmPermissionTier"]
    private static let ofStreams = ["overflow", "overflowBytes", "replayBytes"]

    package init(document: String?, forSpawn: Bool) throws(ClientError) {
        let own = forSpawn ? Self.ofStreams : ["maxOutputBytes", "captureStdio"]
        let object = try Self.object(document, allowed: Self.common + own)
        try read(object, isStream: forSpawn)
        guard !forSpawn else { return }
        if let bytes = try object.integer("maxOutputBytes", in: 0...(1 << 40)) { captureBytes = Int(bytes) }
        if try object.bool("captureStdio") == false { captureBytes = nil }
    }

    /// Of a shell: also the object, which has more.
    static func ofShell(document: String?) throws(ClientError) -> (ProcessOptions, ConfigurationObject) {
        let own = ["command", "args", "cols", "rows"]
        let object = try object(document, allowed: own + common + ofStreams)
        var options = ProcessOptions()
        try options.read(object, isStream: true)
        return (options, object)
    }

    private static func object(_ document: String?, allowed: [String]) throws(ClientError)
        -> ConfigurationObject
    {
        if let document, let value = try? JSONReader.parse(document), case .object(let members) = value {
            for member in members where refused.contains(member.name) {
                throw .invalid("unsupported option: \(member.name)")
            }
        }
        return try ConfigurationObject(document: document, allowed: allowed)
    }

    private mutating func read(_ object: ConfigurationObject, isStream: Bool) throws(ClientError) {
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
        guard isStream else { return }
        overflow = try Self.overflow(object, isRing: false)
        if let bytes = try object.integer("replayBytes", in: 0...(1 << 30)) { replayBytes = Int(bytes) }
    }
}
