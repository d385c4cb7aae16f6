// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Options of exec and spawn (process.md 4.2, 5)")
struct ProcessOptionsTests {
    private typealias S = ProcessScript

    struct Refusal: Sendable, CustomTestStringConvertible {
        let options: String
        let message: String
        init(_ options: String, _ message: String) {
            self.options = options
            self.message = message
        }
        var testDescription: String { options }
    }

    /// What both refuse, and with what their messages begin.
    static let both: [Refusal] = [
        Refusal("{\"timeoutMs\":-1}", "timeoutMs"), Refusal("{\"timeoutMs\":1.5}", "timeoutMs"),
        Refusal("{\"timeoutMs\":\"1\"}", "timeoutMs"), Refusal("{\"timeoutMs\":1e300}", "timeoutMs"),
        Refusal("{\"timeoutMs\":NaN}", "invalid JSON"), Refusal("{\"killGraceMs\":-5}", "killGraceMs"),
        Refusal("{\"killGraceMs\":true}", "killGraceMs"), Refusal("{\"env\":[]}", "env"),
        Refusal("{\"env\":{\"A\":1}}", "env.A"),
        Refusal("{\"env\":{\"\":\"x\"}}", "env."), Refusal("{\"env\":{\"A=B\":\"x\"}}", "env.A=B"),
        Refusal("{\"env\":{\"A\":\"x\\u0000y\"}}", "env.A"), Refusal("{\"cwd\":1}", "cwd"),
        Refusal("{\"cwd\":\"tmp\"}", "Path must be absolute: tmp"),
        Refusal("{\"cwd\":\"/a/../b\"}", "Path must be normalized: /a/../b"),
        Refusal("{\"wasmPermissionTier\":\"root\"}", "wasmPermissionTier"),
        Refusal("{\"Timeout\":1}", "Timeout: unknown member"),
        Refusal("{\"env\":{},\"env\":{}}", "env: given twice"), Refusal("[]", "expected an object"),
        Refusal("{", "invalid JSON"),
        Refusal("{\"cpuTimeLimitMs\":5}", "unsupported option: cpuTimeLimitMs"),
        Refusal("{\"filePath\":\"/x\"}", "unsupported option: filePath"),
        Refusal("{\"timingMitigation\":\"off\"}", "unsupported option: timingMitigation"),
        Refusal("{\"stdio\":\"inherit\"}", "unsupported option: stdio"),
        Refusal("{\"stdinFd\":0}", "unsupported option: stdinFd"),
        Refusal("{\"stdoutFd\":1}", "unsupported option: stdoutFd"),
        Refusal("{\"stderrFd\":2}", "unsupported option: stderrFd"),
    ]
    static let execOnly: [Refusal] = [
        Refusal("{\"maxOutputBytes\":-1}", "maxOutputBytes"), Refusal("{\"captureStdio\":1}", "captureStdio"),
        Refusal("{\"overflow\":\"ring\"}", "overflow: unknown member"),
    ]
    static let spawnOnly: [Refusal] = [
        Refusal("{\"overflow\":\"drop\"}", "overflow"), Refusal("{\"overflowBytes\":0}", "overflowBytes"),
        Refusal("{\"overflowBytes\":-1}", "overflowBytes"),
        Refusal("{\"maxOutputBytes\":1}", "maxOutputBytes: unknown member"),
    ]

    private func execError(_ vm: HostVM, _ options: String) -> HostError? {
        failure {
            try check {
                aos_process_exec(
                    vm.sidecar.handle,
                    vm.id,
                    "x",
                    1,
                    options,
                    options.utf8.count,
                    nil,
                    0,
                    second,
                    nil,
                    nil,
                    nil,
                    nil,
                    $0
                )
            }
        }
    }

    private func spawnError(_ vm: HostVM, _ options: String) -> HostError? {
        failure {
            try check {
                aos_process_spawn(
                    vm.sidecar.handle,
                    vm.id,
                    "[\"x\"]",
                    5,
                    options,
                    options.utf8.count,
                    nil,
                    nil,
                    nil,
                    $0
                )
            }
        }
    }

