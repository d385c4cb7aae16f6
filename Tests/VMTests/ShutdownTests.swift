// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Shutting a VM down (vm.md 17, 25-33)")
struct ShutdownTests {
    @Test("25: an idle VM costs one request, and its process ends with it")
    func idle() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let before = peer.requestTypes.count
        try vm.shutdown()
        #expect(Array(peer.requestTypes[before...]) == ["dispose_vm"])
        let frame = try #require(peer.frames.last)
        #expect(frame["payload"]?["reason"]?.stringValue == "requested")
        #expect(frame["ownership"]?["scope"]?.stringValue == "vm")
        #expect(peer.wait { !$0.events("eof").isEmpty && !$0.events("exit").isEmpty })
        #expect(peer.events("eof").first?["partial"] == .integer(0))
        #expect(sidecar.vmCount == 0)
        #expect(sidecar.state == "ready")
    }

    @Test("26: the other VM of a process goes on, and a second shutdown succeeds")
    func siblings() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let (first, second) = (try sidecar.createVM(), try sidecar.createVM())
        try first.shutdown()
        #expect(second.isAlive)
        #expect(sidecar.vmCount == 1)
        try second.shutdown()
        try second.shutdown()
        #expect(peer.requests("dispose_vm").count == 2)
        #expect(sidecar.vmCount == 0)
    }

    @Test("27: threads that shut down at once share one shutdown and its outcome", arguments: [true, false])
    func threads(_ succeeds: Bool) throws {
        let answer = succeeds ? #"{"default":true}"# : #"{"reject":["invalid_state","will not"]}"#
        let peer = ScriptedPeer("[{\"on\":\"dispose_vm\",\"do\":[{\"delay\":200},\(answer)]}]")
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let statuses = TestBox([aos_status](repeating: 1, count: 8))
        let keys = (UInt(bitPattern: vm.handle), vm.id)
        onThreads(8) { index in
            let status = aos_vm_shutdown(OpaquePointer(bitPattern: keys.0), keys.1, HostSidecar.limit, nil)
            statuses.change { $0[index] = status }
        }
        #expect(
            statuses.value == [aos_status](repeating: aos_status(succeeds ? AOS_OK : AOS_E_REMOTE), count: 8)
        )
        #expect(peer.requests("dispose_vm").count == 1)
        #expect(eventually { peer.runningProcessIDs.isEmpty })
    }

    @Test(
        "28: programs and shells are told to end first; an exit on SIGKILL counts, and who has none gets 143",
        arguments: [nil, 7] as [Int64?]
    )
    func programs(_ exit: Int64?) throws {
        // Signals are taken and do nothing but for the third one to the program.
        let killed =
            exit.map {
                ",{\"event\":{\"type\":\"process_exited\",\"process_id\":\"$processId\",\"exit_code\":\($0)}}"
            } ?? ""
        let peer = ScriptedPeer(
            """
            [{"on":"dispose_vm","do":[{"answer":{"type":"vm_disposed","vm_id":"$vmId"}}]},\
            {"on":"execute","where":{"command":"sh"},"do":[{"default":true}]},\
            {"on":"kill_process","nth":5,"do":[{"default":true}\(killed)]}]
            """
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn(["p"])
        let shell = try vm.openShell()
        #expect(peer.wait { $0.requests("execute").count == 2 })
        let before = peer.requestTypes.count
        let start = ContinuousClock.now
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(16))
        let sent = Array(peer.requestTypes[before...])
        #expect(sent.first == "kill_process")
        #expect(sent.last == "dispose_vm")
        #expect(sent.filter { $0 == "dispose_vm" }.count == 1)
        let signals = peer.requests("kill_process").compactMap { $0["signal"]?.stringValue }
        #expect(signals.prefix(2) == ["SIGTERM", "SIGTERM"])
        #expect(signals.dropFirst(2).allSatisfy { $0 == "SIGKILL" })
        let ends = [
            try process.finish(limit: 0).last.value, try sidecar.events(of: shell.op, limit: 0).last?.value,
        ]
        // Whose signal the fifth is depends on which of the two is named first.
        #expect(ends == [143, 143] || (exit != nil && Set(ends) == [exit, 143]), "\(ends)")
        #expect(exit == nil || ends.contains(exit))
        #expect(sidecar.vmCount == 0)
    }

    @Test("30: a VM that does not end is told once more, after its programs were killed")
    func stubborn() throws {
        let entry = """
            {"process_id":"p9","pid":9,"ppid":0,"pgid":9,"sid":9,"driver":"d","command":"node","args":[],\
            "cwd":"/","status":"running","exit_code":null}
            """
        let peer = ScriptedPeer(
            """
            [{"on":"dispose_vm","nth":1,"do":[{"reject":["execution_error",\
            "failed to terminate active guest executions for VM vm-1"]}]},\
            {"on":"get_process_snapshot","do":[{"answer":{"type":"process_snapshot","processes":[\(entry)]}}]}]
            """
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let before = peer.requestTypes.count
        try vm.shutdown()
        #expect(
            Array(peer.requestTypes[before...]) == [
                "dispose_vm", "get_process_snapshot", "kill_process", "dispose_vm",
            ]
        )
        #expect(peer.requests("kill_process").first?["signal"]?.stringValue == "SIGKILL")
        #expect(sidecar.vmCount == 0)
    }

    /// The answer to the snapshot is that to the start, for only that request knows the name of the program.
    @Test("30: before it is told once more, the end of its own program is waited for")
    func waitsForEnd() throws {
        let entry = """
            {"process_id":"$processId","pid":9,"ppid":0,"pgid":9,"sid":9,"driver":"d","command":"p","args":[],\
            "cwd":"/","status":"running","exit_code":null}
            """
        // SIGTERM and four SIGKILLs are sent in vain before; the sixth is the one behind the snapshot.
        let peer = ScriptedPeer(
            """
            [{"on":"execute","do":[{"default":true},{"remember":"start"}]},\
            {"on":"dispose_vm","nth":1,"do":[{"reject":["execution_error",\
            "failed to terminate active guest executions for VM vm-1"]}]},\
            {"on":"get_process_snapshot","do":[{"answerRemembered":"start","id":13,\
            "answer":{"type":"process_snapshot","processes":[\(entry)]}}]},\
            {"on":"kill_process","nth":6,"do":[{"default":true},{"delay":700},\
            {"event":{"type":"process_exited","process_id":"$processId","exit_code":9}}]}]
            """
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["p"])
        #expect(peer.wait { !$0.requests("execute").isEmpty })
        try vm.shutdown()
        let end =
            [String](repeating: "kill_process", count: 5) + [
                "dispose_vm", "get_process_snapshot", "kill_process", "dispose_vm",
            ]
        #expect(peer.requestTypes.suffix(end.count) == end[...])
        #expect(peer.requests("kill_process").last?["signal"]?.stringValue == "SIGKILL")
        let kill = try #require(peer.times(of: "kill_process").last)
        let disposal = try #require(peer.times(of: "dispose_vm").last)
        #expect((699..<1900).contains(disposal - kill), "\(disposal - kill) ms")
        #expect(try process.finish(limit: 0).last.value == 9)
    }

    @Test("30: when that is in vain too, the caller gets that error, and the process ends all the same")
    func hopeless() throws {
        let text = "failed to terminate active guest executions for VM vm-1"
        let peer = ScriptedPeer(
            "[{\"on\":\"dispose_vm\",\"do\":[{\"reject\":[\"execution_error\",\"\(text)\"]}]}]"
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        expect(failure { try vm.shutdown() }, AOS_E_REMOTE, says: text)
        #expect(peer.requests("dispose_vm").count == 2)
        #expect(eventually { peer.runningProcessIDs.isEmpty })
        #expect(sidecar.vmCount == 0)
        expect(failure { _ = try vm.read("/x") }, AOS_E_DISPOSED)
        try vm.shutdown()
    }

    @Test("31: a dispose without an answer ends with the process of a sole VM")
    func silentAlone() throws {
        let peer = ScriptedPeer(#"[{"on":"dispose_vm","do":[{"nothing":true}]}]"#)
        let sidecar = try peer.sidecar(["deadlines": .members(["dispose_vm": .integer(300)])])
        let vm = try sidecar.createVM()
        let start = ContinuousClock.now
        let error = failure { try vm.shutdown() }
        #expect(ContinuousClock.now - start < .seconds(5))
        expect(error, AOS_E_DEADLINE)
        #expect(error?.kind == "timeout")
        #expect(eventually { peer.runningProcessIDs.isEmpty })
        #expect(try sidecar.createVM().isAlive)
    }

    @Test("31: with a sibling it ends alone, and the late answer is nothing")
    func silentWithSibling() throws {
        let peer = ScriptedPeer(#"[{"on":"dispose_vm","nth":1,"do":[{"delay":700},{"default":true}]}]"#)
        let sidecar = try peer.sidecar(["deadlines": .members(["dispose_vm": .integer(300)])])
        let (vm, sibling) = (try sidecar.createVM(), try sidecar.createVM())
        expect(failure { try vm.shutdown() }, AOS_E_DEADLINE)
        #expect(sibling.isAlive)
        #expect(eventually { (try? sidecar.diagnostics())?["lateAnswers"] == .integer(1) })
        #expect(sibling.isAlive)
        #expect(sidecar.vmCount == 1)
        try sibling.shutdown()
    }

    @Test("32: with a process that is dead it succeeds at once and sends nothing")
    func dead() throws {
        let peer = ScriptedPeer(
            #"[{"on":"guest_filesystem_call","where":{"operation":"read_file"},"do":[{"exit":3}]}]"#
        )
        let vm = try peer.sidecar().createVM()
        expect(failure { _ = try vm.read("/x") }, AOS_E_SIDECAR)
        let start = ContinuousClock.now
        // Between the failure of requests and the handle's own notice of it, one in twenty fails.
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(1))
        #expect(peer.requests("dispose_vm").isEmpty)
    }

    @Test("33: from its start on nothing else is sent")
    func begun() throws {
        // The shell takes its time, so that all is asked while it is told to end.
        let exit = #"{"event":{"type":"process_exited","process_id":"$processId","exit_code":143}}"#
        let peer = ScriptedPeer(
            """
            [{"on":"execute","do":[{"default":true}]},\
            {"on":"kill_process","nth":1,"do":[{"default":true},{"delay":2500},\(exit)]}]
            """
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let shell = try vm.openShell()
        #expect(peer.wait { !$0.requests("execute").isEmpty })
        let op = try sidecar.submit { aos_vm_shutdown_async(vm.handle, vm.id, nil, $0, $1) }
        #expect(peer.wait { !$0.requests("kill_process").isEmpty })
        for call in FileCall.allCases {
            expect(failure { try call.run(vm, "/x") }, AOS_E_DISPOSED, says: "AgentOs has been disposed")
        }
        for work in [
            { _ = try vm.run("true") }, { _ = try vm.spawn(["true"]) }, { _ = try vm.openShell() },
            { try shell.write("echo\n") },
        ] as [() throws -> Void] {
            let error = failure(of: work)
            expect(error, AOS_E_DISPOSED)
            #expect(error?.message == "AgentOs has been disposed")
        }
        expect(failure { try vm.configure(.object([])) }, AOS_E_DISPOSED)
        expect(failure { _ = try vm.request(json(#"{"type":"get_process_snapshot"}"#)) }, AOS_E_DISPOSED)
        #expect(peer.requests("dispose_vm").isEmpty)
        #expect(try sidecar.events(of: op).map(\.status) == [aos_status(AOS_OK)])
        let others = peer.requestTypes.dropFirst(5).filter { $0 != "kill_process" }
        #expect(others == ["execute", "dispose_vm"])
    }

    @Test("33: from its start on nobody subscribes to output any more")
    func noSubscriptions() throws {
        let exit = #"{"event":{"type":"process_exited","process_id":"$processId","exit_code":143}}"#
        let peer = ScriptedPeer(
            """
            [{"on":"execute","do":[{"default":true}]},{"on":"kill_process","nth":3,"do":[{"default":true},\(exit)]},\
            {"on":"kill_process","nth":4,"do":[{"default":true},\(exit)]}]
            """
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let (process, shell) = (try vm.spawn(["p"]), try vm.openShell())
        #expect(peer.wait { $0.requests("execute").count == 2 })
        let op = try sidecar.submit { aos_vm_shutdown_async(vm.handle, vm.id, nil, $0, $1) }
        #expect(peer.wait { $0.requests("kill_process").count == 2 })
        for work in [{ _ = try shell.subscribe() }, { _ = try process.subscribe() }] as [() throws -> Void] {
            let error = failure(of: work)
            expect(error, AOS_E_DISPOSED)
            #expect(error?.message == "AgentOs has been disposed")
        }
        #expect(try sidecar.events(of: op).map(\.status) == [aos_status(AOS_OK)])
    }

    @Test("12.4: that the VM is gone already is no error")
    func unknownVM() throws {
        let peer = ScriptedPeer(
            #"[{"on":"dispose_vm","do":[{"reject":["invalid_state","unknown sidecar VM vm-1"]}]}]"#
        )
        try peer.sidecar().createVM().shutdown()
        #expect(eventually { peer.runningProcessIDs.isEmpty })
    }
}
