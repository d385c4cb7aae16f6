// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Sidecar handles: identity and description (sidecar-lifecycle.md 2 to 6)")
struct IdentityTests {
    private func id(of sidecar: HostSidecar) throws -> String {
        try #require(try JSONReader.parse(sidecar.describe())["sidecarId"]?.stringValue)
    }

    @Test("an id of our own making is a UUID of version 4, and the description is exact (case 1)")
    func generated() throws {
        var seen: Set<String> = []
        for _ in 0..<100 {
            let sidecar = try HostSidecar(options: .object([]))
            let id = try id(of: sidecar)
            let form = try Regex(
                "agent-os-sidecar-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
            )
            #expect(id.wholeMatch(of: form) != nil, "\(id)")
            #expect(seen.insert(id).inserted)
            let text = #"{"sidecarId":"\#(id)","placement":{"kind":"explicit","sidecarId":"\#(id)"},"#
            #expect(try sidecar.describe() == text + #""state":"ready","activeVmCount":0}"#)
        }
    }

    @Test(
        "a given id is kept, also the empty one (case 2)",
        arguments: ["agent-os-explicit-test-sidecar", ""]
    )
    func given(id: String) throws {
        let sidecar = try HostSidecar(options: .members(["sidecarId": .string(id)]))
        let text = #"{"sidecarId":"\#(id)","placement":{"kind":"explicit","sidecarId":"\#(id)"},"#
        #expect(try sidecar.describe() == text + #""state":"ready","activeVmCount":0}"#)
    }

    @Test("two handles of one id are two handles (2.1)")
    func sameID() throws {
        let peer = ScriptedPeer()
        let first = try peer.sidecar(["sidecarId": .string("x")])
        let second = try peer.sidecar(["sidecarId": .string("x")])
        try first.connect()
        try second.connect()
        #expect(peer.processIDs.count == 2)
        try first.dispose()
        #expect(second.state == "ready")
    }

    @Test("text is escaped as little as possible (case 3)")
    func escapes() throws {
        let sidecar = try HostSidecar(options: .members(["sidecarId": .string("a/\"b\"\\c\né\u{1}")]))
        let escaped = #"a/\"b\"\\c\né\u0001"#
        #expect(try sidecar.describe().hasPrefix(#"{"sidecarId":"\#(escaped)","placement":"#))
    }

    @Test("the default pool and its name are one, the empty name is one of its own (cases 4 to 6)")
    func pools() throws {
        let peer = ScriptedPeer()
        let options = peer.options()
        let byDefault = try HostSidecar.shared(nil, options: options)
        let placement = #""placement":{"kind":"shared","pool":"default"},"#
        #expect(
            try byDefault.describe()
                == #"{"sidecarId":"agent-os-shared-sidecar:default",\#(placement)"state":"ready","activeVmCount":0}"#
        )
        #expect(try HostSidecar.shared("default", options: options).handle == byDefault.handle)
        let empty = try HostSidecar.shared("", options: options)
        #expect(
            try empty.describe()
                == #"{"sidecarId":"agent-os-shared-sidecar:","placement":{"kind":"shared"},"state":"ready","activeVmCount":0}"#
        )
        #expect(empty.handle != byDefault.handle)
        #expect(try HostSidecar.shared("", options: options).handle == empty.handle)
        let other = try HostSidecar.shared("lifecycle-integration", options: options)
        #expect(other.handle != byDefault.handle)
        #expect(peer.starts.isEmpty)
    }

    @Test("a description is a snapshot (case 7)")
    func snapshot() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        var before: OpaquePointer?
        try check { aos_sidecar_describe_json(sidecar.handle, &before, $0) }
        let vm = try sidecar.createVM()
        #expect(sidecar.vmCount == 1)
        #expect(takeText(before).hasSuffix(#""state":"ready","activeVmCount":0}"#))
        try vm.shutdown()
    }

    @Test("pool names are told apart byte by byte (case 8)")
    func normalisation() throws {
        let peer = ScriptedPeer()
        let composed = try HostSidecar.shared("\u{E9}", options: peer.options())
        let decomposed = try HostSidecar.shared("e\u{301}", options: peer.options())
        #expect(composed.handle != decomposed.handle)
        let texts = [try composed.describe(), try decomposed.describe()]
        #expect(Array(texts[0].utf8) != Array(texts[1].utf8))
        #expect(peer.starts.isEmpty)
    }

    @Test("making and describing handles starts nothing (case 9)")
    func startsNothing() throws {
        let peer = ScriptedPeer()
        do {
            let sidecar = try peer.sidecar(["sidecarId": .string("quiet")])
            _ = try sidecar.describe()
            _ = try sidecar.diagnostics()
            try sidecar.dispose()
        }
        #expect(peer.log.isEmpty)
    }
}
