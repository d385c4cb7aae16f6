// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Events find whom they concern (transport.md 7)", .serialized)
struct EventTests {
    @Test(
        "a VM is ready when `ready` comes in one write with the answer, 10,000 times, and when it comes before it (case 25)"
    )
    func readiness() throws {
        let created = #"{"answer":{"type":"vm_created","vm_id":"$vmId"}}"#
        func event(_ state: String) -> String { #"{"event":{"type":"vm_lifecycle","state":"\#(state)"}}"# }
        let orders = [
            #"{"hold":true},\#(created),\#(event("creating")),\#(event("ready")),{"flush":true}"#,
            "\(event("creating")),\(event("ready")),\(created)",
            #"{"hold":true},\#(event("ready")),\#(created),{"flush":true}"#,
        ]
        for (order, rounds) in zip(orders, [10_000, 2_000, 2_000]) {
            let peer = ScriptedPeer("[\(ScriptedPeer.on("create_vm", order))]")
            let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
            try sidecar.connect()
            var longest = Duration.zero
            for _ in 0..<rounds {
                longest = max(longest, try duration { try sidecar.createVM().shutdown() })
            }
            // One that missed its event would take ten seconds.
            #expect(longest < .seconds(9), "\(longest)")
        }
    }

    @Test("a flood of one VM neither delays nor displaces another's events (case 26)")
    func flood() throws {
        let lines = 100_000
        let output =
            #"{"event":{"type":"process_output","process_id":"$processId","channel":"stdout","chunk":{"text":"$i\n"}}}"#
        let exit = #"{"event":{"type":"process_exited","process_id":"$processId","exit_code":0}}"#
        // In parts, so that other requests are served in between.
        let parts =
            #"{"repeat":100,"do":[{"hold":true},{"repeat":1000,"do":[\#(output)]},{"flush":true},{"delay":0}]}"#
        let rules = [
            ScriptedPeer.on("execute", #"{"default":true},{"delay":0},\#(parts),\#(exit)"#, nth: 1),
            ScriptedPeer.on("execute", #"{"default":true},\#(output),\#(exit)"#),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        let loud = try sidecar.createVM()
        let process = try loud.spawn(["flood"])
        // Nobody takes the flood meanwhile.
        let quiet = try sidecar.createVM()
        let run = try quiet.run(argv: ["small"])
        #expect(run.code == 0 && run.outputText == "$i\n")
        // All of that took place within the flood.
        #expect(try process.describe()["running"] == .bool(true))
        try quiet.shutdown()
        let (text, _, last) = try process.finish()
        #expect(last.status == AOS_OK && last.value == 0)
        let found = text.split(separator: 0x0A)
        // Each part counts from 1 to 1,000: nothing missing, nothing out of order.
        #expect(found.count == lines)
        let isInOrder = found.enumerated().allSatisfy { index, line in
            String(decoding: line, as: UTF8.self) == String(index % 1000 + 1)
        }
        #expect(isInOrder)
    }

    @Test("events of nobody are counted and do nothing (case 27)")
    func nobody() throws {
        func owner(_ connection: String, _ vm: String) -> String {
            #""ownership":{"scope":"vm","connection_id":"\#(connection)","session_id":"session-1","vm_id":"\#(vm)"}"#
        }
        let exit = #"{"event":{"type":"process_exited","process_id":"nobody","exit_code":1}"#
        let actions = [
            "\(exit),\(owner("conn-2", "vm-1"))}", "\(exit),\(owner("conn-1", "vm-9"))}", "\(exit)}",
            #"{"event":{"type":"vm_lifecycle","state":"disposed"},\#(owner("conn-2", "vm-1"))}"#,
            #"{"event":{"type":"structured","name":"odd","detail":{}}}"#,
        ]
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/x", actions.joined(separator: ",") + #",{"default":true}"#))]"
        )
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn(["cat"])
        #expect(try vm.exists("/x"))
        #expect(sidecar.diagnostic("unknownEvents") == 5)
        #expect(try vm.exists("/y"))
        #expect(try sidecar.take(process.op, limit: 50 * millisecond) == nil)
        #expect(sidecar.vmCount == 1 && peer.starts.count == 1)
    }

    @Test("output of a consumer that never returns stops nobody else, and no callback (case 37)")
    func stuckConsumer() throws {
        let output =
            #"{"event":{"type":"process_output","process_id":"$processId","channel":"stdout","chunk":{"bytes":65536,"fill":"x"}}}"#
        let exit = #"{"event":{"type":"process_exited","process_id":"$processId","exit_code":0}}"#
        let callback = #"{"callback":{"type":"acp_request","session_id":"s","request":{}}}"#
        let rules = [
            ScriptedPeer.on("execute", #"{"default":true},{"repeat":64,"do":[\#(output)]},\#(exit)"#),
            ScriptedPeer.onPath("/x", "\(callback),{\"default\":true}"),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let (gate, free) = (Gate(), Gate())
        free.opened.append(1)
        try gate.spawn("stuck", in: vm)
        #expect(eventually { !gate.entered.all.isEmpty })
        let time = try duration {
            for _ in 0..<20 { #expect(try vm.exists("/x")) }
            #expect(
                peer.wait { $0.frames.count { $0["frame_type"]?.stringValue == "sidecar_response" } == 20 }
            )
            // On threads of the library like the stuck one.
            try free.spawn("free", in: vm)
            #expect(eventually { free.dropped.all.count == 1 })
            let run = try vm.run(argv: ["other"])
            #expect(run.code == 0 && run.output.count == 64 * 65536)
            let (text, _, last) = try vm.spawn(["third"]).finish()
            #expect(text.count == 64 * 65536 && last.status == AOS_OK)
        }
        #expect(time < .seconds(10), "\(time)")
        #expect(free.bytes.all.reduce(0, +) == 64 * 65536)
        #expect(gate.entered.all.count == 1)
        gate.opened.append(1)
        #expect(eventually { gate.dropped.all.count == 1 })
        // 4 MiB in pieces, then the end.
        #expect(gate.entered.all.count >= 2)
    }
}

/// A consumer on a thread of the library, whose calls return when it is opened.
private final class Gate: Sendable {
    let entered: Collected<Int> = Collected()
    let bytes: Collected<Int> = Collected()
    let opened: Collected<Int> = Collected()
    let dropped: Collected<Int> = Collected()

    /// Starts a program whose output comes here.
    func spawn(_ program: String, in vm: HostVM) throws {
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = AOS_DELIVER_THREAD
        completion.user_data = Unmanaged.passRetained(self).toOpaque()
        completion.fn = { data, event in
            guard let data else { return }
            let gate = Unmanaged<Gate>.fromOpaque(data).takeUnretainedValue()
            gate.entered.append(1)
            if let event, event.pointee.kind == AOS_EV_STDOUT {
                gate.bytes.append(Int(event.pointee.data_len))
            }
            _ = eventually(limit: .seconds(30)) { !gate.opened.all.isEmpty }
        }
        completion.drop = { data in
            guard let data else { return }
            let gate = Unmanaged<Gate>.fromOpaque(data).takeRetainedValue()
            gate.dropped.append(1)
        }
        let argv = "[\"\(program)\"]"
        try check {
            aos_process_spawn(
                vm.sidecar.handle,
                vm.id,
                argv,
                argv.utf8.count,
                nil,
                0,
                &completion,
                nil,
                nil,
                $0
            )
        }
    }
}
