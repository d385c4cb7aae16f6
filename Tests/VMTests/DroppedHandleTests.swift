// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Handles that are released without a shutdown (vm.md 12.6; 17, 34)")
struct DroppedHandleTests {
    @Test("34, R8: a handle that is released without a shutdown disposes its VMs within a second")
    func dropped() throws {
        let times = try (0..<3).map { _ in
            let peer = ScriptedPeer()
            var handle: OpaquePointer?
            let options = JSONWriter.text(peer.options())
            try check { aos_sidecar_create(options, options.utf8.count, &handle, $0) }
            var id: aos_id = 0
            try check { aos_vm_create(handle, nil, 0, HostSidecar.limit, &id, $0) }
            let start = ContinuousClock.now
            aos_sidecar_release(handle)
            #expect(peer.wait { !$0.requests("dispose_vm").isEmpty })
            let time = ContinuousClock.now - start
            #expect(eventually { peer.runningProcessIDs.isEmpty })
            return time
        }
        #expect(try #require(times.min()) < .seconds(1), "\(times)")
    }

    /// A released handle tells its count to nobody: that it is closed behind the disposal stands for it.
    @Test(
        "34, R8: while another reference is there nothing is dropped; the last one takes VM and handle with it"
    )
    func retained() throws {
        let peer = ScriptedPeer(#"[{"on":"dispose_vm","do":[{"delay":400},{"default":true}]}]"#)
        var (handle, queue): (OpaquePointer?, OpaquePointer?)
        let options = JSONWriter.text(peer.options())
        try check { aos_sidecar_create(options, options.utf8.count, &handle, $0) }
        try check { aos_queue_create(0, &queue, $0) }
        defer { aos_queue_release(queue) }
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = AOS_DELIVER_QUEUE
        completion.queue = queue
        try check { aos_sidecar_subscribe(handle, 0, &completion, nil, $0) }
        #expect(aos_sidecar_retain(handle) == handle)
        var id: aos_id = 0
        try check { aos_vm_create(handle, nil, 0, HostSidecar.limit, &id, $0) }
        aos_sidecar_release(handle)
        var exists: Int32 = -1
        try check { aos_fs_exists(handle, id, "/x", 2, HostSidecar.limit, &exists, $0) }
        #expect(peer.requests("dispose_vm").isEmpty)
        var event = aos_event()
        #expect(aos_queue_drain(queue, &event, 1, 0, 0) == 0)
        let start = ContinuousClock.now
        aos_sidecar_release(handle)
        #expect(aos_queue_drain(queue, &event, 1, 0, 20 * second) == 1)
        #expect(ContinuousClock.now - start >= .milliseconds(400))
        #expect(HostEvent(&event).kind == AOS_EV_CLOSED)
        #expect(peer.requests("dispose_vm").count == 1 && aos_sidecar_retain(handle) == nil)
    }
}
