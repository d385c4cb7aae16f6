// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Looking for sockets (network.md 3 to 5)", .timeLimit(.minutes(10)))
struct ListenerTests {
    private typealias N = NetworkScript

    private static func members(_ entry: JSONValue) -> Set<String> {
        guard case .object(let members) = entry else { return [] }
        return Set(members.filter { $0.value != .null }.map(\.name))
    }

    /// The answer to a look-up; `kind` is listener or socket.
    private static func found(_ entry: String, _ type: String = "listener_snapshot", id: Int? = nil) -> String
    {
        let member = type == "listener_snapshot" ? "listener" : "socket"
        let number = id.map { ",\"id\":\($0)" } ?? ""
        return "\"answer\":{\"type\":\"\(type)\",\"\(member)\":\(entry)}\(number)"
    }

    /// A peer that tells of the process that was started last: only the request that started it knows its
    /// name. The look-up is the request that follows the start.
    private static func peerOfSpawned(_ request: String, _ entry: String, _ type: String) -> ScriptedPeer {
        N.peer(
            N.on("execute", N.answer, #"{"remember":"start"}"#),
            N.on(request, "{\"answerRemembered\":\"start\",\(found(entry, type, id: 7))}"),
            N.noSignals
        )
    }

    @Test("case 19: a listener of a program that was spawned here has its pid and its id")
    func ours() throws {
        let peer = Self.peerOfSpawned(
            "find_listener",
            #"{"process_id":"$processId","host":"0.0.0.0","port":43111}"#,
            "listener_snapshot"
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        // Its answer is in before the look-up is sent: the look-up has the number that the script says.
        #expect(peer.wait { $0.requests("execute").count == 1 })
        let listener = try vm.findListener(.members(["port": .integer(43111)]))
        #expect(
            peer.requests("find_listener") == [
                .members([
                    "type": .string("find_listener"), "host": .null, "port": .integer(43111), "path": .null,
                ])
            ]
        )
        let name = peer.requests("execute").first?["process_id"]?.stringValue ?? ""
        #expect(name.hasPrefix("proc-1000000-"))
        #expect(
            listener
                == .members([
                    "processId": .string(name), "pid": .integer(1_000_000), "id": .number(process.id),
                    "host": .string("0.0.0.0"), "port": .integer(43111),
                ])
        )
    }

    @Test("case 19: one of a program of others has neither, and where nobody listens there is null")
    func others() throws {
        let peer = N.peer(
            N.on(
                "find_listener",
                nth: 1,
                "{\(Self.found(#"{"process_id":"proc-1-x","host":"::","port":5}"#))}"
            ),
            N.on("find_listener", N.answer)
        )
        let vm = try peer.sidecar().createVM()
        let listener = try vm.findListener()
        #expect(Self.members(listener) == ["processId", "host", "port"])
        #expect(listener["processId"] == .string("proc-1-x") && listener["host"] == .string("::"))
        #expect(try vm.findListener() == .null)
        // No cache: each look asks.
        #expect(peer.requests("find_listener").count == 2)
    }

    @Test("case 20: a denied look is an error, and not null")
    func denied() throws {
        let text = "EACCES: permission denied, tcp://*:43111: blocked by network.inspect policy"
        let peer = N.peer(
            N.on("find_listener", N.reject("execution_error", text)),
            N.on("find_bound_udp", N.reject("execution_error", text))
        )
        let vm = try peer.sidecar().createVM()
        let query = JSONValue.members(["port": .integer(43111)])
        for error in [
            failure { _ = try vm.findListener(query) }, failure { _ = try vm.findUDP(query) },
            failure { _ = try vm.waitForListener(query) },
        ] {
            #expect(error?.status == AOS_E_REMOTE && error?.errno == "EACCES")
            #expect(error?.code == "execution_error" && error?.message == text)
        }
    }

    @Test("case 21: a UDP socket is looked for by host and port")
    func datagrams() throws {
        let peer = Self.peerOfSpawned(
            "find_bound_udp",
            #"{"process_id":"$processId","host":"127.0.0.1","port":5}"#,
            "bound_udp_snapshot"
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        #expect(peer.wait { $0.requests("execute").count == 1 })
        let socket = try vm.findUDP(.members(["host": .string("127.0.0.1"), "port": .integer(5)]))
        #expect(
            peer.requests("find_bound_udp") == [
                .members([
                    "type": .string("find_bound_udp"), "host": .string("127.0.0.1"), "port": .integer(5),
                ])
            ]
        )
        #expect(socket["id"] == .number(process.id) && socket["pid"] == .integer(1_000_000))
        #expect(socket["host"] == .string("127.0.0.1") && socket["port"] == .integer(5))
        let other = try N.peer().sidecar().createVM()
        #expect(try other.findUDP() == .null)
        #expect(failure { _ = try other.findUDP(.members(["path": .string("/x")])) }?.status == AOS_E_INVALID)
    }

