// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("All processes of a VM, as a list and as a tree (process.md 9.3, 10.2, 10.3)")
struct ProcessSnapshotTests {
    private typealias S = ProcessScript

    /// An entry of the sidecar's snapshot.
    private static func entry(
        _ name: String,
        _ pid: Int,
        _ parent: Int,
        status: String = "running",
        code: Int? = nil
    ) -> String {
        """
        {"process_id":"\(name)","pid":\(pid),"ppid":\(parent),"pgid":\(pid),"sid":\(pid),"driver":"wasm",\
        "command":"c\(pid)","args":[],"cwd":"/w","status":"\(status)",\
        "exit_code":\(code.map(String.init) ?? "null")}
        """
    }

    private static func snapshot(_ entries: [String]) -> String {
        "\"answer\":{\"type\":\"process_snapshot\",\"processes\":[\(entries.joined(separator: ","))]}"
    }

    private static func peer(_ entries: [String]) -> ScriptedPeer {
        S.peer(S.on("get_process_snapshot", "{\(snapshot(entries))}"))
    }

    /// A VM with one spawned process, and a peer whose first snapshots tell of it: `$processId` stands for
    /// its name, which only the request that started it knows. The numbers of the requests follow from that.
    private static func withSpawned(
        _ snapshots: [[String]],
        started: String = S.answer
    ) throws -> (ScriptedPeer, HostVM, HostProcess) {
        let keep = [String](repeating: #"{"remember":"start"}"#, count: snapshots.count)
        let start = "{\"on\":\"execute\",\"do\":[\(([started] + keep).joined(separator: ","))]}"
        let answers = snapshots.enumerated().map { index, entries in
            let answer = "{\"answerRemembered\":\"start\",\(snapshot(entries)),\"id\":\(7 + index)}"
            return S.on("get_process_snapshot", nth: index + 1, answer)
        }
        let rules = [start] + answers + [S.on("close_stdin", S.answer, S.exit(4)), S.diesOfSignals]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["mine", "a"], .members(["cwd": .string("/home")]))
        #expect(peer.wait { $0.requests("execute").count == 1 })
        return (peer, vm, process)
    }

    private static func row(_ rows: [JSONValue], _ pid: Int64) -> JSONValue? {
        rows.first { $0["pid"] == .integer(pid) }
    }

    private static func pids(_ rows: [JSONValue]) -> [Int64] { rows.compactMap { $0["pid"]?.integerValue } }

    /// A tree as text: `5, 7(8, 9)`.
    private static func text(_ nodes: [JSONValue]) -> String {
        nodes.map { node in
            let pid = node["pid"]?.integerValue ?? -1
            guard case .array(let children)? = node["children"] else { return "\(pid) without children" }
            return children.isEmpty ? "\(pid)" : "\(pid)(\(text(children)))"
        }.joined(separator: ", ")
    }

    private static let family = [
        entry("foreign", 5, 0), entry("$processId/child-1", 13, 12), entry("$processId", 12, 1),
    ]

    @Test("case 36: numbers of ours stand for the kernel's, also as a parent")
    func family() throws {
        let (_, vm, process) = try Self.withSpawned([Self.family, Self.family])
        let rows = try vm.allProcesses()
        #expect(Self.pids(rows) == [5, 13, 1_000_000])
        let child = Self.row(rows, 13)
        #expect(child?["ppid"] == .integer(1_000_000) && child?["status"] == .string("running"))
        #expect(child?["command"] == .string("c13") && child?["id"] == nil)
        let own = Self.row(rows, 1_000_000)
        #expect(own?["command"] == .string("mine") && own?["args"] == .array([.string("a")]))
        #expect(own?["id"] == .number(process.id) && own?["cwd"] == .string("/w"))
        #expect(own?["pgid"] == .integer(1_000_000) && own?["sid"] == .integer(1_000_000))
        #expect(own?["ppid"] == .integer(1) && own?["driver"] == .string("wasm"))
        #expect(Self.text(try vm.processTree()) == "5, 1000000(13)")
    }

    @Test("case 37: the pid of the answer to the start is not trusted")
    func wrongPid() throws {
        let started = #"{"answer":{"type":"process_started","process_id":"$processId","pid":99999}}"#
        let (_, vm, process) = try Self.withSpawned([Self.family, Self.family], started: started)
        let rows = try vm.allProcesses()
        #expect(Self.pids(rows) == [5, 13, 1_000_000])
        #expect(Self.row(rows, 13)?["ppid"] == .integer(1_000_000))
        #expect(Self.row(rows, 1_000_000)?["id"] == .number(process.id))
        #expect(Self.text(try vm.processTree()) == "5, 1000000(13)")
    }

