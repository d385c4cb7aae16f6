// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Waiting for processes and remembering them (process.md 8, 10.1)", .timeLimit(.minutes(10)))
struct ProcessTableTests {
    private typealias S = ProcessScript

    private static let exits = S.peer(S.on("execute", S.answer, S.exit(7)))

    /// A peer whose programs run until their input is closed.
    private static func lasting(_ code: Int = 9) -> ScriptedPeer {
        S.peer(S.on("execute", S.answer), S.on("close_stdin", S.answer, S.exit(code)))
    }

    @Test("case 20: spawned processes count from 1,000,000 in each VM, whatever else is started")
    func numbers() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        var processes: [HostProcess] = []
        for _ in 0..<3 {
            _ = try vm.run("x")
            processes.append(try vm.spawn(["y"]))
            _ = try vm.openShell()
        }
        let pids = try processes.map { try $0.describe()["pid"]?.integerValue }
        #expect(pids == [1_000_000, 1_000_001, 1_000_002])
        for process in processes { _ = try process.wait() }
        // The start of a shell is not waited for by anybody.
        #expect(peer.wait { $0.requests("execute").count == 9 })
        let names = peer.requests("execute").filter { $0["command"]?.stringValue == "y" }
            .compactMap { $0["process_id"]?.stringValue }
        #expect(names.count == 3)
        for (index, name) in names.enumerated() {
            let parts = name.split(separator: "-", maxSplits: 2).map(String.init)
            #expect(parts.count == 3 && parts[0] == "proc" && parts[1] == "\(1_000_000 + index)", "\(name)")
            #expect(parts.last?.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12], "\(name)")
        }
        let all = peer.requests("execute").compactMap { $0["process_id"]?.stringValue }
        #expect(Set(all).count == 9 && all.allSatisfy { !$0.contains("/") })
        let other = try sidecar.createVM().spawn(["y"])
        #expect(try other.describe()["pid"] == .integer(1_000_000))
        _ = try other.wait()
    }

    @Test(
        "case 22: a launch that fails is that error for all who ask, no exit code and no output (decision 17)"
    )
    func failedLaunch() throws {
        let text = "command not found on native sidecar path: nope"
        let peer = S.peer(
            S.on("execute", command: "nope", S.delay(50), S.reject("invalid_state", text)),
            S.on("execute", S.answer)
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["nope"])
        let early = try process.submitWait()
        let error = failure { _ = try process.wait() }
        #expect(error?.status == AOS_E_REMOTE && error?.code == "invalid_state" && error?.message == text)
        #expect(try end(of: early, vm.sidecar)?.status == AOS_E_REMOTE)
        let description = try process.describe()
        #expect(description["running"] == .bool(false) && description["exitCode"] == .null)
        #expect(description["startError"]?["message"] == .string(text))
        #expect(description["startError"]?["code"] == .string("invalid_state"))
        #expect(description["lost"] == nil)
        let late = try vm.sidecar.events(of: try process.subscribe().op)
        #expect(late.map(\.kind) == [AOS_EV_COMPLETE])
        #expect(late.first?.status == AOS_E_REMOTE && late.first?.error?.message == text)
        #expect(try vm.spawn(["x"]).describe()["pid"] == .integer(1_000_001), "its number is used up")
    }

    @Test("case 27: an id that never was is stale; one that is forgotten is not found")
    func unknown() throws {
        let vm = try Self.exits.sidecar().createVM()
        let process = try vm.spawn(["x"])
        _ = try process.wait()
        func errors(_ process: HostProcess) -> [HostError?] {
            [
                failure { _ = try process.wait() }, failure { _ = try process.submitWait() },
                failure { _ = try process.describe() }, failure { _ = try process.signalState() },
                failure { _ = try process.subscribe() }, failure { try process.release() },
            ]
        }
        for id in [999_999, vm.id, aos_id.max, 0] {
            let statuses = errors(HostProcess(sidecar: vm.sidecar, id: id, op: 0)).map(\.?.status)
            #expect(statuses.allSatisfy { $0 == AOS_E_STALE }, "\(id): \(statuses)")
        }
        try process.release()
        for error in errors(process) {
            #expect(error?.status == AOS_E_NOT_FOUND && error?.kind == "process_not_found")
            #expect(error?.message == "Process not found: \(process.id)")
        }
        #expect(failure { try process.write([1]) }?.status == AOS_E_NOT_FOUND)
        try process.kill("TERM")
    }

    @Test("case 30: a wait before, during and after the end gives the code to all, from eight threads")
    func manyWaits() throws {
        let peer = Self.lasting()
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let before = try (0..<8).map { _ in try process.submitWait() }
        let codes = Counter()
        onThreads(9) { thread in
            // The ninth ends it while the others wait or are about to.
            if thread == 8 {
                _ = failure { try process.closeInput() }
            } else if (try? process.wait()) == 9 {
                codes.increment()
            }
        }
        #expect(codes.value == 8)
        for op in before {
            let last = try end(of: op, vm.sidecar)
            #expect(last?.status == AOS_OK && last?.value == 9)
        }
        onThreads(8) { _ in if (try? process.wait(limit: 0)) == 9 { codes.increment() } }
        #expect(codes.value == 16)
        #expect(try end(of: try process.submitWait(), vm.sidecar)?.value == 9)
    }

    @Test("out of time, and cancelled, a wait ends and the process goes on")
    func waitEnds() throws {
        let peer = Self.lasting(-1)
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        for limit in [0, 50 * millisecond] {
            #expect(failure { _ = try process.wait(limit: limit) }?.status == AOS_E_DEADLINE)
        }
        let op = try process.submitWait()
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try end(of: op, vm.sidecar)?.status == AOS_E_CANCELED)
        #expect(try process.describe()["running"] == .bool(true))
        #expect(peer.signals == [])
        try process.closeInput()
        #expect(try process.wait() == -1)
    }

    @Test("case 31: the first exit counts, for those who wait and those who look")
    func secondExit() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(1), S.output("late"), S.exit(2)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        #expect(try process.wait() == 1)
        // An answer that comes behind the second exit.
        #expect(vm.isAlive)
        #expect(try process.wait() == 1)
        #expect(try process.describe()["exitCode"] == .integer(1))
        let late = try process.subscribe().finish()
        #expect(late.output == [] && late.last.value == 1)
    }

    @Test(
        "case 32: of 1,200 that ended at once the last 1,024 are kept, and all that run",
        .timeLimit(.minutes(10))
    )
    func bounded() throws {
        let peer = S.peer(
            S.on("execute", command: "stay", S.answer),
            S.on("execute", S.answer, S.exit(7))
        )
        let vm = try peer.sidecar().createVM()
        let staying = try vm.spawn(["stay"])
        var ended: [HostProcess] = []
        for _ in 0..<50 {
            let batch = try (0..<100).map { _ in try vm.spawn(["x"]) }
            for process in batch { #expect(try process.finish().last.value == 7) }
            ended += batch
        }
        let rows = try vm.spawnedProcesses()
        let kept = Set(rows.compactMap { $0["id"]?.integerValue })
        #expect(rows.count == 1025, "\(rows.count)")
        #expect(
            kept.contains(Int64(staying.id)) && ended.suffix(1024).allSatisfy { kept.contains(Int64($0.id)) }
        )
        for process in [ended[0], ended[5000 - 1025]] {
            #expect(failure { _ = try process.wait() }?.status == AOS_E_NOT_FOUND)
            #expect(failure { _ = try process.describe() }?.status == AOS_E_NOT_FOUND)
        }
        #expect(try ended[5000 - 1024].wait() == 7)
        #expect(try staying.describe()["running"] == .bool(true))
    }

    @Test("case 35: a VM in which nothing was started has no processes")
    func fresh() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        #expect(try vm.spawnedProcesses() == [] && vm.shells() == [])
        #expect(peer.typesAfterCreation == [], "nothing is asked")
        #expect(try vm.allProcesses() == [] && vm.processTree() == [])
        #expect(peer.typesAfterCreation == ["get_process_snapshot", "get_process_snapshot"])
    }

    @Test("a process as it is described, from its start to its end")
    func description() throws {
        let peer = S.barePeer(S.on("execute", S.answer), S.on("close_stdin", S.answer, S.exit(5)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["cat", "a b", ""])
        let running = try process.describe()
        #expect(running["id"] == .number(process.id) && running["command"] == .string("cat"))
        #expect(running["args"] == .array([.string("a b"), .string("")]))
        #expect(running["running"] == .bool(true) && running["exitCode"] == .null)
        #expect(running["exitTime"] == .null && running["killedBy"] == nil && running["lost"] == nil)
        try process.kill("hup")
        #expect(try process.describe()["killedBy"] == .string("SIGHUP"))
        try process.closeInput()
        _ = try process.wait()
        let ended = try process.describe()
        #expect(ended["running"] == .bool(false) && ended["exitCode"] == .integer(5))
        #expect(ended["startTime"] == running["startTime"])
        let (start, exit) = (ended["startTime"]?.integerValue ?? 0, ended["exitTime"]?.integerValue ?? -1)
        // Milliseconds since 1970, and no other unit.
        #expect(start > 1_600_000_000_000 && start < 10_000_000_000_000 && exit >= start)
        #expect(try vm.spawnedProcesses() == [ended])
    }

    @Test("the list is in the order of the starts, without what exec and shells start")
    func list() throws {
        let peer = Self.lasting()
        let vm = try peer.sidecar().createVM()
        let processes = try (0..<5).map { try vm.spawn(["p\($0)"]) }
        let shell = try vm.openShell()
        let op = try vm.submitExec("x", .members(["timeoutMs": .integer(60_000)]))
        for index in [3, 1] {
            try processes[index].closeInput()
            _ = try processes[index].wait()
        }
        let rows = try vm.spawnedProcesses()
        #expect(rows.map { $0["command"]?.stringValue } == ["p0", "p1", "p2", "p3", "p4"])
        #expect(rows.map { $0["running"] == .bool(true) } == [true, false, true, false, true])
        #expect(rows.map { $0["id"]?.integerValue } == processes.map { Int64($0.id) })
        try shell.close()
        _ = aos_op_cancel(vm.sidecar.handle, op)
        _ = try vm.sidecar.events(of: op)
    }

    @Test("release forgets what has ended, and nothing that runs")
    func release() throws {
        let peer = Self.lasting()
        let vm = try peer.sidecar().createVM()
        let (one, other) = (try vm.spawn(["x"]), try vm.spawn(["x"]))
        let error = failure { try one.release() }
        #expect(error?.status == AOS_E_INVALID && error?.kind == "invalid_argument")
        #expect(try one.describe()["running"] == .bool(true))
        try one.closeInput()
        _ = try one.wait()
        try one.release()
        #expect(try vm.spawnedProcesses().map { $0["id"]?.integerValue } == [Int64(other.id)])
        #expect(failure { try one.release() }?.status == AOS_E_NOT_FOUND)
        // Its own stream is not cut off.
        #expect(try one.finish().last.value == 9)
    }

    @Test("a process whose sidecar died is lost: an error for those who wait, and no exit code")
    func lost() throws {
        let peer = S.barePeer(S.on("execute", S.answer), S.on("close_stdin", "{\"signal\":9}"))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let op = try process.submitWait()
        _ = failure { try process.closeInput() }
        #expect(try end(of: op, vm.sidecar)?.status == AOS_E_SIDECAR)
        #expect(failure { _ = try process.wait() }?.status == AOS_E_SIDECAR)
        let description = try process.describe()
        #expect(description["running"] == .bool(false) && description["lost"] == .bool(true))
        #expect(description["exitCode"] == .null && description["exitTime"]?.integerValue != nil)
    }

    @Test("an output that is needed must be given")
    func nullOutputs() throws {
        let vm = try Self.exits.sidecar().createVM()
        let process = try vm.spawn(["x"])
        _ = try process.wait()
        let handle = vm.sidecar.handle
        for error in [
            failure { try check { aos_process_wait(handle, process.id, second, nil, $0) } },
            failure { try check { aos_process_get(handle, process.id, nil, $0) } },
            failure { try check { aos_process_list(handle, vm.id, nil, $0) } },
            failure { try check { aos_process_all(handle, vm.id, second, nil, $0) } },
            failure { try check { aos_process_tree(handle, vm.id, second, nil, $0) } },
            failure { try check { aos_process_signal_state(handle, process.id, second, nil, $0) } },
        ] { #expect(error?.status == AOS_E_INVALID) }
    }
}
