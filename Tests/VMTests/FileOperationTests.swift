// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Other operations on files, one by one (filesystem.md 13, 16-20, 27, 28)")
struct FileOperationTests {
    @Test("16: an answer without the member is no, a refusal is an error")
    func existsForms() throws {
        let off: KeyValuePairs<String, JSONValue?> = ["fileGuards": .string("off")]
        let absent = ScriptedPeer("[\(FileRules.on("exists", FileRules.result("exists", "")))]")
        #expect(try absent.sidecar(off).createVM().exists("/f") == false)
        let refused = ScriptedPeer("[\(FileRules.on("exists", FileRules.reject("kernel_error", "EIO: no")))]")
        let vm = try refused.sidecar(off).createVM()
        expect(failure { _ = try vm.exists("/f") }, AOS_E_REMOTE, errno: "EIO")
    }

    @Test(
        "16: with guards, a link to nothing exists and what may not be seen does not",
        arguments: [
            ("ENOENT: no such file: /f", "EINVAL: invalid argument, readlink '/f'", false),
            ("ENOENT: no such file: /f", nil, true),
            ("ENOENT: no such file: /f", "ENOENT: no such file: /f", false),
            ("EACCES: permission denied, x", nil, false), ("EROFS: read-only filesystem: /boot", nil, false),
        ]
    )
    func existsGuarded(_ realpath: String, _ readLink: String?, _ exists: Bool) throws {
        let link =
            readLink.map { FileRules.reject("kernel_error", $0) }
            ?? FileRules.result("read_link", "\"target\":\"/n\"")
        let peer = ScriptedPeer(
            "[\(FileRules.on("realpath", FileRules.reject("kernel_error", realpath))),\(FileRules.on("read_link", link))]"
        )
        let vm = try peer.sidecar().createVM()
        #expect(try vm.exists("/f") == exists)
        #expect(peer.sentCalls == [])
    }

    @Test(
        "17: the errno is the first word of the message, and only that",
        arguments: [
            ("kernel_error", "ENOENT: no such file: /x", "ENOENT"),
            ("invalid_state", "VM vm-1 says EXDEV: no", nil),
            ("invalid_state", "boom", nil), ("EPERM", "EPERM: no", "EPERM"), ("ENOENT", "gone", "ENOENT"),
            ("kernel_error", "E2BIG: x", nil), ("kernel_error", "EBADF : x", nil),
            ("kernel_error", "enoent: x", nil),
            ("kernel_error", "Error: x", nil), ("kernel_error", "EL2HLT:", "EL2HLT"),
            ("kernel_error", "E: x", nil),
            ("E", "x", nil), ("kernel_error", "", nil),
            ("invalid_state", "failed to sync host shadow file /a to guest /b: EACCES: no", nil),
        ]
    )
    func errno(_ code: String, _ message: String, _ errno: String?) throws {
        let peer = ScriptedPeer("[\(FileRules.on("stat", FileRules.reject(code, message)))]")
        let vm = try peer.sidecar().createVM()
        let error = try #require(failure { _ = try vm.stat("/x") })
        #expect(error.status == AOS_E_REMOTE)
        #expect(error.kind == "kernel")
        #expect(error.code == code)
        #expect(error.message == message)
        #expect(error.errno == errno)
        #expect(error.detail["description"]?.stringValue == "kernel error [\(code)]: \(message)")
        #expect(error.detail["operation"]?.stringValue == "stat")
        #expect(error.detail["path"]?.stringValue == "/x")
        #expect(error.detail["request"]?.stringValue == "guest_filesystem_call")
    }

    @Test("18: a peer that closes its stdout ends the call, and a later one fails at once")
    func disconnect() throws {
        let peer = ScriptedPeer("[\(FileRules.on("read_file", #"{"closeStdout":true}"#))]")
        let vm = try peer.sidecar().createVM()
        let start = ContinuousClock.now
        expect(failure { _ = try vm.read("/f") }, AOS_E_SIDECAR, says: "disconnected")
        #expect(ContinuousClock.now - start < .seconds(1))
        let again = ContinuousClock.now
        expect(failure { _ = try vm.read("/f") }, AOS_E_SIDECAR)
        #expect(ContinuousClock.now - again < .milliseconds(500))
    }

    @Test("19: a peer that does not answer is waited for as long as was said, and its late answer is nothing")
    func deadline() throws {
        let peer = ScriptedPeer(
            "[\(FileRules.on("read_file", #"{"delay":500},{"default":true}"#, path: "/slow"))]"
        )
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let start = ContinuousClock.now
        let error = failure { _ = try vm.read("/slow", limit: 200 * millisecond) }
        let took = ContinuousClock.now - start
        expect(error, AOS_E_DEADLINE)
        #expect(error?.kind == "timeout")
        #expect(took >= .milliseconds(190) && took < .seconds(2), "\(took)")
        #expect(eventually { (try? sidecar.diagnostics())?["lateAnswers"] == .integer(1) })
        #expect(try vm.read("/f") == [])
    }

    @Test(
        "20: calls that are issued in order are sent in order, also behind the questions of the guards",
        arguments: ["on", "off"]
    )
    func order(_ guards: String) throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar(["fileGuards": .string(guards)])
        let vm = try sidecar.createVM()
        let ops = try (0..<100).map { number in
            let content = Array("\(number)".utf8)
            return try sidecar.submit { op, err in
                aos_fs_write_async(sidecar.handle, vm.id, "/t", 2, content, content.count, nil, op, err)
            }
        }
        for op in ops { #expect(try sidecar.events(of: op).last?.status == AOS_OK) }
        #expect(
            peer.requests("guest_filesystem_call").filter { $0["operation"]?.stringValue == "write_file" }
                .compactMap { $0["content"]?.stringValue } == (0..<100).map { "\($0)" }
        )
    }

    @Test("27: a tree is made by one request, of the root by none")
    func makeTree() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        try vm.makeDirectory("/a/b/c", recursive: true)
        #expect(peer.sentCalls == ["mkdir /a/b/c"])
        #expect(peer.requests("guest_filesystem_call").last?["recursive"] == .bool(true))
        try vm.makeDirectory("/", recursive: true)
        #expect(peer.sentCalls == ["mkdir /a/b/c"])
    }

    @Test("28: a directory that is there is success, anything else is EEXIST", arguments: [true, false])
    func existing(_ isDirectory: Bool) throws {
        let peer = ScriptedPeer(
            "[\(FileRules.on("mkdir", FileRules.reject("kernel_error", "EEXIST: file exists: /a"))),\(FileRules.stat(directory: isDirectory))]"
        )
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.makeDirectory("/a", recursive: true) }
        if isDirectory {
            #expect(error == nil)
        } else {
            expect(error, AOS_E_REMOTE, errno: "EEXIST", says: "file exists: /a")
        }
    }

    @Test("29, H13: of a walk through 300 names at most three requests make the sidecar scan")
    func walkScans() throws {
        let names = (0..<300).map { "\"\($0)\"" }.joined(separator: ",")
        let peer = FileRules.tree(["/many": names])
        let vm = try peer.sidecar().createVM()
        #expect(try vm.walk("/many").count == 300)
        #expect(peer.sentCalls.count <= 3, "\(peer.sentCalls.prefix(10))")
    }
}