    @Test("case 38: what this client spawned and the sidecar does not tell of is in the list")
    func appended() throws {
        let (_, vm, process) = try Self.withSpawned([[Self.entry("foreign", 5, 0)]])
        let rows = try vm.allProcesses()
        #expect(Self.pids(rows) == [5, 1_000_000])
        let own = Self.row(rows, 1_000_000)
        #expect(own?["ppid"] == .integer(0) && own?["driver"] == .string(""))
        #expect(own?["pgid"] == .integer(1_000_000) && own?["sid"] == .integer(1_000_000))
        #expect(own?["cwd"] == .string("/home") && own?["status"] == .string("running"))
        #expect(own?["id"] == .number(process.id) && own?["exitTime"] == .null)
    }

    @Test("case 39: an end that the snapshot tells first counts, and then the one that was told")
    func exited() throws {
        let over = Self.entry("$processId", 12, 1, status: "exited", code: 3)
        let (_, vm, process) = try Self.withSpawned([[over]])
        let row = Self.row(try vm.allProcesses(), 1_000_000)
        #expect(row?["status"] == .string("exited") && row?["exitCode"] == .integer(3))
        #expect(row?["exitTime"]?.integerValue != nil)
        try process.closeInput()
        #expect(try process.wait() == 4)
        let told = try process.describe()
        let late = Self.row(try vm.allProcesses(), 1_000_000)
        #expect(late?["status"] == .string("exited") && late?["exitCode"] == .integer(4))
        #expect(late?["startTime"] == told["startTime"] && late?["exitTime"] == told["exitTime"])
    }

    @Test("a process that is stopped runs, and is said to be stopped (10.2)")
    func stopped() throws {
        let peer = Self.peer([Self.entry("a", 5, 0, status: "stopped"), Self.entry("b", 6, 0)])
        let rows = try peer.sidecar().createVM().allProcesses()
        #expect(rows.map { $0["status"]?.stringValue } == ["running", "running"])
        #expect(rows.map { $0["stopped"] } == [.bool(true), nil])
    }

    @Test("case 40: times are those of the first sight, and an end has one when it is seen")
    func times() throws {
        let over = Self.entry("b", 6, 0, status: "exited", code: 1)
        let peer = S.peer(
            S.on(
                "get_process_snapshot",
                nth: 1,
                "{\(Self.snapshot([Self.entry("a", 5, 0), Self.entry("b", 6, 0)]))}"
            ),
            S.on("get_process_snapshot", S.delay(30), "{\(Self.snapshot([Self.entry("a", 5, 0), over]))}")
        )
        let vm = try peer.sidecar().createVM()
        var listings = [try vm.allProcesses()]
        let firstListed = wallClock()
        for _ in 0..<2 { listings.append(try vm.allProcesses()) }
        let starts = listings.map { Self.row($0, 5)?["startTime"]?.integerValue ?? 0 }
        #expect(starts[0] > firstListed - 60_000 && starts[0] <= firstListed && Set(starts).count == 1)
        #expect(listings.allSatisfy { Self.row($0, 5)?["exitTime"] == .null })
        #expect(Self.row(listings[0], 6)?["exitTime"] == .null)
        let ends = listings.dropFirst().map { Self.row($0, 6)?["exitTime"]?.integerValue ?? 0 }
        #expect(Set(ends).count == 1 && ends[0] >= starts[0])
        #expect(Self.row(listings[2], 6)?["startTime"]?.integerValue == starts[0])
    }

    @Test("case 40: a spawned process has the time of its start in every listing, however late")
    func timesOfOurs() throws {
        let rows = [Self.entry("$processId", 12, 1)]
        let before = wallClock()
        let (_, vm, process) = try Self.withSpawned([rows, rows])
        let spawned = wallClock()
        poll(nil, 0, 50)
        let listings = try (0..<2).map { _ in Self.row(try vm.allProcesses(), 1_000_000) }
        let starts = listings.map { $0?["startTime"]?.integerValue ?? 0 }
        #expect(starts[0] == starts[1] && (before...spawned).contains(starts[0]), "\(starts)")
        #expect(listings.allSatisfy { $0?["exitTime"] == .null })
        #expect(try process.describe()["startTime"] == .integer(starts[0]))
        try process.closeInput()
        _ = try process.wait()
    }

