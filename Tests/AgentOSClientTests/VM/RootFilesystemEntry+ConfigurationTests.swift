// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("RootFilesystemEntry from a snapshot (filesystem.md 9.1, hazard H3)")
struct RootFilesystemEntryConfigurationTests {
    private func entry(_ document: String) throws(ClientError) -> RootFilesystemEntry {
        try RootFilesystemEntry(configuration: (try? JSONReader.parse(document)) ?? .null, lower: "l[0]")
    }

    @Test("a file, a directory and a link have what they are given")
    func good() throws {
        let file = try entry(
            #"{"path":"/a","type":"file","mode":"0755","uid":4294967295,"gid":0,"content":"AAE=","encoding":"base64"}"#
        )
        #expect(
            file.path == "/a" && file.kind == .file && file.mode == 0o755 && file.uid == .max && file.gid == 0
        )
        #expect(file.content == "AAE=" && file.encoding == .base64 && file.executable && file.target == nil)
        let folder = try entry(#"{"path":"/tmp","type":"directory","mode":"777"}"#)
        #expect(folder.kind == .directory && folder.mode == 0o777 && !folder.executable && folder.uid == nil)
        #expect(try entry(#"{"path":"/l","type":"symlink","target":"../x"}"#).target == "../x")
        #expect(try entry(#"{"path":"/","type":"directory"}"#).mode == nil)
    }

    static let refused: [(document: String, text: String)] = [
        ("{}", "l[0] entry ?: path is missing"), (#"{"path":"/a"}"#, "l[0] entry /a: type is missing"),
        (
            #"{"path":"/a","type":"pipe"}"#,
            "l[0] entry /a.type: expected one of file, directory, symlink, found \"pipe\""
        ),
        (#"{"path":"/a/","type":"directory"}"#, "l[0] entry /a/: path ends with a slash"),
        (#"{"path":"/a/../b","type":"file"}"#, "l[0] entry /a/../b: Path must be normalized: /a/../b"),
        (#"{"path":"/","type":"file"}"#, "l[0] entry /: only a directory can be there"),
        (
            #"{"path":"/usr/bin","type":"symlink","target":"/x"}"#,
            "l[0] entry /usr/bin: only a directory can be there"
        ),
        (#"{"path":"/a","type":"symlink"}"#, "l[0] entry /a: a symlink needs a target"),
        (
            #"{"path":"/a","type":"symlink","target":""}"#,
            "l[0] entry /a: target is empty or contains a NUL byte"
        ),
        (#"{"path":"/a","type":"file","mode":"8"}"#, "l[0] entry /a: mode must be octal digits, found \"8\""),
        (#"{"path":"/a","type":"file","mode":""}"#, "l[0] entry /a: mode must be octal digits, found \"\""),
        (
            #"{"path":"/a","type":"file","mode":420}"#,
            "l[0] entry /a.mode: expected a string, found an integer"
        ),
        (
            #"{"path":"/a","type":"file","uid":4294967296}"#,
            "l[0] entry /a.uid: expected an integer from 0 to 4294967295, found 4294967296"
        ),
        (
            #"{"path":"/a","type":"file","content":"A","encoding":"base64"}"#,
            "l[0] entry /a: content is not valid base64"
        ),
    ]

    @Test("an entry that would end the sidecar is refused, with its path", arguments: refused)
    func refused(document: String, text: String) {
        #expect(refusal { () throws(ClientError) in _ = try entry(document) } == text)
    }
}
