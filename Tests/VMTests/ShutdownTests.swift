// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Shutting a VM down (vm.md 17, 25-34)")
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
        "28, 29: programs are told to end first; who has not ended behind the disposal gets 143 or the late exit",
        arguments: [nil, 7] as [Int64?]
    )
    func programs(_ lateExit: Int64?) throws {
        // Signals are taken and do nothing: the program ends with the VM, or by an event behind the answer.
        let late =
            lateExit.map {
                ",{\"event\":{\"type\":\"process_exited\",\"process_id\":\"$processId\",\"exit_code\":\($0)}}"
            } ?? ""
        let peer = ScriptedPeer(
            """
            [{"on":"dispose_vm","do":[{"answer":{"type":"vm_disposed","vm_id":"$vmId"}}]},\
            {"on":"kill_process","nth":3,"do":[{"default":true}\(late)]}]
            """
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn(["p"])
        #expect(peer.wait { !$0.requests("execute").isEmpty })
        let before = peer.requestTypes.count
        let start = ContinuousClock.now
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(16))
        let sent = Array(peer.requestTypes[before...])
        #expect(sent.first == "kill_process")
        #expect(sent.last == "dispose_vm")
        #expect(sent.filter { $0 == "dispose_vm" }.count == 1)
        let signals = peer.requests("kill_process").compactMap { $0["signal"]?.stringValue }
        #expect(signals.first == "SIGTERM")
        #expect(signals.dropFirst().allSatisfy { $0 == "SIGKILL" })
        let end = try process.finish().last
        #expect(end.status == AOS_OK)
        #expect(end.value == lateExit ?? 143)
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
        let peer = ScriptedPeer(#"[{"on":"dispose_vm","do":[{"delay":400},{"default":true}]}]"#)
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let op = try sidecar.submit { aos_vm_shutdown_async(vm.handle, vm.id, nil, $0, $1) }
        #expect(peer.wait { !$0.requests("dispose_vm").isEmpty })
        let before = peer.requestTypes
        for call in FileCall.allCases {
            expect(failure { try call.run(vm, "/x") }, AOS_E_DISPOSED, says: "AgentOs has been disposed")
        }
        expect(failure { _ = try vm.run("true") }, AOS_E_DISPOSED)
        expect(failure { try vm.configure(.object([])) }, AOS_E_DISPOSED)
        expect(failure { _ = try vm.request(json(#"{"type":"get_process_snapshot"}"#)) }, AOS_E_DISPOSED)
        #expect(peer.requestTypes == before)
        #expect(try sidecar.events(of: op).map(\.status) == [aos_status(AOS_OK)])
    }

    @Test("34: a handle that is released without a shutdown disposes its VMs (R8)")
    func dropped() throws {
        let peer = ScriptedPeer()
        var handle: OpaquePointer?
        let options = JSONWriter.text(peer.options())
        try check { aos_sidecar_create(options, options.utf8.count, &handle, $0) }
        var id: aos_id = 0
        try check { aos_vm_create(handle, nil, 0, HostSidecar.limit, &id, $0) }
        aos_sidecar_release(handle)
        #expect(peer.wait(limit: .seconds(3)) { !$0.requests("dispose_vm").isEmpty })
        #expect(eventually { peer.runningProcessIDs.isEmpty })
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
