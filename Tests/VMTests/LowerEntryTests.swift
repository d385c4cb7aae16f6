// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Entries of a lower that would end the sidecar are refused by their name (H3, filesystem.md 9.1)")
struct LowerEntryTests {
    private static let long = String(repeating: "n", count: 256)

    @Test(
        "an entry that cannot be used names its lower and its path",
        arguments: [
            (#"{"path":"","type":"directory"}"#, "rootFilesystem.lowers[0] entry "),
            (#"{"path":"/","type":"file","content":""}"#, "entry /: only a directory can be there"),
            (#"{"path":"/tmp","type":"file","content":""}"#, "entry /tmp: only a directory can be there"),
            (
                #"{"path":"/usr/bin","type":"symlink","target":"x"}"#,
                "entry /usr/bin: only a directory can be there"
            ),
            ("{\"path\":\"/a\\u0001b\",\"type\":\"file\"}", "control character byte 0x01"),
            ("{\"path\":\"/" + long + "\",\"type\":\"file\"}", "file name too long: /" + long),
            (#"{"path":"a/b","type":"file"}"#, "entry a/b: Path must be absolute: a/b"),
            (#"{"path":"/a/../b","type":"file"}"#, "entry /a/../b: Path must be normalized: /a/../b"),
            (#"{"path":"/a/","type":"directory"}"#, "entry /a/: path ends with a slash"),
            (#"{"path":"/a"}"#, "entry /a: type is missing"),
            (#"{"type":"file"}"#, "path is missing"),
            (#"{"path":"/a","type":"fifo"}"#, "entry /a.type: expected one of file, directory, symlink"),
            (
                #"{"path":"/a","type":"file","mode":"0888"}"#,
                "entry /a: mode must be octal digits, found \"0888\""
            ),
            (#"{"path":"/a","type":"file","mode":""}"#, "entry /a: mode must be octal digits"),
            (#"{"path":"/a","type":"file","mode":493}"#, "entry /a.mode: expected a string"),
            (
                #"{"path":"/a","type":"file","uid":-1}"#,
                "entry /a.uid: expected an integer from 0 to 4294967295"
            ),
            (#"{"path":"/a","type":"file","gid":4294967296}"#, "entry /a.gid: expected an integer from 0"),
            (#"{"path":"/a","type":"symlink"}"#, "entry /a: a symlink needs a target"),
            (#"{"path":"/a","type":"symlink","target":""}"#, "entry /a: target is empty"),
            ("{\"path\":\"/a\",\"type\":\"symlink\",\"target\":\"x\\u0000\"}", "entry /a: target"),
            (
                #"{"path":"/a","type":"file","content":"a","encoding":"base64"}"#,
                "entry /a: content is not valid base64"
            ),
            (
                #"{"path":"/a","type":"file","content":"a","encoding":"latin1"}"#,
                "entry /a.encoding: expected one of"
            ),
            (#"{"path":"/a","type":"file","executable":true}"#, "entry /a.executable: unknown member"),
            (#"7"#, "expected an object"),
        ]
    )
    func refused(_ entry: String, _ text: String) throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let error = failure { _ = try sidecar.createVM(Lower.root(Lower.export(entry))) }
        expect(error, AOS_E_INVALID, says: text)
        expect(error, AOS_E_INVALID, says: "rootFilesystem.lowers[0]")
        #expect(peer.starts.isEmpty)
    }

    @Test("an entry with a NUL in its path is refused, and the reason is not cut off by that NUL")
    func nul() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let entry = "{\"path\":\"/a\\u0000b\",\"type\":\"file\"}"
        let error = failure { _ = try sidecar.createVM(Lower.root(Lower.export(entry))) }
        expect(error, AOS_E_INVALID, says: "rootFilesystem.lowers[0] entry /a")
        #expect(peer.starts.isEmpty)
        expect(error, AOS_E_INVALID, says: "path contains NUL byte")
    }

    @Test(
        "a lower of another form is refused",
        arguments: [
            (#"{"kind":"snapshot-export"}"#, "Invalid snapshot export"),
            (
                #"{"kind":"snapshot-export","source":{"format":"agent_os_filesystem_snapshot_v1","filesystem":{"entries":[]}}}"#,
                "Invalid snapshot export"
            ),
            (
                #"{"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1","filesystem":{}}}"#,
                "Invalid snapshot export"
            ),
            (#"{"kind":"tar"}"#, "rootFilesystem.lowers[0].kind"),
            (#"{}"#, "rootFilesystem.lowers[0].kind: missing"),
            (#""base""#, "rootFilesystem.lowers[0]: expected an object"),
        ]
    )
    func otherForms(_ lower: String, _ text: String) throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        expect(failure { _ = try sidecar.createVM(Lower.root(lower)) }, AOS_E_INVALID, says: text)
        #expect(peer.starts.isEmpty)
    }

    @Test("what is left of them the real sidecar takes", .enabled(if: RealSidecar.isThere))
    func taken() throws {
        let name = String(repeating: "n", count: 255)
        let entries = """
            {"path":"/\(name)","type":"file","content":"long"},{"path":"/tmp","type":"directory","mode":"1777"},\
            {"path":"/l","type":"symlink","target":"/\(name)"},{"path":"/e","type":"file"},\
            {"path":"/b","type":"file","content":"AJ//","encoding":"base64","mode":"0755"}
            """
        let vm = try realVM(Lower.root(Lower.export(entries)))
        defer { finish(vm) }
        #expect(try vm.readText("/\(name)") == "long")
        #expect(try vm.readText("/l") == "long")
        #expect(try vm.read("/e") == [])
        #expect(try vm.read("/b") == [0, 0x9F, 0xFF])
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test(
        "a link of the base layer may stand in an export, since an export of a VM has it",
        .enabled(if: RealSidecar.isThere)
    )
    func linksOfTheBase() throws {
        // Alpine has /var/lock and /var/run as links; a snapshot of a VM's root brings them.
        let links = """
            {"path":"/var/lock","type":"symlink","target":"../run/lock"},\
            {"path":"/var/run","type":"symlink","target":"../run"}
            """
        let vm = try realVM(Lower.root(Lower.export(links)))
        defer { finish(vm) }
        let exists = try vm.exists("/var/lock")
        #expect(exists)
    }
}
