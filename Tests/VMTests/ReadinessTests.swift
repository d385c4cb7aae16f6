// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Waiting until a VM is ready (vm.md 3; 17, 7-9)")
struct ReadinessTests {
    @Test(
        "7: ready counts whenever it comes",
        arguments: [
            // In one write with the answer, before it, and long after it.
            #"{"hold":true},{"default":true},{"flush":true}"#,
            """
            {"event":{"type":"vm_lifecycle","state":"creating"}},{"event":{"type":"vm_lifecycle","state":"ready"}},\
            {"answer":{"type":"vm_created","vm_id":"$vmId"}}
            """,
            """
            {"answer":{"type":"vm_created","vm_id":"$vmId"}},{"delay":900},\
            {"event":{"type":"vm_lifecycle","state":"ready"}}
            """,
        ]
    )
    func readyLater(_ actions: String) throws {
        let peer = ScriptedPeer("[{\"on\":\"create_vm\",\"do\":[\(actions)]}]")
        let vm = try peer.sidecar().createVM()
        #expect(vm.isAlive)
        try vm.shutdown()
    }

    @Test("7: a VM that never becomes ready is given up after readyTimeoutMs, and disposed")
    func neverReady() throws {
        let peer = ScriptedPeer(
            #"[{"on":"create_vm","do":[{"answer":{"type":"vm_created","vm_id":"$vmId"}}]}]"#
        )
        let start = ContinuousClock.now
        let error = try failedCreation(on: peer, try json(#"{"readyTimeoutMs":300}"#))
        let time = ContinuousClock.now - start
        #expect(time >= .milliseconds(300) && time < .seconds(5), "\(time)")
        expect(error, AOS_E_DEADLINE)
        #expect(error?.message == "timed out waiting for the VM to become ready")
        #expect(error?.kind == "timeout")
        #expect(peer.requests("dispose_vm").count == 1)
        let (created, disposed) = (peer.times(of: "create_vm"), peer.times(of: "dispose_vm"))
        #expect(zip(created, disposed).allSatisfy { $1 - $0 >= 299 }, "\(created), \(disposed)")
        #expect(peer.requests("configure_vm").isEmpty)
    }

    @Test("8: a VM that fails is reported at once", arguments: ["failed", "disposed", "disposing"])
    func failed(_ state: String) throws {
        let peer = ScriptedPeer(
            """
            [{"on":"create_vm","do":[{"answer":{"type":"vm_created","vm_id":"$vmId"}},\
            {"event":{"type":"vm_lifecycle","state":"\(state)"}}]}]
            """
        )
        let error = try failedCreation(on: peer)
        expect(error, AOS_E_SIDECAR, says: "VM vm-1 became \(state) before it was ready")
        #expect(error?.kind == "sidecar")
    }

    @Test("8: another VM's ready is not this one's")
    func othersReady() throws {
        let owner =
            #"{"scope":"vm","connection_id":"$connectionId","session_id":"$sessionId","vm_id":"vm-2"}"#
        let peer = ScriptedPeer(
            """
            [{"on":"create_vm","do":[{"answer":{"type":"vm_created","vm_id":"$vmId"}},\
            {"event":{"type":"vm_lifecycle","state":"ready"},"ownership":\(owner)}]}]
            """
        )
        let error = try failedCreation(on: peer, try json(#"{"readyTimeoutMs":300}"#))
        expect(error, AOS_E_DEADLINE, says: "timed out waiting for the VM to become ready")
    }

    @Test("9: a process that dies behind vm_created is named with its exit and its last words")
    func dies() throws {
        let peer = ScriptedPeer(
            """
            [{"on":"create_vm","do":[{"answer":{"type":"vm_created","vm_id":"$vmId"}},\
            {"stderr":"no room\\n"},{"exit":3}]}]
            """
        )
        let error = try failedCreation(on: peer)
        expect(error, AOS_E_SIDECAR)
        let prefix = "sidecar transport closed before the VM became ready: sidecar process exited with code 3"
        #expect(error?.message.hasPrefix(prefix) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("no room") == true)
        #expect(error?.detail["exitCode"] == .integer(3))
        #expect(error?.detail["stderr"]?.stringValue?.contains("no room") == true)
    }

    @Test("9: within 100 ms of the death (the best of five, for others use the machine too)")
    func diesAtOnce() throws {
        let peer = ScriptedPeer(
            """
            [{"on":"create_vm","do":[{"answer":{"type":"vm_created","vm_id":"$vmId"}},{"delay":300},{"exit":3}]}]
            """
        )
        let times = try (1...5).map { round in
            let sidecar = try peer.sidecar()
            let op = try sidecar.submit {
                aos_vm_create_async(sidecar.handle, nil, 0, nil, $0, $1)
            }
            #expect(peer.wait { $0.events("exit").count == round })
            let start = ContinuousClock.now
            #expect(try sidecar.events(of: op).last?.status == AOS_E_SIDECAR)
            return ContinuousClock.now - start
        }
        #expect(try #require(times.min()) < .milliseconds(100), "\(times)")
    }
}
