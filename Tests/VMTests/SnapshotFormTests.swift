// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Exports of files and what is sent of them (filesystem.md 13, 40-44)")
struct SnapshotFormTests {
    /// A peer whose root has these entries.
    private static func peer(root entries: String) -> ScriptedPeer {
        ScriptedPeer(
            """
            [{"on":"snapshot_root_filesystem","do":[{"answer":{"type":"root_filesystem_snapshot",\
            "entries":[\(entries)]}}]}]
            """
        )
    }

    /// A peer that takes an import, and knows nothing of it afterwards.
    private static let forgetful = """
        [{"on":"import_snapshot","do":[{"answer":{"type":"snapshot_imported","layer_id":"layer-9"}}]},
         {"on":"export_snapshot","do":[{"reject":["invalid_state","unknown layer: layer-9"]}]}]
        """

    private static func entries(_ export: JSONValue) -> [JSONValue] {
        guard case .array(let entries)? = export["source"]?["filesystem"]?["entries"] else { return [] }
        return entries
    }

    @Test(
        "40: modes are octal without the bits of the kind, and have a default for each kind",
        arguments: [
            ("file", "\"mode\":33188,", "0644"), ("directory", "\"mode\":16877,", "0755"),
            ("directory", "\"mode\":17407,", "01777"), ("directory", "", "0755"), ("file", "", "0644"),
            ("file", "\"mode\":32768,", "00"), ("file", "\"mode\":35309,", "04755"),
        ]
    )
    func modes(_ kind: String, _ mode: String, _ text: String) throws {
        let peer = Self.peer(root: "{\"path\":\"/x\",\"kind\":\"\(kind)\",\(mode)\"executable\":false}")
        let snapshot = try peer.sidecar().createVM().rootSnapshot()
        #expect(Self.entries(snapshot).map { $0["mode"]?.stringValue } == [text])
    }

    @Test("41: an entry has just what its kind has; a file without content is empty")
    func members() throws {
        let peer = Self.peer(
            root: """
                {"path":"/","kind":"directory","mode":16877,"content":"x","target":"y","executable":false},
                {"path":"/f","kind":"file","target":"y","executable":true},
                {"path":"/b","kind":"file","content":"AP8=","encoding":"base64","uid":7,"gid":8,"executable":false},
                {"path":"/l","kind":"symlink","target":"a b","content":"x","executable":false}
                """
        )
        let snapshot = try peer.sidecar().createVM().rootSnapshot()
        #expect(
            JSONWriter.text(snapshot) == """
                {"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1","filesystem":{"entries":[\
                {"path":"/","type":"directory","mode":"0755","uid":0,"gid":0},\
                {"path":"/f","type":"file","mode":"0644","uid":0,"gid":0,"content":"","encoding":"utf8"},\
                {"path":"/b","type":"file","mode":"0644","uid":7,"gid":8,"content":"AP8=","encoding":"base64"},\
                {"path":"/l","type":"symlink","mode":"0777","uid":0,"gid":0,"target":"a b"}]}}}
                """
        )
    }

    @Test("41: a link without a target is an error that names it, and the sidecar is as it was")
    func linkWithoutTarget() throws {
        let vm = try Self.peer(root: #"{"path":"/l","kind":"symlink","executable":false}"#).sidecar()
            .createVM()
        let error = failure { _ = try vm.rootSnapshot() }
        expect(error, AOS_E_SIDECAR)
        #expect(error?.message == "sidecar root snapshot for /l is missing a symlink target")
        #expect(vm.isAlive)
    }

    @Test("42: on the wire a file is executable exactly where its mode says so, and nothing else is")
    func executable() throws {
        let peer = ScriptedPeer(Self.forgetful)
        let modes = ["0755", "0644", "0100", "0010", "0001", "100644", "755", "00", "04644"]
        let files = modes.enumerated().map { "{\"path\":\"/f\($0)\",\"type\":\"file\",\"mode\":\"\($1)\"}" }
        let others = [
            #"{"path":"/d","type":"directory","mode":"0755"}"#,
            #"{"path":"/l","type":"symlink","mode":"0777","target":"f0"}"#,
            #"{"path":"/b","type":"file","mode":"0700","uid":7,"gid":8,"content":"AP8=","encoding":"base64"}"#,
        ]
        _ = try peer.sidecar().createVM().importLayer(Lower.export((files + others).joined(separator: ",")))
        let sent = try #require(peer.requests("import_snapshot").first)
        guard case .array(let entries)? = sent["entries"] else {
            throw HostError(aos_status(AOS_E_INVALID), nil)
        }
        #expect(
            entries.map { $0["executable"] == .bool(true) } == [
                true, false, true, true, true, false, true, false, false, false, false, true,
            ]
        )
        #expect(
            entries.prefix(6).map { $0["mode"]?.integerValue } == [0o755, 0o644, 0o100, 0o10, 1, 0o100_644]
        )
        #expect(entries[10]["target"]?.stringValue == "f0" && entries[10]["kind"]?.stringValue == "symlink")
        #expect(
            entries[11]["content"]?.stringValue == "AP8=" && entries[11]["encoding"]?.stringValue == "base64"
        )
        #expect(entries[11]["uid"] == .integer(7) && entries[11]["gid"] == .integer(8))
    }

    @Test("44: an imported layer is not sealed: refused here, for the sidecar would destroy it")
    func sealing() throws {
        let peer = ScriptedPeer(Self.forgetful)
        let vm = try peer.sidecar().createVM()
        let layer = try vm.importLayer(Lower.export(""))
        for _ in 0..<2 {
            let error = failure { _ = try vm.sealLayer(layer) }
            expect(error, AOS_E_INVALID)
            #expect(error?.message == "layer layer-9 is not writable")
        }
        #expect(vm.isAlive && peer.requests("seal_layer").isEmpty)
    }

    @Test("44: a layer that the sidecar does not know is its own error")
    func unknown() throws {
        let peer = ScriptedPeer(Self.forgetful)
        let vm = try peer.sidecar().createVM()
        let layer = try vm.importLayer(Lower.export(""))
        let error = failure { _ = try vm.exportLayer(layer) }
        expect(error, AOS_E_REMOTE)
        #expect(error?.message == "unknown layer: layer-9" && error?.code == "invalid_state")
        #expect(peer.requests("export_snapshot").map { $0["layer_id"]?.stringValue } == ["layer-9"])
    }
}
