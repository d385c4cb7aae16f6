// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Requests in JSON go through our own functions and their guards (decision 20)")
struct RequestJSONTests {
    private let peer: ScriptedPeer = ScriptedPeer()

    private func send(_ vm: HostVM, _ text: String) -> HostError? {
        var out: OpaquePointer?
        let error = failure {
            try check {
                aos_request_json(vm.handle, vm.id, text, text.utf8.count, HostSidecar.limit, &out, $0)
            }
        }
        if error != nil { #expect(out == nil) } else { aos_bytes_release(out) }
        return error
    }

    @Test(
        "requests of the lifecycle, and those that we keep track of, name the function to use",
        arguments: [
            (
                #"{"type":"authenticate","client_name":"x","auth_token":"x","bridge_version":1}"#,
                "aos_sidecar_connect"
            ),
            (
                #"{"type":"open_session","placement":{"kind":"shared","pool":null},"metadata":{}}"#,
                "aos_vm_create"
            ),
            (#"{"type":"dispose_vm","reason":"requested"}"#, "aos_vm_shutdown"),
            (#"{"type":"write_stdin","process_id":"p","chunk":[1]}"#, "aos_process_write_stdin"),
            (#"{"type":"close_stdin","process_id":"p"}"#, "aos_process_close_stdin"),
        ]
    )
    func lifecycle(_ text: String, _ function: String) throws {
        let vm = try peer.sidecar().createVM()
        let before = peer.requestTypes
        let error = send(vm, text)
        expect(error, AOS_E_UNSUPPORTED, says: function)
        #expect(error?.kind == "unsupported")
        #expect(peer.requestTypes == before)
        #expect(vm.isAlive)
    }

    @Test(
        "what is not a request of the protocol is refused by its place",
        arguments: [
            ("", "invalid JSON"), ("{", "invalid JSON"), ("[]", "request_json: "), ("{}", "request_json: "),
            (#"{"type":"get_process_snapshot","type":"get_process_snapshot"}"#, "type: given twice"),
            (#"{"type":7}"#, "type: expected a string"), (#"{"type":"no_such_request"}"#, "no_such_request"),
            (#"{"type":"guest_filesystem_call","operation":"fly","path":"/x","recursive":false}"#, "fly"),
            (#"{"type":"guest_filesystem_call","operation":"stat","path":7,"recursive":false}"#, "path"),
            (#"{"type":"guest_filesystem_call","operation":"stat","recursive":false}"#, "path"),
            (
                #"{"type":"guest_filesystem_call","operation":"write_file","path":"/x","recursive":false}"#,
                "requires content"
            ),
            (
                #"{"type":"guest_filesystem_call","operation":"write_file","path":"/x","recursive":false,"content":"A","encoding":"base64"}"#,
                "invalid base64"
            ),
            (#"{"type":"kill_process","process_id":"p","signal":"SIGNONE"}"#, "SIGNONE"),
        ]
    )
    func malformed(_ text: String, _ message: String) throws {
        let vm = try peer.sidecar().createVM()
        let before = peer.requestTypes
        let error = send(vm, text)
        expect(error, AOS_E_INVALID, says: message)
        #expect(error?.kind == "invalid_argument")
        #expect(peer.requestTypes == before)
        #expect(vm.isAlive)
    }

    @Test("a member that the request does not have is refused, as in every document")
    func unknownMember() throws {
        let vm = try peer.sidecar().createVM()
        for (text, name) in [
            (#"{"type":"get_process_snapshot","x":1}"#, "unknown member x of get_process_snapshot"),
            (
                #"{"type":"guest_filesystem_call","operation":"stat","path":"/x","recursive":false,"mod":1}"#,
                "unknown member mod of guest_filesystem_call"
            ),
        ] {
            expect(send(vm, text), AOS_E_INVALID, says: name)
        }
        #expect(vm.isAlive)
    }

    @Test(
        "every file operation runs through its own function, and asks for what it needs",
        arguments: [
            ("rename", "destination_path"), ("link", "destination_path"), ("symlink", "target"),
            ("chmod", "mode"), ("chown", "uid"), ("utimes", "atime_ms"), ("truncate", "len"),
        ]
    )
    func missingMember(_ operation: String, _ member: String) throws {
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.fileCall(operation, "/x") }
        expect(error, AOS_E_INVALID, says: "guest filesystem \(operation) requires \(member)")
        #expect(peer.fileCalls == [])
    }

    @Test("file operations with what they need, on the real sidecar", .enabled(if: RealSidecar.isThere))
    func realOperations() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "12345")
        for call in [
            #""operation":"chmod","path":"/tmp/f","mode":384"#,
            #""operation":"truncate","path":"/tmp/f","len":3"#,
            #""operation":"utimes","path":"/tmp/f","atime_ms":1,"mtime_ms":1600000000000"#,
            #""operation":"chown","path":"/tmp/f","uid":7,"gid":8"#,
            #""operation":"symlink","path":"/tmp/l","target":"f""#,
            #""operation":"link","path":"/tmp/f","destination_path":"/tmp/h""#,
            #""operation":"rename","path":"/tmp/h","destination_path":"/tmp/g""#,
        ] {
            let text = "{\"type\":\"guest_filesystem_call\",\"recursive\":false,\(call)}"
            #expect(try vm.request(json(text))["type"]?.stringValue == "guest_filesystem_result")
        }
        #expect(try vm.readText("/tmp/l") == "123" && vm.readText("/tmp/g") == "123")
        let stat = try vm.stat("/tmp/f")
        #expect(stat["mode"] == .integer(0o100_600) && stat["uid"] == .integer(7))
        #expect(stat["mtimeMs"] == .integer(1_600_000_000_000))
        let link = try vm.fileCall("lstat", "/tmp/l")["stat"]
        #expect(link?["is_symbolic_link"] == .bool(true))
    }

    @Test(
        "other requests that could end the sidecar, or that this version does not offer",
        arguments: [
            #"{"type":"snapshot_root_filesystem"}"#, #"{"type":"create_layer"}"#,
            #"{"type":"seal_layer","layer_id":"layer-1"}"#,
            #"{"type":"export_snapshot","layer_id":"layer-1"}"#,
            #"{"type":"bootstrap_root_filesystem","entries":[]}"#,
            #"{"type":"import_snapshot","entries":[]}"#,
        ]
    )
    func notOffered(_ text: String) throws {
        let vm = try peer.sidecar().createVM()
        let before = peer.requestTypes
        expect(send(vm, text), AOS_E_UNSUPPORTED)
        #expect(peer.requestTypes == before)
    }

    @Test(
        "the local guards hold here too",
        arguments: [
            ("write_file", "/proc/x", "Path is read-only: /proc/x"),
            ("write_file", "rel", "Path must be absolute: rel"),
            ("remove_file", "/etc/agentos/x", "EROFS"),
            ("remove_dir", "/a//b", "Path must be normalized: /a//b"),
            ("mkdir", "/a\\b", "backslash"), ("create_dir", "/a\u{0}", "NUL"),
            ("exists", "/a\n", "control character"),
            ("read_link", "x", "Path must be absolute"), ("realpath", "/..", "Path must be normalized"),
            ("read_dir", "", "Path must be absolute"), ("stat", "/./", "Path must be normalized"),
            ("read_file", "a", "Path must be absolute"),
        ]
    )
    func guards(_ operation: String, _ path: String, _ message: String) throws {
        let vm = try peer.sidecar().createVM()
        var call = [
            JSONMember("type", .string("guest_filesystem_call")), JSONMember("operation", .string(operation)),
            JSONMember("path", .string(path)), JSONMember("recursive", .bool(false)),
        ]
        if operation == "write_file" { call.append(JSONMember("content", .string("x"))) }
        expect(failure { _ = try vm.request(.object(call)) }, AOS_E_INVALID, says: message)
        #expect(peer.fileCalls == [])
    }

    @Test("answers come in the form of the protocol", .enabled(if: RealSidecar.isThere))
    func real() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let write = try vm.request(
            json(
                """
                {"type":"guest_filesystem_call","operation":"write_file","path":"/tmp/f","recursive":false,\
                "content":"AP8=","encoding":"base64"}
                """
            )
        )
        #expect(write["type"]?.stringValue == "guest_filesystem_result")
        #expect(try vm.read("/tmp/f") == [0, 0xFF])
        let read = try vm.fileCall("read_file", "/tmp/f")
        #expect(read["content"]?.stringValue == "AP8=")
        #expect(read["encoding"]?.stringValue == "base64")
        #expect(try vm.fileCall("exists", "/tmp/f/below")["exists"] == .bool(false))
        #expect(try vm.fileCall("exists", "/tmp/f")["exists"] == .bool(true))
        #expect(try vm.fileCall("stat", "/tmp/f")["stat"]?["size"] == .integer(2))
        #expect(try vm.fileCall("read_dir", "/tmp")["entries"] == .array([.string("f")]))
        #expect(try vm.fileCall("realpath", "/tmp/f")["target"]?.stringValue == "/tmp/f")
        expect(failure { _ = try vm.fileCall("remove_dir", "/tmp/f") }, AOS_E_REMOTE, errno: "ENOTDIR")
        expect(failure { _ = try vm.fileCall("remove_file", "/etc") }, AOS_E_INVALID, errno: "EISDIR")
        _ = try vm.fileCall("remove_file", "/tmp/f")
        #expect(try vm.exists("/tmp/f") == false)
        try vm.plant("/nowhere", at: "/tmp/l")
        #expect(try vm.fileCall("read_link", "/tmp/l")["target"]?.stringValue == "/nowhere")
        _ = try vm.fileCall("remove_file", "/tmp/l")
        let snapshot = try vm.request(json(#"{"type":"get_process_snapshot"}"#))
        #expect(snapshot["type"]?.stringValue == "process_snapshot")
    }

    @Test("a file above the limit is not read this way either", .enabled(if: RealSidecar.isThere))
    func realTooLarge() throws {
        let vm = try realVM(RealSidecar.config())
        defer { finish(vm) }
        #expect(try vm.script("require('fs').writeFileSync('/tmp/big', 'x'.repeat(1100000))").code == 0)
        expect(failure { _ = try vm.fileCall("read_file", "/tmp/big") }, AOS_E_TOO_LARGE, errno: "EFBIG")
        expect(failure { _ = try vm.read("/tmp/big") }, AOS_E_TOO_LARGE, errno: "EFBIG")
    }
}
