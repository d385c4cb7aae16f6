// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Shells (process.md 11)", .timeLimit(.minutes(10)))
struct ShellTests {
    private typealias S = ProcessScript

    private static func ids(_ shells: [JSONValue]) -> [Int64] { shells.compactMap { $0["id"]?.integerValue } }

    @Test("case 43: a shell is `sh` without arguments, under a name of its own")
    func open() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        let shells = [try vm.openShell(.members([:])), try vm.openShell()]
        #expect(peer.wait { $0.requests("execute").count == 2 })
        #expect(peer.commands == [["sh"], ["sh"]])
        let names = peer.requests("execute").compactMap { $0["process_id"]?.stringValue }
        for name in names {
            #expect(name.hasPrefix("shell-"), "\(name)")
            #expect(name.dropFirst(6).split(separator: "-").map(\.count) == [8, 4, 4, 4, 12], "\(name)")
        }
        #expect(Set(names).count == 2 && shells[0].id != shells[1].id)
        #expect(Self.ids(try vm.shells()) == shells.map { Int64($0.id) })
        #expect(try vm.spawnedProcesses() == [], "a shell is not among the spawned processes")
        #expect(
            try shells[0].describe()
                == .members([
                    "id": .number(shells[0].id), "command": .string("sh"), "args": .array([]),
                    "running": .bool(true), "exitCode": .null, "cols": .null, "rows": .null,
                ])
        )
        for shell in shells { try shell.close() }
    }

    @Test("another program may be the shell, with arguments, environment and directory")
    func program() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell(
            .members([
                "command": .string("bash"), "args": .array([.string("-x"), .string("a b")]),
                "env": .members(["A": .string("1")]), "cwd": .string("/tmp"),
            ])
        )
        #expect(peer.wait { $0.requests("execute").count == 1 })
        #expect(peer.commands == [["bash", "-x", "a b"]])
        #expect(peer.requests("execute").first?["env"]?["A"] == .string("1"))
        #expect(peer.requests("execute").first?["cwd"] == .string("/tmp"))
        #expect(try shell.describe()["args"] == .array([.string("-x"), .string("a b")]))
        try shell.close()
        for text in [
            #"{"command":""}"#, #"{"command":"a\u0000"}"#, #"{"args":"x"}"#, #"{"cols":0}"#,
            #"{"rows":65536}"#,
            #"{"term":"x"}"#, "[]",
        ] {
            let options = try JSONReader.parse(text)
            #expect(failure { _ = try vm.openShell(options) }?.status == AOS_E_INVALID, "\(text)")
        }
        #expect(peer.requests("execute").count == 1)
    }

    @Test("case 44: what it writes comes on two channels, each to those who want it")
    func channels() throws {
        let peer = S.peer(
            S.on("execute", S.answer, S.output("out"), S.output("err", "stderr"), S.output("put"), S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let output = try shell.subscribe(.members(["stderr": .bool(false)]))
        let error = try shell.subscribe(.members(["stdout": .bool(false)]))
        #expect(try vm.sidecar.events(of: output).map(\.text) == ["out", "put", ""])
        #expect(try vm.sidecar.events(of: error).map(\.text) == ["err", ""])
        let all = try vm.sidecar.events(of: shell.op)
        #expect(all.map(\.kind) == [AOS_EV_STDOUT, AOS_EV_STDERR, AOS_EV_STDOUT, AOS_EV_COMPLETE])
        #expect(all.allSatisfy { $0.object == shell.id })
    }

    @Test("case 45: what is written right after the start arrives behind it, in order")
    func write() throws {
        let peer = S.peer(
            S.on("execute", S.delay(100), S.answer),
            S.on("write_stdin", S.delay(40), S.answer),
            S.on("close_stdin", S.answer, S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let ops = [try shell.submitWrite("echo a\n"), try shell.submitWrite("echo b\n")]
        try shell.closeInput()
        for op in ops { #expect(try end(of: op, vm.sidecar)?.status == AOS_OK) }
        #expect(try shell.wait() == 0)
        #expect(peer.typesAfterCreation == ["execute", "write_stdin", "write_stdin", "close_stdin"])
        #expect(peer.chunkTexts == ["echo a\n", "echo b\n"])
        let times = peer.times(of: "execute") + peer.times(of: "write_stdin")
        #expect(times.count == 3 && times[1] - times[0] >= 95 && times[2] - times[1] >= 35, "\(times)")
    }

    @Test("case 46: a shell that never was is stale, for every function; a process is no shell")
    func missing() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let other = try S.peer().sidecar().createVM()
        let foreign = try other.openShell()
        for id in [999_999, 0, vm.id, process.id, foreign.id, aos_id.max] {
            let shell = HostShell(sidecar: vm.sidecar, id: id, op: 0)
            let errors = [
                failure { try shell.write("x") }, failure { _ = try shell.submitWrite("x") },
                failure { try shell.closeInput() }, failure { try shell.signal("INT") },
                failure { try shell.close() }, failure { _ = try shell.wait() },
                failure { try shell.resize(80, 24) }, failure { _ = try shell.describe() },
                failure { _ = try shell.subscribe() }, failure { _ = try shell.attach() },
            ]
            #expect(errors.allSatisfy { $0?.status == AOS_E_STALE }, "\(id): \(errors.map(\.?.status))")
        }
        try foreign.close()
        try process.kill(nil)
    }

    /// Errors of what a shell that takes nothing any more must refuse.
    private static func refusals(_ shell: HostShell) -> [HostError?] {
        [
            failure { try shell.write("x") }, failure { _ = try shell.submitWrite("x") },
            failure { try shell.closeInput() }, failure { try shell.signal("INT") },
            failure { try shell.resize(80, 24) },
        ]
    }

    @Test("case 47: close is SIGTERM; then nothing can be written, and a second close succeeds")
    func close() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", S.answer, S.delay(200), S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        try shell.close()
        #expect(try vm.shells() == [], "it is not listed while it ends")
        for error in Self.refusals(shell) {
            #expect(error?.status == AOS_E_NOT_FOUND && error?.kind == "shell_not_found")
            #expect(error?.message == "Shell not found: \(shell.id)")
        }
        try shell.close()
        #expect(try shell.wait() == 143)
        #expect(try vm.sidecar.events(of: shell.op).last?.value == 143)
        try shell.close()
        #expect(peer.signals == ["SIGTERM"])
        #expect(peer.requests("write_stdin") == [])
    }

    @Test("case 47: one that does not end within 2 s gets SIGKILL")
    func closeKills() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 1, S.answer),
            S.on("kill_process", S.answer, S.exit(137))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let start = ContinuousClock.now
        try shell.close()
        #expect(ContinuousClock.now - start < .milliseconds(1500), "the call does not wait for that")
        #expect(try shell.wait() == 137)
        #expect(peer.signals == ["SIGTERM", "SIGKILL"])
        let times = peer.times(of: "kill_process")
        #expect((1900..<4000).contains(times[1] - times[0]), "\(times)")
    }

    @Test("case 48: a launch that fails is that error, and the shell is gone (decision 17)")
    func failedLaunch() throws {
        let text = "command not found on native sidecar path: sh"
        let peer = S.peer(S.on("execute", S.delay(50), S.reject("invalid_state", text)))
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let queued = try shell.submitWrite("echo a\n")
        let error = failure { _ = try shell.wait() }
        #expect(error?.status == AOS_E_REMOTE && error?.code == "invalid_state" && error?.message == text)
        let events = try vm.sidecar.events(of: shell.op)
        #expect(events.map(\.kind) == [AOS_EV_COMPLETE] && events.first?.status == AOS_E_REMOTE)
        #expect(try end(of: queued, vm.sidecar)?.status == AOS_E_REMOTE)
        #expect(try vm.shells() == [])
        #expect(try shell.describe()["running"] == .bool(false))
        #expect(try shell.describe()["exitCode"] == .null)
        #expect(failure { _ = try shell.attach() }?.status == AOS_E_REMOTE)
        let start = ContinuousClock.now
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(2), "nobody waits for it")
        #expect(peer.signals == [])
    }

    @Test("case 49: a size is remembered and not sent; the one of the start is COLUMNS and LINES")
    func size() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell(.members(["cols": .integer(80), "rows": .integer(24)]))
        #expect(peer.wait { $0.requests("execute").count == 1 })
        let sent = peer.requests("execute").first?["env"]
        #expect(sent?["COLUMNS"] == .string("80") && sent?["LINES"] == .string("24"))
        try shell.resize(120, 40)
        let described = try shell.describe()
        #expect(described["cols"] == .integer(120) && described["rows"] == .integer(40))
        #expect(vm.isAlive)
        #expect(peer.typesAfterCreation == ["execute", "get_zombie_timer_count"])
        for (columns, rows) in [(0, 24), (80, 0), (65_536, 24), (80, UInt32.max)] as [(UInt32, UInt32)] {
            #expect(failure { try shell.resize(columns, rows) }?.status == AOS_E_INVALID)
        }
        #expect(try shell.describe() == described)
        let own = try vm.openShell(
            .members([
                "cols": .integer(80), "rows": .integer(24), "env": .members(["COLUMNS": .string("7")]),
            ])
        )
        #expect(peer.wait { $0.requests("execute").count == 2 })
        let environment = peer.requests("execute").last?["env"]
        #expect(environment?["COLUMNS"] == .string("7") && environment?["LINES"] == .string("24"))
        for shell in [shell, own] { try shell.close() }
    }

    @Test("case 50: a shell that ends by itself leaves the list, and its code is there for all")
    func endsByItself() throws {
        let peer = S.peer(S.on("execute", S.answer), S.on("write_stdin", S.answer, S.exit(7)))
        let vm = try peer.sidecar().createVM()
        let (shell, other) = (try vm.openShell(), try vm.openShell())
        let early = try shell.submitWait()
        #expect(failure { _ = try shell.wait(limit: 20 * millisecond) }?.status == AOS_E_DEADLINE)
        try shell.write("exit 7\n")
        #expect(try shell.wait() == 7)
        #expect(try vm.sidecar.events(of: early).map(\.value) == [7])
        let events = try vm.sidecar.events(of: shell.op)
        #expect(events.map(\.kind) == [AOS_EV_COMPLETE] && events.last?.value == 7)
        #expect(Self.ids(try vm.shells()) == [Int64(other.id)])
        #expect(try shell.describe()["running"] == .bool(false))
        #expect(try shell.describe()["exitCode"] == .integer(7))
        for error in Self.refusals(shell) { #expect(error?.kind == "shell_not_found") }
        try shell.close()
        #expect(peer.signals == [])
        try other.close()
    }

    @Test("the last 256 shells that ended are kept, and of older ones a close still succeeds")
    func bounded() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(5)))
        let vm = try peer.sidecar().createVM()
        let shells = try (0..<260).map { _ in
            let shell = try vm.openShell()
            #expect(try shell.wait() == 5)
            return shell
        }
        for shell in shells.suffix(256) { #expect(try shell.wait() == 5) }
        for shell in shells.prefix(4) {
            let error = failure { _ = try shell.describe() }
            #expect(error?.status == AOS_E_NOT_FOUND && error?.message == "Shell not found: \(shell.id)")
            #expect(failure { _ = try shell.wait() }?.status == AOS_E_NOT_FOUND)
            try shell.close()
        }
    }

    @Test("the asynchronous forms do the same, and each tells its end once")
    func asynchronous() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 1, S.answer),
            S.on("kill_process", S.answer, S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let (sidecar, handle, id) = (vm.sidecar, vm.sidecar.handle, shell.id)
        let code = try shell.submitWait()
        for op in [
            try sidecar.submit { aos_shell_signal_async(handle, id, "HUP", nil, $0, $1) },
            try sidecar.submit { aos_shell_close_stdin_async(handle, id, nil, $0, $1) },
            try sidecar.submit { aos_shell_close_async(handle, id, nil, $0, $1) },
        ] {
            #expect(try end(of: op, sidecar)?.status == AOS_OK)
        }
        #expect(try end(of: code, sidecar)?.value == 143)
        #expect(peer.signals == ["SIGHUP", "SIGTERM"] && peer.requests("close_stdin").count == 1)
    }

    @Test("a signal goes to the shell as it does to a process")
    func signals() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", nth: 3, S.answer, S.exit(130)),
            S.on("kill_process", S.answer)
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        try shell.signal("usr1")
        #expect(failure { try shell.signal("NOPE") }?.status == AOS_E_INVALID)
        try shell.signal(nil)
        #expect(try vm.shells().count == 1, "a signal does not close it")
        try shell.signal("INT")
        #expect(try shell.wait() == 130)
        #expect(peer.signals == ["SIGUSR1", "SIGTERM", "SIGINT"])
    }
}