    @Test("case 22: a Unix socket is looked for by its path")
    func unixSocket() throws {
        let peer = N.peer(
            N.on("find_listener", "{\(Self.found(#"{"process_id":"proc-1-x","path":"/tmp/s.sock"}"#))}")
        )
        let vm = try peer.sidecar().createVM()
        let listener = try vm.findListener(.members(["path": .string("/tmp/s.sock")]))
        #expect(
            peer.requests("find_listener") == [
                .members([
                    "type": .string("find_listener"), "host": .null, "port": .null,
                    "path": .string("/tmp/s.sock"),
                ])
            ]
        )
        #expect(Self.members(listener) == ["processId", "path"])
        #expect(listener["path"] == .string("/tmp/s.sock"))
    }

    @Test("asynchronously what was found is the data of the end, and `null` where nothing was")
    func asynchronous() throws {
        let peer = N.peer(
            N.on("find_listener", "{\(Self.found(#"{"process_id":"p","host":"h","port":7}"#))}")
        )
        let vm = try peer.sidecar().createVM()
        let handle = vm.sidecar.handle
        let listener = try vm.sidecar.submit {
            aos_net_find_listener_async(handle, vm.id, nil, 0, nil, $0, $1)
        }
        let socket = try vm.sidecar.submit { aos_net_find_udp_async(handle, vm.id, nil, 0, nil, $0, $1) }
        let ends = [try vm.sidecar.events(of: listener), try vm.sidecar.events(of: socket)]
        #expect(ends.map { $0.map(\.kind) } == [[AOS_EV_COMPLETE], [AOS_EV_COMPLETE]])
        #expect(ends.allSatisfy { $0.last?.status == AOS_OK })
        #expect(
            try JSONReader.parse(ends[0].last?.data ?? [])
                == .members(["processId": .string("p"), "host": .string("h"), "port": .integer(7)])
        )
        #expect(ends[1].last?.text == "null")
    }

    @Test("a query that is none is refused, and nothing is sent")
    func badQueries() throws {
        let peer = N.peer()
        let vm = try peer.sidecar().createVM()
        for text in [
            #"{"port":"80"}"#, #"{"port":-1}"#, #"{"port":1.5}"#, #"{"host":1}"#, #"{"path":""}"#,
            #"{"path":"a\u0000"}"#, #"{"pid":1}"#, "[]", "80",
        ] {
            let query = try JSONReader.parse(text)
            #expect(failure { _ = try vm.findListener(query) }?.status == AOS_E_INVALID, "\(text)")
            #expect(failure { _ = try vm.waitForListener(query) }?.status == AOS_E_INVALID, "\(text)")
        }
        #expect(peer.requests("find_listener") == [])
    }

    @Test("section 5: a wait looks until there is a listener, and not all the time")
    func waiting() throws {
        let rules = (1...3).map { N.on("find_listener", nth: $0, N.answer) }
        let found = N.on("find_listener", "{\(Self.found(#"{"process_id":"p","host":"h","port":7}"#))}")
        let peer = ScriptedPeer("[\((rules + [found]).joined(separator: ","))]")
        let vm = try peer.sidecar().createVM()
        let start = ContinuousClock.now
        #expect(try vm.waitForListener(.members(["port": .integer(7)]))["port"] == .integer(7))
        #expect(ContinuousClock.now - start >= .milliseconds(70))
        #expect(peer.requests("find_listener").count == 4)
    }

    @Test("section 5: out of time the wait fails; cancelled it ends, and looks no more")
    func waitEnds() throws {
        let peer = N.peer()
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.waitForListener(limit: 200 * millisecond) }
        #expect(error?.status == AOS_E_DEADLINE && error?.kind == "timeout")
        let op = try vm.submitWaitForListener(.members(["port": .integer(7)]))
        let before = peer.requests("find_listener").count
        #expect(peer.wait { $0.requests("find_listener").count > before + 1 })
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try vm.sidecar.events(of: op).map(\.status) == [AOS_E_CANCELED])
        #expect(vm.isAlive)
        let after = peer.requestTypes.count
        _ = failure { _ = try vm.waitForListener(limit: 200 * millisecond) }
        // The one wait that is left looks 9 times at most; two of them would look twice as often.
        #expect(peer.requestTypes.count <= after + 10)
    }

    @Test("section 5: the end of the process that was to listen ends the wait")
    func waitForProcess() throws {
        let exit = #"{"event":{"type":"process_exited","process_id":"$processId","exit_code":1}}"#
        let peer = N.peer(N.on("execute", N.answer), N.on("close_stdin", N.answer, exit), N.noSignals)
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let op = try vm.submitWaitForListener(.members(["port": .integer(7)]), process: process.id)
        #expect(peer.wait { $0.requests("find_listener").count >= 2 }, "it waits while the process runs")
        try process.closeInput()
        let events = try vm.sidecar.events(of: op)
        #expect(events.map(\.status) == [AOS_E_NOT_FOUND])
        #expect(events.last?.error?.kind == "process_not_found")
        let late = failure { _ = try vm.waitForListener(process: process.id) }
        #expect(late?.status == AOS_E_NOT_FOUND)
        #expect(failure { _ = try vm.waitForListener(process: 999_999) }?.status == AOS_E_STALE)
        #expect(failure { _ = try vm.waitForListener(process: vm.id) }?.status == AOS_E_STALE)
    }
}