    @Test("a bad option is refused by its name, and nothing is sent (case 16)")
    func refused() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        for refusal in Self.both + Self.execOnly {
            let error = execError(vm, refusal.options)
            #expect(error?.status == AOS_E_INVALID, "exec \(refusal.options)")
            #expect(
                error?.message.hasPrefix(refusal.message) == true,
                "exec \(refusal.options): \(error?.message ?? "")"
            )
        }
        for refusal in Self.both + Self.spawnOnly {
            let error = spawnError(vm, refusal.options)
            #expect(error?.status == AOS_E_INVALID, "spawn \(refusal.options)")
            #expect(
                error?.message.hasPrefix(refusal.message) == true,
                "spawn \(refusal.options): \(error?.message ?? "")"
            )
        }
        #expect(peer.typesAfterCreation == [])
    }

    @Test("a refused submission still drops what it was given, once")
    func drops() throws {
        let vm = try S.peer().sidecar().createVM()
        let drops = Counter()
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = AOS_DELIVER_THREAD
        completion.fn = { _, _ in }
        completion.drop = { pointer in
            if let pointer { Unmanaged<Counter>.fromOpaque(pointer).takeUnretainedValue().increment() }
        }
        completion.user_data = Unmanaged.passUnretained(drops).toOpaque()
        #expect(failure { _ = try vm.spawn(["x"], .members(["nope": .null]), completion: completion) } != nil)
        #expect(drops.value == 1)
        #expect(
            failure { _ = try vm.submitExec("x", .members(["nope": .null]), completion: completion) } != nil
        )
        #expect(drops.value == 2)
        withExtendedLifetime(drops) {}
    }

    @Test("environment, directory and tier are on the wire as they were given")
    func wire() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        let vm = try peer.sidecar().createVM()
        let options = JSONValue.members([
            "env": .members(["X": .string("v"), "É": .string("a=b\nc"), "EMPTY": .string("")]),
            "cwd": .string("/tmp/a b/"),
            "wasmPermissionTier": .string("read-write"),
        ])
        _ = try vm.run("x", options)
        _ = try vm.spawn(["x"], options).finish()
        for request in peer.requests("execute") {
            #expect(
                request["env"] == .members(["X": .string("v"), "É": .string("a=b\nc"), "EMPTY": .string("")])
            )
            #expect(request["cwd"] == .string("/tmp/a b"))
            #expect(request["wasm_permission_tier"] == .string("read-write"))
            #expect(request["runtime"] ?? .null == .null && request["entrypoint"] ?? .null == .null)
        }
        #expect(peer.requests("execute").count == 2)
    }

    @Test("every tier has its word", arguments: ["full", "read-write", "read-only", "isolated"])
    func tiers(tier: String) throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        _ = try peer.sidecar().createVM().run("x", .members(["wasmPermissionTier": .string(tier)]))
        #expect(peer.requests("execute").first?["wasm_permission_tier"] == .string(tier))
    }

    @Test("names that look alike and differ in bytes are two variables")
    func alike() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        let names = ["\u{E9}", "e\u{301}"]
        let environment = JSONValue.object(names.map { JSONMember($0, .string("x")) })
        _ = try peer.sidecar().createVM().run("x", .members(["env": environment]))
        guard case .object(let members)? = peer.requests("execute").first?["env"] else {
            Issue.record("no environment")
            return
        }
        #expect(members.count == 2)
    }

    @Test("without options nothing is sent beside the command")
    func absent() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        let vm = try peer.sidecar().createVM()
        _ = try vm.run("x y")
        _ = try vm.run("x y", .members([:]))
        _ = try vm.run("x y", .members(["cwd": .null, "timeoutMs": .null]))
        for request in peer.requests("execute") {
            #expect(request["cwd"] ?? .null == .null && request["wasm_permission_tier"] ?? .null == .null)
            #expect(request["env"] ?? .members([:]) == .members([:]))
        }
        #expect(peer.requests("execute").count == 3)
    }

    @Test("a VM that is shut down takes no program")
    func disposed() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        try vm.shutdown()
        #expect(failure { _ = try vm.run("x") }?.status == AOS_E_DISPOSED)
        #expect(failure { _ = try vm.spawn(["x"]) }?.status == AOS_E_DISPOSED)
        let unknown = HostVM(vm.sidecar, 4711)
        #expect(failure { _ = try unknown.run("x") }?.status == AOS_E_STALE)
        #expect(failure { _ = try unknown.spawn(["x"]) }?.status == AOS_E_STALE)
        #expect(peer.requests("execute").isEmpty)
    }
}
