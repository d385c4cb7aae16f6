// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Trees and batches on the real sidecar (filesystem.md 6, 7)", .enabled(if: RealSidecar.isThere))
struct RealTreeTests {
    @Test("29-31: breadth first, links named and not entered, depth and names as asked, sizes where wanted")
    func walk() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/r/a/g", "12345")
        try vm.write("/tmp/r/a/b/deep", "1")
        try vm.write("/tmp/r/f", "12")
        try vm.symlink("/tmp/r", at: "/tmp/r/loop")
        try vm.symlink("nowhere", at: "/tmp/r/none")
        #expect(
            try vm.walk("/tmp/r") == [
                "directory /tmp/r/a", "file /tmp/r/f", "symlink /tmp/r/loop", "symlink /tmp/r/none",
                "directory /tmp/r/a/b", "file /tmp/r/a/g", "file /tmp/r/a/b/deep",
            ]
        )
        #expect(
            try vm.walk("/tmp/r/", json(#"{"maxDepth":0,"exclude":["a","none"],"sizes":true}"#)) == [
                "file /tmp/r/f 2", "symlink /tmp/r/loop 1",
            ]
        )
        #expect(
            try vm.walk("/tmp/r", json(#"{"maxDepth":0}"#)) == [
                "directory /tmp/r/a", "file /tmp/r/f", "symlink /tmp/r/loop", "symlink /tmp/r/none",
            ]
        )
        #expect(
            try vm.walk("/tmp/r", json(#"{"exclude":["a"]}"#)) == [
                "file /tmp/r/f", "symlink /tmp/r/loop", "symlink /tmp/r/none",
            ]
        )
        #expect(try vm.walk("/tmp/r", json(#"{"maxDepth":1}"#)).count == 6)
        expect(failure { _ = try vm.walk("/tmp/none") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { _ = try vm.walk("/tmp/r/f") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { _ = try vm.walk("/tmp/r", json(#"{"depth":1}"#)) }, AOS_E_INVALID, says: "depth")
        // The root has a link to nothing.
        #expect(try vm.walk("/").contains("symlink /usr/bin/env"))
    }

    @Test("29, H13: a walk through 300 files costs a few scans at most")
    func walkIsCheap() throws {
        let vm = try realVM()
        defer { finish(vm) }
        _ = try vm.writeFiles((0..<300).map { ("/tmp/many/\($0)", [UInt8($0 % 256)]) })
        let clock = ContinuousClock()
        let scan = try clock.measure { _ = try vm.stat("/tmp") }
        var count = 0
        let walk = try clock.measure { count = try vm.walk("/tmp").count }
        #expect(count == 301)
        #expect(walk < scan * 3 + .seconds(1))
        try vm.remove("/tmp/many", recursive: true)
    }

    @Test("21, 22, 26: each file has its own result, in order, and directories are made")
    func write() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let results = try vm.writeFiles([
            ("/tmp/a/b/x", [1, 255]), ("rel", [2]), ("/tmp/a/b/y", [3]), ("/etc/agentos/z", [4]),
            ("/tmp/a/b/x", [5]), ("/tmp/a/b/x/z", [6]),
        ])
        #expect(results.map { $0["success"] == .bool(true) } == [true, false, true, false, true, false])
        #expect(results[1]["error"]?.stringValue == "Path must be absolute: rel")
        #expect(results[3]["error"]?.stringValue == "EROFS: read-only file system")
        #expect(results[5]["error"]?.stringValue?.hasPrefix("ENOTDIR: ") == true)
        #expect(
            results.map { $0["path"]?.stringValue } == [
                "/tmp/a/b/x", "rel", "/tmp/a/b/y", "/etc/agentos/z", "/tmp/a/b/x", "/tmp/a/b/x/z",
            ]
        )
        #expect(try vm.read("/tmp/a/b/x") == [5])
        #expect(try vm.writeFiles([]) == [])
    }

    @Test("23: what can be read is there, what cannot says why")
    func read() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/a", "a")
        try vm.write("/tmp/empty", "")
        let (contents, results) = try vm.readFiles(["/tmp/a", "/tmp/b", "/tmp/empty", "/tmp"])
        #expect(contents == [[0x61], nil, [], nil])
        #expect(results.map { $0["size"]?.integerValue } == [1, nil, 0, nil])
        #expect(results[1]["error"]?.stringValue?.hasPrefix("ENOENT: ") == true)
        #expect(results[3]["error"]?.stringValue?.hasPrefix("EISDIR: ") == true)
        #expect(try vm.readFiles([]).results == [])
    }
}
