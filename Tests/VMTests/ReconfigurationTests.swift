// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Configuring a VM anew")
struct ReconfigurationTests {
    @Test("the complete list is sent, and absent permissions stay as they are")
    func permissions() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        try vm.configure(json(#"{"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#))
        let request = try #require(peer.requests("configure_vm").last)
        #expect(request["permissions"] == .null)
        try vm.configure(
            json(#"{"permissions":{"fs":"allow"},"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#)
        )
        #expect(peer.requests("configure_vm").last?["permissions"]?["fs"]?.stringValue == "allow")
    }

    @Test("H10: mounts are sent longest path first, whatever order they are given in")
    func order() throws {
        let peer = ScriptedPeer()
        let config = try json(
            """
            {"mounts":[{"path":"/p","plugin":{"id":"memory"}},{"path":"/p/c/d","plugin":{"id":"memory"},"readOnly":true},\
            {"path":"/q","plugin":{"id":"memory","config":{"a":1}}},{"path":"/p/c","plugin":{"id":"memory"}}]}
            """
        )
        let vm = try peer.sidecar().createVM(config)
        try vm.configure(config)
        for request in peer.requests("configure_vm") {
            guard case .array(let mounts) = request["mounts"] else { throw FileError("mounts", "no list") }
            #expect(mounts.map { $0["guest_path"]?.stringValue } == ["/p/c/d", "/p/c", "/p", "/q"])
            #expect(
                mounts.map { $0["read_only"] } == [.bool(true), .bool(false), .bool(false), .bool(false)]
            )
            #expect(mounts.last?["plugin"]?["config"]?["a"] == .integer(1))
        }
    }

    @Test("H11: a memory mount cannot be taken away")
    func memory() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM(
            json(#"{"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#)
        )
        for config in [#"{}"#, #"{"mounts":[{"path":"/mnt/n","plugin":{"id":"memory"}}]}"#] {
            let error = failure { try vm.configure(json(config)) }
            expect(error, AOS_E_INVALID, errno: "EBUSY", says: "a memory mount cannot be taken away: /mnt/m")
        }
        #expect(peer.requests("configure_vm").count == 1)
        #expect(vm.isAlive)
    }

    @Test(
        "what only a creation takes is refused, by its name",
        arguments: [
            "rootFilesystem", "metadata", "readyTimeoutMs", "stdinGuard", "nonsense",
        ]
    )
    func creationOnly(_ member: String) throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.configure(.object([JSONMember(member, .object([]))])) }
        expect(error, AOS_E_INVALID, says: "\(member): unknown member")
        #expect(peer.requests("configure_vm").count == 1)
    }

    @Test("H21: an ephemeral VM gets no policy that denies writing")
    func policies() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        for scope in [#""deny""#, #"{"default":"allow","rules":[{"mode":"deny","paths":["/d/**"]}]}"#] {
            let error = failure { try vm.configure(json("{\"permissions\":{\"fs\":\(scope)}}")) }
            expect(error, AOS_E_INVALID, says: "permissions.fs")
        }
        #expect(peer.requests("configure_vm").count == 1)
    }

    @Test("H21: a read-only VM gets any")
    func policiesOfReadOnly() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM(json(#"{"rootFilesystem":{"mode":"read-only"}}"#))
        try vm.configure(json(#"{"permissions":{"fs":"deny"}}"#))
        let partial = try json(
            #"{"permissions":{"fs":{"default":"allow","rules":[{"mode":"deny","paths":["/d/**"]}]}}}"#
        )
        try vm.configure(partial)
    }

    @Test("H10: a configuration that fails half way ends the VM, and the error says so")
    func failed() throws {
        let peer = ScriptedPeer(
            """
            [{"on":"configure_vm","nth":2,"do":[{"reject":["plugin_error",\
            "ENOSYS: filesystem plugin is not registered: nope"]}]}]
            """
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let error = failure {
            try vm.configure(json(#"{"mounts":[{"path":"/a/b","plugin":{"id":"nope"}}]}"#))
        }
        expect(error, AOS_E_REMOTE, errno: "ENOSYS", says: "filesystem plugin is not registered: nope")
        #expect(error?.code == "plugin_error")
        expect(error, AOS_E_REMOTE, says: "the VM was shut down")
        expect(failure { _ = try vm.read("/x") }, AOS_E_DISPOSED)
        #expect(peer.requests("dispose_vm").count == 1)
        #expect(sidecar.vmCount == 0)
    }

    @Test("instructions that a configuration names change what guests read, or are refused")
    func instructions() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.configure(json(#"{"additionalInstructions":"MARK"}"#)) }
        expect(error, AOS_E_INVALID, says: "additionalInstructions")
        #expect(peer.requests("configure_vm").count == 1)
    }
}
