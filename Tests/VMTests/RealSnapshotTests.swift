// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Snapshots, bootstrap and layers on the real sidecar (filesystem.md 9)",
    .enabled(if: RealSidecar.isThere)
)
struct RealSnapshotTests {
    private func export(_ entries: String) -> String { Lower.export(entries) }

    private func entries(_ export: JSONValue) -> [JSONValue] {
        guard case .array(let entries) = export["source"]?["filesystem"]?["entries"] else { return [] }
        return entries
    }

    private func entry(_ export: JSONValue, _ path: String) -> JSONValue? {
        entries(export).first { $0["path"]?.stringValue == path }
    }

    @Test("42: what is exported makes a VM that has the same")
    func roundTrip() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/text", "h\u{E9}llo\n")
        try vm.write("/tmp/bytes", [0, 159, 255])
        try vm.chmod("/tmp/text", 0o754)
        try vm.symlink("text", at: "/tmp/link")
        let snapshot = try vm.rootSnapshot()
        #expect(snapshot["kind"]?.stringValue == "snapshot-export")
        #expect(snapshot["source"]?["format"]?.stringValue == "agent-os-filesystem-snapshot-v1")
        // 40, 41: modes without type bits, content in the form that fits.
        #expect(entry(snapshot, "/tmp/text")?["mode"]?.stringValue == "0754")
        #expect(entry(snapshot, "/tmp")?["mode"]?.stringValue == "01777")
        #expect(entry(snapshot, "/etc")?["mode"]?.stringValue == "0755")
        #expect(entry(snapshot, "/etc/hostname")?["mode"]?.stringValue == "0644")
        #expect(entry(snapshot, "/tmp/bytes")?["encoding"]?.stringValue == "base64")
        #expect(entry(snapshot, "/tmp/link")?["target"]?.stringValue == "text")
        let text = JSONWriter.text(snapshot)
        let second = try vm.sidecar.createVM(
            json("{\"rootFilesystem\":{\"disableDefaultBaseLayer\":true,\"lowers\":[\(text)]}}")
        )
        #expect(try second.readText("/tmp/text") == "h\u{E9}llo\n")
        #expect(try second.read("/tmp/bytes") == [0, 159, 255])
        #expect(try second.stat("/tmp/text")["mode"] == .integer(0o100_754))
        #expect(try second.realPath("/tmp/link") == "/tmp/text")
        #expect(try second.readText("/etc/hostname") == "agent-os\n")
        let copies = entries(try second.rootSnapshot())
        for original in entries(snapshot) {
            let path = original["path"]?.stringValue ?? "?"
            let copy = try #require(copies.first { $0["path"]?.stringValue == path }, "\(path)")
            // Not the owner: of a link the sidecar takes none over.
            for member in ["type", "mode", "content", "encoding", "target"] {
                #expect(copy[member] == original[member], "\(path): \(member)")
            }
        }
    }

    @Test("a layer is imported, composed, exported; 43: another format is refused")
    func layers() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let lower = try vm.importLayer(
            export(
                #"{"path":"/a","type":"file","content":"lower"},{"path":"/b","type":"file","content":"b"}"#
            )
        )
        let upper = try vm.importLayer(
            export(#"{"path":"/a","type":"file","content":"upper","mode":"0600"}"#)
        )
        let both = try vm.overlay(upper: 0, lowers: [upper, lower])
        let exported = try vm.exportLayer(both)
        #expect(entry(exported, "/a")?["content"]?.stringValue == "upper")
        #expect(entry(exported, "/a")?["mode"]?.stringValue == "0600")
        #expect(entry(exported, "/b")?["content"]?.stringValue == "b")
        for text in [
            #"{"kind":"snapshot-export","source":{"format":"agent_os_filesystem_snapshot_v1","filesystem":{"entries":[]}}}"#,
            "{}", #"{"kind":"other"}"#, "[1",
        ] {
            expect(failure { _ = try vm.importLayer(text) }, AOS_E_INVALID, says: "export")
        }
    }

    @Test("44, 30: only a writable layer is sealed, and only once: its id is gone then")
    func sealing() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let writable = try vm.createLayer()
        let sealed = try vm.sealLayer(writable)
        #expect(sealed != writable)
        _ = try vm.exportLayer(sealed)
        expect(failure { _ = try vm.sealLayer(sealed) }, AOS_E_INVALID, says: "is not writable")
        // It is still there.
        _ = try vm.exportLayer(sealed)
        expect(failure { _ = try vm.sealLayer(writable) }, AOS_E_STALE)
        let imported = try vm.importLayer(export(#"{"path":"/a","type":"file","content":"a"}"#))
        expect(failure { _ = try vm.sealLayer(imported) }, AOS_E_INVALID, says: "is not writable")
        #expect(entry(try vm.exportLayer(imported), "/a")?["content"]?.stringValue == "a")
        let upper = try vm.createLayer()
        let composed = try vm.overlay(upper: upper, lowers: [sealed])
        expect(failure { _ = try vm.sealLayer(upper) }, AOS_E_INVALID, says: "upper of an overlay")
        _ = try vm.exportLayer(composed)
        let other = try vm.sidecar.createVM()
        expect(
            failure { _ = try other.overlay(upper: 0, lowers: [sealed]) },
            AOS_E_INVALID,
            says: "another VM"
        )
        try other.shutdown()
    }

    @Test(
        "H1: an export above the frame limit is a loss that names it, and the handle goes on",
        arguments: [false, true]
    )
    func tooLarge(_ ofLayer: Bool) throws {
        let vm = try realVM()
        let layers = try ["a", "b"].map { name in
            let content = String(repeating: name, count: 600_000)
            let entry = "{\"path\":\"/\(name)\",\"type\":\"file\",\"content\":\"\(content)\"}"
            return try vm.importLayer(export(entry))
        }
        let both = try vm.overlay(upper: 0, lowers: layers)
        try vm.write("/tmp/f", "x")
        try vm.truncate("/tmp/f", 2_000_000)
        let pid = try #require(vm.sidecar.processID)
        let error = failure { _ = ofLayer ? try vm.exportLayer(both) : try vm.rootSnapshot() }
        expect(error, AOS_E_SIDECAR, says: "sidecar process exited with code 1")
        expect(error, AOS_E_SIDECAR, says: "limit is 1048576")
        #expect(error?.kind == "sidecar" && error?.detail["exitCode"] == .integer(1))
        #expect(error?.detail["stderr"]?.stringValue?.contains("protocol frame is") == true)
        #expect(eventually { !isRunning(pid) })
        expect(failure { _ = try vm.stat("/tmp") }, AOS_E_SIDECAR)
        let next = try vm.sidecar.createVM()
        #expect(next.isAlive)
        #expect(try next.rootSnapshot()["kind"]?.stringValue == "snapshot-export")
    }

    @Test("entries are put into a root that is there, past its scans, and nothing that exists is touched")
    func bootstrap() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let names = try vm.list("/etc")
        let count = try vm.bootstrap(
            export(
                #"{"path":"/opt/x","type":"directory"},{"path":"/opt/x/f","type":"file","content":"boot"}"#
            )
        )
        #expect(count == 2)
        #expect(try vm.readText("/opt/x/f") == "boot")
        for path in ["/etc", "/opt/x/f", "/tmp"] {
            let kind = path == "/opt/x/f" ? "file" : "directory"
            let document = export("{\"path\":\"\(path)\",\"type\":\"\(kind)\"}")
            expect(failure { _ = try vm.bootstrap(document) }, AOS_E_INVALID, errno: "EEXIST")
        }
        expect(
            failure { _ = try vm.bootstrap(export(#"{"path":"/etc/agentos/x","type":"file"}"#)) },
            AOS_E_INVALID,
            errno: "EROFS"
        )
        for first in [
            #"{"path":"/opt/w","type":"file"}"#, #"{"path":"/opt/w","type":"symlink","target":"x"}"#,
        ] {
            let document = export("\(first),{\"path\":\"/opt/w/below\",\"type\":\"file\"}")
            let error = failure { _ = try vm.bootstrap(document) }
            expect(error, AOS_E_INVALID, says: "/opt/w/below lies below /opt/w, which is no directory")
            #expect(try vm.exists("/opt/w") == false)
        }
        #expect(try vm.list("/etc") == names)
        #expect(
            try vm.script("console.log(require('fs').readFileSync('/opt/x/f', 'utf8'))").outputText
                == "boot\n"
        )
        let locked = try vm.sidecar.createVM(json(#"{"rootFilesystem":{"mode":"read-only"}}"#))
        let late = failure { _ = try locked.bootstrap(export(#"{"path":"/opt/y","type":"file"}"#)) }
        expect(late, AOS_E_INVALID, errno: "EROFS")
        try locked.shutdown()
    }
}
