// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("What changes under a walk through a tree (filesystem.md 13, 30, 32)")
struct FileWalkTests {
    /// `/r` with a directory, a file, and between them a name whose look is answered so.
    private static func peer(_ operation: String, _ answer: String) -> ScriptedPeer {
        FileRules.tree(
            ["/r": #""a","gone","f""#, "/r/a": ""],
            more: [FileRules.on(operation, answer, path: "/r/gone")]
        )
    }

    private static let gone = FileRules.reject("kernel_error", "ENOENT: no such file: /r/gone")

    @Test("32: a name that is gone when it is looked at is left out, and the others are there")
    func goneMeanwhile() throws {
        let peer = Self.peer("read_link", Self.gone)
        #expect(try peer.sidecar().createVM().walk("/r") == ["directory /r/a", "file /r/f"])
        #expect(peer.fileCalls.contains("read_link /r/gone"))
    }

    @Test("32: also one that is gone when its size is asked for")
    func goneBeforeItsSize() throws {
        let peer = Self.peer("lstat", Self.gone)
        let entries = try peer.sidecar().createVM().walk("/r", json(#"{"sizes":true}"#))
        #expect(entries == ["directory /r/a 0", "file /r/f 0"])
        #expect(peer.sentCalls.filter { $0.hasPrefix("lstat") }.count == 3)
    }

    @Test(
        "32: every other error ends the walk, and names the path that it came from",
        arguments: ["read_link", "lstat", "read_dir"]
    )
    func otherErrors(_ operation: String) throws {
        let peer = Self.peer(operation, FileRules.reject("kernel_error", "EIO: broken"))
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.walk("/r", json(#"{"sizes":true}"#)) }
        expect(error, AOS_E_REMOTE, errno: "EIO", says: "EIO: broken")
        #expect(error?.detail["path"]?.stringValue == "/r/gone")
        #expect(error?.detail["operation"]?.stringValue == "readdirRecursive")
        #expect(!peer.fileCalls.contains("read_link /r/f"))
    }

    @Test(
        "32: the error of the directory itself is always told",
        arguments: ["ENOENT: no such directory: /r", "EIO: x"]
    )
    func start(_ message: String) throws {
        let peer = ScriptedPeer("[\(FileRules.on("read_dir", FileRules.reject("kernel_error", message)))]")
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.walk("/r") }
        expect(error, AOS_E_REMOTE, errno: String(message.prefix { $0 != ":" }))
        #expect(error?.detail["path"]?.stringValue == "/r")
    }

    @Test("7.2: the names of the directory itself and of the one above it are no entries")
    func dots() throws {
        let peer = FileRules.tree(["/r": #"".","..","...","a""#, "/r/a": #"".","..","f""#])
        #expect(
            try peer.sidecar().createVM().walk("/r") == ["file /r/...", "directory /r/a", "file /r/a/f"]
        )
    }
}
