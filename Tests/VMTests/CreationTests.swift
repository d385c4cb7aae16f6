// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Creating a VM (vm.md 17, 1-6, 10)")
struct CreationTests {
    @Test("1: defaults are sent in order, each after the answer to the one before")
    func order() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        #expect(
            peer.requestTypes == [
                "authenticate", "open_session", "create_vm", "bootstrap_root_filesystem", "configure_vm",
            ]
        )
        #expect(peer.frames.compactMap { $0["request_id"]?.integerValue } == [1, 2, 3, 4, 5])
        let scopes = peer.frames.compactMap { $0["ownership"] }
        #expect(scopes[0]["connection_id"]?.stringValue == "client-hint")
        #expect(
            scopes.map { $0["scope"]?.stringValue ?? "" } == [
                "connection", "connection", "session", "vm", "vm",
            ]
        )
        #expect(scopes[1]["connection_id"]?.stringValue == "conn-1")
        #expect(peer.requests("open_session").first?["metadata"] == .object([]))
        try vm.shutdown()
        #expect(peer.wait { !$0.events("exit").isEmpty })
        #expect(sidecar.vmCount == 0)
    }

    @Test("1: each request waits for the answer to the one before, and configure_vm for `ready` too")
    func oneAfterTheOther() throws {
        let late = 200
        let peer = ScriptedPeer(
            """
            [{"on":"create_vm","do":[{"delay":\(late)},{"answer":{"type":"vm_created","vm_id":"$vmId"}},\
            {"delay":\(late)},{"event":{"type":"vm_lifecycle","state":"ready"}}]},\
            {"on":"*","do":[{"delay":\(late)},{"default":true}]}]
            """
        )
        let sidecar = try peer.sidecar()
        _ = try sidecar.createVM()
        let steps = [
            "authenticate", "open_session", "create_vm", "bootstrap_root_filesystem", "configure_vm",
        ]
        #expect(peer.requestTypes == steps)
        let times = steps.compactMap { peer.times(of: $0).first }
        let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
        // The log cuts fractions of a millisecond off.
        let least = [late, late, 2 * late, late].map { Int64($0 - 1) }
        #expect(gaps.count == least.count && zip(gaps, least).allSatisfy { $0 >= $1 }, "\(gaps)")
    }

    /// In a process of its own: the pool is one of the whole process.
    @Test("1: the pool without a name is `default` on the wire")
    func defaultPool() throws {
        try FreshProcess.run("CreationTests/defaultPool") {
            let peer = ScriptedPeer()
            _ = try HostSidecar.shared(nil, options: peer.options()).createVM()
            let placement = peer.requests("open_session").first?["placement"]
            #expect(try placement == json(#"{"kind":"shared","pool":"default"}"#))
        }
    }

    @Test("1: a shared handle names its pool in the placement")
    func sharedPlacement() throws {
        let peer = ScriptedPeer()
        let sidecar = try HostSidecar.shared("vm-tests-placement", options: peer.options())
        _ = try sidecar.createVM()
        let placement = peer.requests("open_session").first?["placement"]
        #expect(placement?["kind"]?.stringValue == "shared")
        #expect(placement?["pool"]?.stringValue == "vm-tests-placement")
    }

    @Test("2: what create_vm and configure_vm carry by default")
    func defaults() throws {
        let peer = ScriptedPeer()
        _ = try peer.sidecar().createVM()
        let create = try #require(peer.requests("create_vm").first)
        #expect(create["runtime"]?.stringValue == "java_script")
        let expected = try json(
            """
            {"env.CHARSET":"UTF-8","env.HOME":"/home/user","env.HOSTNAME":"agent-os","env.LANG":"C.UTF-8",\
            "env.LC_COLLATE":"C","env.LOGNAME":"user","env.PAGER":"less",\
            "env.PATH":"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",\
            "env.PS1":"\\\\h:\\\\w\\\\$ ","env.SHELL":"/bin/sh","env.USER":"user",\
            "resource.max_filesystem_bytes":"1073741824"}
            """
        )
        #expect(create["metadata"] == expected)
        let root = try #require(create["root_filesystem"])
        #expect(root["mode"]?.stringValue == "ephemeral")
        #expect(root["disable_default_base_layer"] == .bool(false))
        #expect(root["bootstrap_entries"] == .array([]))
        guard case .array(let lowers) = root["lowers"] else { throw FileError("lowers", "no list") }
        #expect(lowers.isEmpty)
        let bootstrap = try #require(peer.requests("bootstrap_root_filesystem").first)
        #expect(paths(bootstrap) == ["/etc/agentos", "/etc/agentos/instructions.md"])
        let allowed = try json(
            """
            {"fs":"allow","network":"allow","child_process":"allow","process":"allow","env":"allow","tool":"allow"}
            """
        )
        #expect(create["permissions"] == allowed)
        let configure = try #require(peer.requests("configure_vm").first)
        #expect(configure["permissions"] == allowed)
        for (member, empty) in [
            ("projected_modules", JSONValue.array([])), ("command_permissions", .object([])),
            ("mounts", .array([])), ("software", .array([])), ("instructions", .array([])),
            ("allowed_node_builtins", .array([])), ("loopback_exempt_ports", .array([])),
        ] {
            #expect(configure[member] == empty, "\(member)")
        }
        #expect(configure["module_access_cwd"] == .null)
    }

    @Test("3: a session is reused once its VM is gone, and not before")
    func sessions() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let first = try sidecar.createVM()
        let second = try sidecar.createVM()
        #expect(peer.requests("open_session").count == 2)
        try first.shutdown()
        let third = try sidecar.createVM()
        #expect(peer.requests("open_session").count == 2)
        let creations = peer.frames.filter { $0["payload"]?["type"]?.stringValue == "create_vm" }
        let sessions = creations.compactMap { $0["ownership"]?["session_id"]?.stringValue }
        #expect(sessions == ["session-1", "session-2", "session-1"])
        try second.shutdown()
        try third.shutdown()
    }

    @Test("4: a refused create_vm is the sidecar's own error, and there is nothing to undo")
    func createRefused() throws {
        let peer = ScriptedPeer(#"[{"on":"create_vm","do":[{"reject":["invalid_state","bad"]}]}]"#)
        let error = try #require(try failedCreation(on: peer))
        #expect(error.status == AOS_E_REMOTE)
        #expect(error.kind == "kernel")
        #expect(error.code == "invalid_state")
        #expect(error.message == "bad")
        #expect(error.errno == nil)
        #expect(error.detail["description"]?.stringValue == "kernel error [invalid_state]: bad")
        #expect(peer.requests("dispose_vm").isEmpty)
    }

    @Test(
        "5: after a refused configure_vm the VM is disposed, and the caller gets the first error",
        arguments: [
            "", #",{"on":"dispose_vm","do":[{"reject":["invalid_state","will not"]}]}"#,
        ]
    )
    func configureRefused(_ more: String) throws {
        let peer = ScriptedPeer(
            #"[{"on":"configure_vm","do":[{"reject":["plugin_error","ENOSYS: no"]}]}\#(more)]"#
        )
        let error = try failedCreation(on: peer)
        expect(error, AOS_E_REMOTE, errno: "ENOSYS", says: "ENOSYS: no")
        #expect(error?.code == "plugin_error")
        let disposals = peer.requests("dispose_vm")
        #expect(disposals.map { $0["reason"]?.stringValue } == ["requested"])
    }

    /// `vm_created`, which the case has, is a session's, and the request a connection's: the rules of frames and
    /// of ownership (wire-protocol.md 10, transport.md) refuse it before anybody asks for its kind.
    @Test(
        "6: an answer of another kind is named",
        arguments: [
            (
                #"{"type":"authenticated","sidecar_id":"x","connection_id":"conn-1","max_frame_bytes":1048576}"#,
                "", "unexpected open_session response"
            ),
            (
                #"{"type":"vm_created","vm_id":"vm-1"}"#,
                #","ownership":{"scope":"session","connection_id":"conn-1","session_id":"session-1"}"#,
                "unexpected open_session response"
            ),
            (
                #"{"type":"vm_created","vm_id":"vm-1"}"#, "",
                "sidecar transport disconnected: sidecar protocol error: "
                    + "protocol frame requires session ownership but carried connection"
            ),
        ]
    )
    func wrongAnswer(_ answer: String, _ ownership: String, _ message: String) throws {
        let peer = ScriptedPeer("[{\"on\":\"open_session\",\"do\":[{\"answer\":\(answer)\(ownership)}]}]")
        let error = try failedCreation(on: peer)
        expect(error, AOS_E_SIDECAR)
        #expect(error?.kind == "sidecar")
        #expect(error?.message == message)
        #expect(error?.detail["description"]?.stringValue == "sidecar error: \(message)")
    }

    @Test("10: a cancelled creation is undone first")
    func cancelled() throws {
        let peer = ScriptedPeer(#"[{"on":"configure_vm","do":[{"delay":400},{"default":true}]}]"#)
        let sidecar = try peer.sidecar()
        let op = try sidecar.submit { op, err in aos_vm_create_async(sidecar.handle, nil, 0, nil, op, err) }
        #expect(peer.wait { !$0.requests("configure_vm").isEmpty })
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        let events = try sidecar.events(of: op)
        #expect(events.map(\.status) == [aos_status(AOS_E_CANCELED)])
        #expect(events.first?.error?.kind == "cancelled")
        #expect(peer.requests("dispose_vm").count == 1)
        #expect(sidecar.vmCount == 0)
    }

    @Test("10: the disposal of a cancelled creation follows the answer to configure_vm")
    func cancelledInOrder() throws {
        let peer = ScriptedPeer(#"[{"on":"configure_vm","do":[{"delay":400},{"default":true}]}]"#)
        let sidecar = try peer.sidecar()
        let op = try sidecar.submit { op, err in aos_vm_create_async(sidecar.handle, nil, 0, nil, op, err) }
        #expect(peer.wait { !$0.requests("configure_vm").isEmpty })
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        #expect(try sidecar.events(of: op).map(\.status) == [aos_status(AOS_E_CANCELED)])
        let configured = try #require(peer.times(of: "configure_vm").first)
        let disposed = try #require(peer.times(of: "dispose_vm").first)
        #expect(disposed - configured >= 399, "\(disposed - configured) ms")
    }

    @Test("10: a creation that runs out of its time is undone", arguments: ["create_vm", "configure_vm"])
    func outOfTime(_ request: String) throws {
        let peer = ScriptedPeer("[{\"on\":\"\(request)\",\"do\":[{\"delay\":600},{\"default\":true}]}]")
        let sidecar = try peer.sidecar()
        expect(failure { _ = try sidecar.createVM(limit: 150 * millisecond) }, AOS_E_DEADLINE)
        #expect(peer.wait { $0.requests("dispose_vm").count == 1 })
        #expect(eventually { sidecar.vmCount == 0 })
        #expect(eventually { peer.runningProcessIDs.isEmpty })
    }
}

/// Paths of the entries of a lower on the wire.
func paths(_ lower: JSONValue) -> [String] {
    guard case .array(let entries) = lower["entries"] else { return [] }
    return entries.compactMap { $0["path"]?.stringValue }
}

/// Creates a VM, which fails; checked is that nothing stays behind.
func failedCreation(on peer: ScriptedPeer, _ config: JSONValue? = nil) throws -> HostError? {
    let sidecar = try peer.sidecar()
    let error = failure { _ = try sidecar.createVM(config) }
    #expect(sidecar.vmCount == 0)
    #expect(eventually { peer.runningProcessIDs.isEmpty })
    return error
}
