// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("The pool of shared handles (sidecar-lifecycle.md 6)", .serialized)
struct PoolTests {
    @Test("64 threads that ask at once get one object, 1,000 times (case 10)")
    func race() throws {
        let peer = ScriptedPeer()
        let rounds = 1_000
        let options = JSONWriter.text(peer.options())
        let found = Collected<(round: Int, handle: UInt)>()
        let faults = Collected<aos_status>()
        let gate = Barrier(64)
        onThreads(64) { _ in
            for round in 0..<rounds {
                // All of them ask for what is not there yet.
                gate.wait()
                var handle: OpaquePointer?
                let status = aos_sidecar_get_shared(
                    "lifecycle-race-\(round)",
                    options,
                    options.utf8.count,
                    &handle,
                    nil
                )
                if status != AOS_OK { faults.append(status) }
                found.append((round, UInt(bitPattern: handle)))
            }
        }
        #expect(faults.all.isEmpty)
        var handles: [Int: Set<UInt>] = [:]
        for entry in found.all { handles[entry.round, default: []].insert(entry.handle) }
        #expect(handles.count == rounds)
        #expect(handles.values.allSatisfy { $0.count == 1 })
        #expect(Set(handles.values.flatMap { $0 }).count == rounds)
        for bits in Set(handles.values.flatMap { $0 }) {
            let handle = OpaquePointer(bitPattern: bits)
            #expect(aos_sidecar_dispose(handle, HostSidecar.limit, nil) == AOS_OK)
            for _ in 0..<64 { aos_sidecar_release(handle) }
        }
        #expect(peer.starts.isEmpty)
    }

    @Test(
        "a disposed handle is replaced, and disposing it again leaves its successor alone (cases 11 and 12)"
    )
    func successor() throws {
        let peer = ScriptedPeer()
        let first = try HostSidecar.shared("lifecycle-successor", options: peer.options())
        try first.dispose()
        let second = try HostSidecar.shared("lifecycle-successor", options: peer.options())
        #expect(second.handle != first.handle)
        #expect(first.state == "disposed" && second.state == "ready")
        let id = #"{"sidecarId":"agent-os-shared-sidecar:lifecycle-successor","#
        #expect(try first.describe().hasPrefix(id))
        #expect(try second.describe().hasPrefix(id))
        let faults = Collected<HostError>()
        onThreads(8) { _ in
            if let error = failure(of: { try first.dispose() }) { faults.append(error) }
        }
        #expect(faults.all.isEmpty)
        #expect(
            try HostSidecar.shared("lifecycle-successor", options: peer.options()).handle == second.handle
        )
    }

    @Test("while a handle is being disposed the pool gives a new one (case 13)")
    func disposing() throws {
        let slow = ScriptedPeer("[\(ScriptedPeer.on("dispose_vm", #"{"delay":800},{"default":true}"#))]")
        let first = try HostSidecar.shared("lifecycle-disposing", options: slow.options())
        _ = try first.createVM()
        let op = try first.disposeAsync()
        #expect(slow.wait { !$0.requests("dispose_vm").isEmpty })
        #expect(first.state == "disposing")
        let peer = ScriptedPeer()
        let second = try HostSidecar.shared("lifecycle-disposing", options: peer.options())
        #expect(second.handle != first.handle && second.state == "ready")
        let vm = try second.createVM()
        #expect(first.state == "disposing")
        #expect(try first.end(of: op).status == AOS_OK)
        #expect(first.state == "disposed" && second.state == "ready")
        #expect(try vm.exists("/x"))
        #expect(
            try HostSidecar.shared("lifecycle-disposing", options: peer.options()).handle == second.handle
        )
    }

    @Test("disposing all shared handles collects what goes wrong (case 14)", .enabled(if: ChildHost.isThere))
    func disposeAll() throws {
        func failing(_ text: String) -> ScriptedPeer {
            ScriptedPeer("[\(ScriptedPeer.on("dispose_vm", "{\"reject\":[\"invalid_state\",\"\(text)\"]}"))]")
        }
        let peers = [ScriptedPeer(), failing("x"), failing("y")]
        let run = try ChildHost.run(["dispose-all"] + peers.map { JSONWriter.text($0.options()) })
        #expect(run.succeeded, "\(run)")
        let text = "failed to dispose shared sidecars: invalid_state: x; invalid_state: y"
        #expect(run.value("dispose-all") == "AOS_E_REMOTE \(text)", "\(run)")
        #expect(run.values("old").count == 3)
        #expect(run.values("old").allSatisfy { $0.hasSuffix(#""state":"disposed","activeVmCount":0}"#) })
        #expect(run.values("new").filter { $0 == "1" }.count == 3, "\(run)")
        #expect(run.values("new").filter { $0.hasSuffix(#""state":"ready","activeVmCount":0}"#) }.count == 3)
        for peer in peers { #expect(peer.hasEnded && peer.requests("dispose_vm").count == 1) }
        // The others are ended with the VM that nothing else ends (vm.md 12.4).
        #expect(peers[0].exits == [0])
    }
}