    /// Milliseconds since 1970.
    private func wallClock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }

    @Test("case 41: every process is in the tree once, in order, also its own parent and a cycle")
    func cycles() throws {
        let trees: [(entries: [(Int, Int)], text: String)] = [
            ([(5, 5)], "5"), ([(5, 6), (6, 5)], "5(6)"), ([(7, 8), (8, 9), (9, 7), (2, 2)], "2, 7(9(8))"),
            ([(9, 5), (7, 5), (5, 0), (8, 7)], "5(7(8), 9)"),
            ([(5, 6), (6, 5), (7, 6), (8, 1)], "5(6(7)), 8"),
            ([], ""),
        ]
        for (entries, expected) in trees {
            let peer = Self.peer(entries.map { Self.entry("p\($0.0)", $0.0, $0.1) })
            let vm = try peer.sidecar().createVM()
            let tree = Self.text(try vm.processTree())
            #expect(tree == expected, "\(entries)")
        }
    }

    @Test("a chain of 5,000 processes is a tree and no crash")
    func deep() throws {
        let entries = (1...5000).map { Self.entry("p\($0)", $0, $0 - 1) }
        let rule = S.on("get_process_snapshot", "{\(Self.snapshot(entries))}")
        try withTestFolder { folder in
            // Too long for a variable of the environment.
            let script = "\(folder)/script.json"
            try writeFile(script, Array("{\"rules\":[\(rule)]}".utf8))
            let environment = JSONValue.members(["AGENTOS_SCRIPT": .string(script)])
            let vm = try S.peer().sidecar(["env": environment]).createVM()
            #expect(try vm.allProcesses().count == 5000)
            var out: OpaquePointer?
            try check { aos_process_tree(vm.sidecar.handle, vm.id, HostSidecar.limit, &out, $0) }
            // Too deep for a reader of JSON that recurses: counted instead.
            #expect(takeText(out).split(separator: "\"ppid\"").count == 5001)
        }
    }

    @Test("case 42: a denied look is EACCES")
    func denied() throws {
        let text = "EACCES: permission denied, process://snapshot: blocked by process.inspect policy"
        let peer = S.peer(S.on("get_process_snapshot", S.reject("execution_error", text)))
        let vm = try peer.sidecar().createVM()
        for error in [failure { _ = try vm.allProcesses() }, failure { _ = try vm.processTree() }] {
            #expect(error?.status == AOS_E_REMOTE && error?.errno == "EACCES")
            #expect(error?.code == "execution_error" && error?.message == text)
        }
    }

    @Test("asynchronously the list and the tree are the data of the end")
    func asynchronous() throws {
        let vm = try Self.peer([Self.entry("a", 5, 0), Self.entry("a/b", 6, 5)]).sidecar().createVM()
        let list = try end(
            of: try vm.sidecar.submit { aos_process_all_async(vm.sidecar.handle, vm.id, nil, $0, $1) },
            vm.sidecar
        )
        let tree = try end(
            of: try vm.sidecar.submit { aos_process_tree_async(vm.sidecar.handle, vm.id, nil, $0, $1) },
            vm.sidecar
        )
        #expect(list?.status == AOS_OK && tree?.status == AOS_OK)
        guard case .array(let rows) = try JSONReader.parse(list?.data ?? []),
            case .array(let roots) = try JSONReader.parse(tree?.data ?? [])
        else { throw HostError(aos_status(AOS_E_INVALID), nil) }
        #expect(Self.pids(rows) == [5, 6] && Self.text(roots) == "5(6)")
    }

    @Test("what a program does with signals, by number (9.3)")
    func signals() throws {
        let handlers = """
            {"15":{"action":"user","mask":[2,9],"flags":4},"2":{"action":"ignore","mask":[],"flags":0}}
            """
        let peer = S.peer(
            S.on("execute", S.answer),
            S.on(
                "get_signal_state",
                nth: 1,
                """
                {"answer":{"type":"signal_state","process_id":"$processId","handlers":\(handlers)}}
                """
            ),
            S.on(
                "get_signal_state",
                nth: 3,
                S.reject("invalid_state", "VM vm-1 has no active process $processId")
            )
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let state = try process.signalState()
        #expect(
            state["handlers"]?["15"]
                == .members([
                    "action": .string("user"), "mask": .array([.integer(2), .integer(9)]),
                    "flags": .integer(4),
                ])
        )
        #expect(state["handlers"]?["2"]?["action"] == .string("ignore"))
        #expect(
            peer.requests("get_signal_state").first?["process_id"]
                == peer.requests("execute").first?["process_id"]
        )
        #expect(try process.signalState() == .members(["handlers": .members([:])]))
        #expect(failure { _ = try process.signalState() }?.status == AOS_E_REMOTE)
        try process.kill("TERM")
        _ = try process.wait()
    }
}
