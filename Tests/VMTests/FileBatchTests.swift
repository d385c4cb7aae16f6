// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Many files in one call, one by one (filesystem.md 13, 21-25)")
struct FileBatchTests {
    @Test("21: nothing to write and nothing to read is nothing sent")
    func empty() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        #expect(try vm.writeFiles([]) == [])
        let (contents, results) = try vm.readFiles([])
        #expect(contents.isEmpty && results.isEmpty)
        #expect(peer.fileCalls == [])
    }

    @Test("22: a directory that several files need is made once, and a success has no error beside it")
    func folders() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        let results = try vm.writeFiles([("/tmp/a/x", [1]), ("rel", [2]), ("/tmp/a/y", [3])])
        #expect(
            JSONWriter.text(.array(results)) == """
                [{"path":"/tmp/a/x","success":true},\
                {"path":"rel","success":false,"error":"Path must be absolute: rel"},\
                {"path":"/tmp/a/y","success":true}]
                """
        )
        #expect(peer.fileCalls.count { $0 == "mkdir /tmp/a" } == 1)
        #expect(peer.sentCalls == ["mkdir /tmp/a", "write_file /tmp/a/x", "write_file /tmp/a/y"])
    }

    @Test("22: a directory that could not be made is asked for again by the next file that needs it")
    func failedFolder() throws {
        let refusal = FileRules.reject("kernel_error", "EACCES: permission denied, mkdir '/tmp/a'")
        let peer = ScriptedPeer(
            """
            [{"on":"guest_filesystem_call","where":{"operation":"mkdir"},"nth":1,"do":[\(refusal)]}]
            """
        )
        let results = try peer.sidecar().createVM().writeFiles([("/tmp/a/x", [1]), ("/tmp/a/y", [2])])
        #expect(results[0]["error"]?.stringValue == "EACCES: permission denied, mkdir '/tmp/a'")
        #expect(results[1]["success"] == .bool(true))
        #expect(peer.sentCalls == ["mkdir /tmp/a", "mkdir /tmp/a", "write_file /tmp/a/y"])
    }

    @Test("23: what is refused stands between its neighbours, with the words of the sidecar")
    func refusedRead() throws {
        let peer = ScriptedPeer(
            "[\(FileRules.on("read_file", FileRules.result("read_file", #""content":"one""#), path: "/a")),"
                + "\(FileRules.on("read_file", FileRules.reject("kernel_error", "ENOENT: no such file: /b"), path: "/b")),"
                + "\(FileRules.on("read_file", FileRules.result("read_file", #""content":"three""#), path: "/c"))]"
        )
        let (contents, results) = try peer.sidecar().createVM().readFiles(["/a", "/b", "/c"])
        #expect(contents == [Array("one".utf8), nil, Array("three".utf8)])
        #expect(
            JSONWriter.text(.array(results)) == """
                [{"path":"/a","size":3},{"path":"/b","error":"ENOENT: no such file: /b"},{"path":"/c","size":5}]
                """
        )
    }

    @Test(
        "24: a code that is an errno stands in front of a text that has none, and is not said twice",
        arguments: ["gone", "ENOENT: gone"]
    )
    func codeAsErrno(_ message: String) throws {
        let peer = ScriptedPeer("[\(FileRules.on("read_file", FileRules.reject("ENOENT", message)))]")
        let results = try peer.sidecar().createVM().readFiles(["/a"]).results
        #expect(results.map { $0["error"]?.stringValue } == ["ENOENT: gone"])
    }

    @Test(
        "25: when the sidecar goes, every file that is left has the same words for it, and nothing is sent",
        arguments: ["write_file", "read_file"]
    )
    func disconnect(_ operation: String) throws {
        let peer = ScriptedPeer(
            """
            [{"on":"guest_filesystem_call","where":{"operation":"\(operation)"},"nth":4,"do":[{"exit":3}]}]
            """
        )
        let vm = try peer.sidecar().createVM()
        let paths = (0..<10).map { "/tmp/\($0)" }
        let results =
            operation == "write_file"
            ? try vm.writeFiles(paths.map { ($0, [1]) }) : try vm.readFiles(paths).results
        #expect(results.map { $0["path"]?.stringValue } == paths)
        let errors = results.map { $0["error"]?.stringValue }
        #expect(errors.prefix(3).allSatisfy { $0 == nil })
        let first = try #require(errors[3])
        #expect(first.contains("disconnected") && first.contains("exited with code 3"), "\(first)")
        for (path, error) in zip(paths, errors).dropFirst(4) { #expect(error == first, "\(path)") }
        #expect(peer.fileCalls.count { $0.hasPrefix("\(operation) ") } == 4)
    }
}
