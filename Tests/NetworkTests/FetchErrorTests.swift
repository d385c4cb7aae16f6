// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Fetches that fail, wait and queue (network.md 2.5 to 2.7)", .timeLimit(.minutes(10)))
struct FetchErrorTests {
    private typealias N = NetworkScript

    @Test("case 13: nobody listens")
    func noListener() throws {
        let peer = N.peer(N.on("vm_fetch", N.noListener))
        let error = failure { _ = try peer.sidecar().createVM().fetch(9) }
        #expect(error?.status == AOS_E_REMOTE && error?.kind == "fetch_no_listener")
        #expect(error?.code == "execution_error")
        #expect(error?.message == "vm.fetch could not find a guest HTTP listener on port 9")
        #expect(peer.fetches.count == 1, "it is not tried again unasked")
    }

    @Test("case 14: with waitForListenerMs it is tried again until somebody listens")
    func waiting() throws {
        let rejections = (1...3).map { N.on("vm_fetch", nth: $0, N.noListener) }
        let ok = N.on("vm_fetch", N.response(#"{"status":200,"body":"aGk="}"#))
        let peer = ScriptedPeer("[\((rejections + [ok]).joined(separator: ","))]")
        let vm = try peer.sidecar().createVM()
        let request = JSONValue.members([
            "method": .string("POST"), "waitForListenerMs": .integer(5000),
        ])
        #expect(try vm.fetch(9, request, body: Array("again".utf8)).text == "hi")
        #expect(peer.fetches.count == 4)
        #expect(peer.fetches.allSatisfy { $0["body"] == .string("again") })
    }

    @Test("case 14: when the time is over the last error is told")
    func waitedInVain() throws {
        let peer = N.peer(N.on("vm_fetch", N.noListener))
        let vm = try peer.sidecar().createVM()
        let start = ContinuousClock.now
        let error = failure { _ = try vm.fetch(9, .members(["waitForListenerMs": .integer(500)])) }
        let passed = ContinuousClock.now - start
        #expect(error?.kind == "fetch_no_listener")
        #expect(passed > .milliseconds(490) && passed < .milliseconds(3000))
        // 10, 20, 40, 80, 160 and the rest: no storm, and not one look alone.
        #expect((4...9).contains(peer.fetches.count), "\(peer.fetches.count)")
    }

    @Test("case 14: another refusal is not tried again")
    func otherRefusal() throws {
        let peer = N.peer(
            N.on("vm_fetch", N.reject("invalid_state", "vm.fetch target server disappeared: 1"))
        )
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.fetch(9, .members(["waitForListenerMs": .integer(5000)])) }
        #expect(error?.status == AOS_E_REMOTE && error?.kind == "kernel" && error?.code == "invalid_state")
        #expect(peer.fetches.count == 1)
    }

    @Test("case 15: no answer in time, and a server that ended, have kinds of their own")
    func kinds() throws {
        let texts: KeyValuePairs = [
            "HTTP loopback request timed out waiting for net.http_respond": "fetch_timeout",
            "HTTP loopback server exited before responding (exit code 4)": "fetch_server_exited",
            "something else": "kernel",
        ]
        for (text, kind) in texts {
            let peer = N.peer(N.on("vm_fetch", N.reject("execution_error", text)))
            let error = failure { _ = try peer.sidecar().createVM().fetch(9) }
            #expect(error?.status == AOS_E_REMOTE && error?.kind == kind, "\(text)")
            #expect(error?.code == "execution_error" && error?.message == text)
        }
    }

    @Test("case 16: fetches go one after the other, also of two VMs, and each gets its answer")
    func oneAtATime() throws {
        let answers = (1...3).map { (number: Int) in
            N.on(
                "vm_fetch",
                nth: number,
                N.delay(80),
                N.response("{\"status\":200,\"body\":\"\(number)\",\"bodyEncoding\":\"utf8\"}")
            )
        }
        let peer = ScriptedPeer("[\(answers.joined(separator: ","))]")
        let sidecar = try peer.sidecar()
        let (one, other) = (try sidecar.createVM(), try sidecar.createVM())
        let ops = [
            try one.submitFetch(1), try other.submitFetch(2), try one.submitFetch(3),
        ]
        for (index, op) in ops.enumerated() {
            #expect(try sidecar.events(of: op).first?.text == "\(index + 1)")
        }
        #expect(peer.fetches.map { $0["port"] } == [.integer(1), .integer(2), .integer(3)])
        let times = peer.events("frame").filter {
            $0["frame"]?["payload"]?["type"]?.stringValue == "vm_fetch"
        }.compactMap { $0["ms"]?.integerValue }
        #expect(times.count == 3 && times[1] - times[0] >= 75 && times[2] - times[1] >= 75, "\(times)")
    }

    @Test("case 16: a queued fetch that is cancelled is never sent; one that was sent is abandoned")
    func cancelled() throws {
        let peer = N.peer(
            N.on("vm_fetch", nth: 1, N.delay(300), N.response(#"{"status":201}"#)),
            N.on("vm_fetch", N.response(#"{"status":202}"#))
        )
        let vm = try peer.sidecar().createVM()
        let handle = vm.sidecar.handle
        let ops = [try vm.submitFetch(1), try vm.submitFetch(2), try vm.submitFetch(3)]
        #expect(aos_op_cancel(handle, ops[1]) == AOS_OK)
        let second = try vm.sidecar.events(of: ops[1])
        #expect(second.map(\.status) == [AOS_E_CANCELED])
        #expect(peer.fetches.count <= 1)
        #expect(try vm.sidecar.events(of: ops[0]).last?.value == 201)
        #expect(try vm.sidecar.events(of: ops[2]).last?.value == 202)
        #expect(peer.fetches.map { $0["port"] } == [.integer(1), .integer(3)])
    }

    @Test("case 16: a sent fetch that is cancelled ends at once, and the next gets its own answer")
    func abandoned() throws {
        let peer = N.peer(
            N.on("vm_fetch", nth: 1, N.delay(300), N.response(#"{"status":201}"#)),
            N.on("vm_fetch", N.response(#"{"status":202}"#))
        )
        let vm = try peer.sidecar().createVM()
        let op = try vm.submitFetch(1)
        #expect(peer.wait { $0.fetches.count == 1 })
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try vm.sidecar.events(of: op).map(\.status) == [AOS_E_CANCELED])
        #expect(try vm.fetch(2).status == 202)
    }

    @Test("out of time a fetch fails, and the next gets its own answer")
    func deadline() throws {
        let peer = N.peer(
            N.on("vm_fetch", nth: 1, N.delay(400), N.response(#"{"status":201}"#)),
            N.on("vm_fetch", N.response(#"{"status":202}"#))
        )
        let vm = try peer.sidecar().createVM()
        #expect(failure { _ = try vm.fetch(1, limit: 50 * millisecond) }?.status == AOS_E_DEADLINE)
        #expect(try vm.fetch(2).status == 202)
    }

    @Test("case 17: the death of the sidecar ends the fetch under way and the queued ones, within a second")
    func death() throws {
        let peer = N.peer(N.on("vm_fetch", N.delay(50), #"{"signal":9}"#))
        let vm = try peer.sidecar().createVM()
        let ops = [try vm.submitFetch(1), try vm.submitFetch(2), try vm.submitFetch(3)]
        #expect(peer.wait { $0.runningProcessIDs.isEmpty })
        let start = ContinuousClock.now
        for op in ops {
            let events = try vm.sidecar.events(of: op)
            #expect(events.map(\.status) == [AOS_E_SIDECAR])
            #expect(events.last?.error?.kind == "sidecar")
        }
        #expect(ContinuousClock.now - start < .seconds(1))
        #expect(peer.fetches.count == 1)
    }

    @Test("at most 1,024 fetches wait; the next is refused at once, and later there is room again (N7)")
    func queueLimit() throws {
        let peer = N.peer(
            N.on("vm_fetch", nth: 1, #"{"remember":"first"}"#),
            N.on(
                "get_zombie_timer_count",
                #"{"answerRemembered":"first","reject":["invalid_state","x"]}"#,
                N.answer
            ),
            N.on("vm_fetch", N.response(#"{"status":200}"#))
        )
        let vm = try peer.sidecar().createVM()
        var ops: [aos_id] = []
        var refusal: HostError?
        for _ in 0..<1100 where refusal == nil {
            refusal = failure { ops.append(try vm.submitFetch(1)) }
        }
        #expect(refusal?.status == AOS_E_BUSY && refusal?.kind == "busy")
        #expect((1024...1025).contains(ops.count), "\(ops.count)")
        // This lets the first one go, and with it all.
        #expect(vm.isAlive)
        let ends = try ops.map { try vm.sidecar.events(of: $0).last?.status }
        #expect(ends.first == AOS_E_REMOTE && ends.dropFirst().count { $0 != AOS_OK } == 0)
        #expect(try vm.fetch(2).status == 200)
    }

    @Test("a fetch in a VM that is shut down, or that never was, is refused")
    func noVM() throws {
        let (peer, vm) = try N.vm()
        #expect(failure { _ = try HostVM(vm.sidecar, vm.id + 1000).fetch(1) }?.status == AOS_E_STALE)
        try vm.shutdown()
        #expect(failure { _ = try vm.fetch(1) }?.status == AOS_E_DISPOSED)
        #expect(failure { _ = try vm.findListener() }?.status == AOS_E_DISPOSED)
        #expect(peer.fetches == [])
    }
}
