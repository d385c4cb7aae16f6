// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("The connection of a handle (sidecar-lifecycle.md 7)", .serialized)
struct ConnectionTests {
    @Test("20 creations at once start one process and authenticate once (case 15)")
    func oneStart() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let ops = try (0..<20).map { _ in try sidecar.createVMAsync() }
        for op in ops { #expect(try sidecar.end(of: op).status == AOS_OK) }
        #expect(sidecar.vmCount == 20)
        #expect(peer.starts.count == 1)
        let first = try #require(peer.frames.first)
        #expect(first["request_id"]?.integerValue == 1)
        #expect(
            first["ownership"]
                == .members(["scope": .string("connection"), "connection_id": .string("client-hint")])
        )
        let hello: JSONValue = .members([
            "type": .string("authenticate"), "client_name": .string("agent-os-client"),
            "auth_token": .string("agent-os-client"), "bridge_version": .integer(1),
        ])
        #expect(first["payload"] == hello)
        #expect(peer.requests("authenticate").count == 1)
        let opened = peer.frames.filter { $0["payload"]?["type"]?.stringValue == "open_session" }
        #expect(opened.count == 20)
        #expect(opened.allSatisfy { $0["ownership"]?["connection_id"]?.stringValue == "conn-1" })
    }

    @Test("the token can be chosen, the empty one is refused (7.2)")
    func token() throws {
        let peer = ScriptedPeer()
        try peer.sidecar(["authToken": .string("secret")]).connect()
        #expect(peer.requests("authenticate").first?["auth_token"]?.stringValue == "secret")
        let error = failure { _ = try peer.sidecar(["authToken": .string("")]) }
        #expect(error?.status == AOS_E_INVALID)
    }

    @Test("a rejected handshake keeps code and text, leaves no process, and may be tried again (case 16)")
    func rejected() throws {
        let text = "authenticate request provided an invalid auth token"
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("authenticate", #"{"reject":["unauthorized","\#(text)"]}"#))]"
        )
        let sidecar = try peer.sidecar()
        for attempt in 1...2 {
            let error = try #require(failure { _ = try sidecar.createVM() })
            #expect(error.status == AOS_E_REMOTE && error.kind == "kernel" && error.code == "unauthorized")
            #expect(error.message == text)
            #expect(peer.isReaped)
            #expect(peer.processIDs.count == attempt)
        }
        #expect(sidecar.vmCount == 0 && sidecar.state == "ready")
    }

    @Test("20 concurrent creations share one failed start, with its status and its last words (case 17, R12)")
    func sharedFailure() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("start", #"{"sleep":200},{"stderr":"bad day"},{"exit":3}"#))]"
        )
        let sidecar = try peer.sidecar()
        let ops = try (0..<20).map { _ in try sidecar.createVMAsync() }
        for op in ops {
            let error = try #require(try sidecar.end(of: op).error)
            #expect(error.status == AOS_E_SIDECAR && error.kind == "sidecar")
            #expect(error.message.contains("sidecar process exited with code 3"))
            #expect(error.message.hasSuffix("\nstderr:\nbad day"))
            #expect(error.exitCode == 3)
        }
        #expect(peer.starts.count == 1)
    }

    @Test(
        "an answer to the handshake that makes no sense (case 18)",
        arguments: [
            (
                #"{"answer":{"type":"session_opened","session_id":"s","owner_connection_id":"c"}}"#,
                "unexpected authenticate response"
            ),
            (
                #"{"answer":{"type":"authenticated","sidecar_id":"s","connection_id":"c","max_frame_bytes":0}}"#,
                "invalid authenticate response: max_frame_bytes 0"
            ),
            (
                #"{"answer":{"type":"authenticated","sidecar_id":"s","connection_id":"c","max_frame_bytes":1023}}"#,
                "invalid authenticate response: max_frame_bytes 1023"
            ),
        ]
    )
    func nonsense(answer: String, text: String) throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", answer))]")
        let error = try #require(failure { try peer.sidecar().connect() })
        #expect(error.status == AOS_E_SIDECAR && error.kind == "sidecar" && error.message == text, "\(error)")
        #expect(peer.hasEnded)
    }

    @Test("an answer to the handshake that another connection owns (7.3)")
    func foreignOwner() throws {
        let answer =
            #"{"type":"authenticated","sidecar_id":"s","connection_id":"c","max_frame_bytes":1048576}"#
        let owner = #"{"scope":"connection","connection_id":"d"}"#
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("authenticate", "{\"answer\":\(answer),\"ownership\":\(owner)}"))]"
        )
        let error = try #require(failure { try peer.sidecar().connect() })
        #expect(error.status == AOS_E_SIDECAR && error.kind == "sidecar")
        #expect(peer.hasEnded)
        #expect(error.message.hasPrefix("invalid authenticate response: "), "\(error)")
    }

    @Test("a program that echoes is found out at once (case 19, R11)")
    func echo() throws {
        try withTestFolder { folder in
            // `cat`, which nobody can ask for its number, under a shell that writes that down.
            let script = "echo $$ >\(folder)/pid; exec cat"
            let command: [JSONValue] = ["/bin/sh", "-c", script].map { .string($0) }
            let sidecar = try HostSidecar(options: .members(["command": .array(command)]))
            var error: HostError?
            let time = duration { error = failure { _ = try sidecar.createVM() } }
            let text = String(decoding: try readFile("\(folder)/pid").dropLast(), as: UTF8.self)
            let process = try #require(Int32(text))
            #expect(isReaped(process))
            #expect(error?.status == AOS_E_SIDECAR)
            #expect(
                error?.message.contains("sidecar protocol error: unexpected inbound frame: request") == true,
                "\(String(describing: error))"
            )
            #expect(time < .seconds(1))
            #expect(sidecar.processID == nil)
        }
    }

    @Test("a program that is silent is given up after the limit of the handshake (case 19, R11)")
    func silence() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", #"{"nothing":true}"#))]")
        let sidecar = try peer.sidecar(["deadlines": .members(["authenticate": .integer(200)])])
        var error: HostError?
        let time = duration { error = failure { _ = try sidecar.createVM() } }
        #expect(error?.status == AOS_E_DEADLINE && error?.kind == "timeout")
        #expect(error?.message == "timed out waiting for sidecar response to authenticate")
        #expect(time > .milliseconds(190) && time < .milliseconds(1200), "\(time)")
        #expect(peer.isReaped)
    }

    @Test("the limit of frames is a connection's own (case 20)")
    func frameLimit() throws {
        let answer =
            #"{"type":"authenticated","sidecar_id":"s","connection_id":"conn-1","max_frame_bytes":4096}"#
        let small = ScriptedPeer("[\(ScriptedPeer.on("authenticate", "{\"answer\":\(answer)}"))]")
        let large = ScriptedPeer()
        let sidecar = try small.sidecar()
        let vm = try sidecar.createVM()
        let other = try large.sidecar().createVM()
        let bytes = [UInt8](repeating: 65, count: 5_000)
        let error = try #require(failure { try vm.write("/x", bytes) })
        #expect(error.status == AOS_E_TOO_LARGE && error.kind == "too_large", "\(error)")
        #expect(error.detail["size"] != nil && error.detail["limit"] != nil)
        #expect(
            !small.requests("guest_filesystem_call").contains { $0["operation"]?.stringValue == "write_file" }
        )
        try other.write("/x", bytes)
        #expect(try vm.exists("/y"))
        #expect(sidecar.diagnostic("maxFrameBytes") == 4096)
    }

    @Test("VMs of one handle share a process, two handles have two (case 21)")
    func sharing() throws {
        let peer = ScriptedPeer()
        let first = try peer.sidecar()
        let second = try peer.sidecar()
        let vms = [try first.createVM(), try first.createVM(), try second.createVM()]
        #expect(first.processID != nil && first.processID != second.processID)
        #expect(peer.processIDs.count == 2)
        for vm in vms { #expect(try vm.exists("/x")) }
    }

    @Test(
        "a process that is killed is replaced by the next creation, and its VMs are let go in silence (case 22)"
    )
    func killed() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.plainSidecar()
        let old = [try sidecar.createVM(), try sidecar.createVM()]
        let process = try #require(sidecar.processID)
        #expect(kill(process, SIGKILL) == 0)
        #expect(eventually { sidecar.processID == nil })
        #expect(try sidecar.describe().hasSuffix(#""state":"ready","activeVmCount":2}"#))
        for vm in old {
            let error = try #require(failure { _ = try vm.exists("/x") })
            #expect(error.status == AOS_E_SIDECAR, "\(error)")
            #expect(error.message.contains("sidecar process exited with signal SIGKILL"), "\(error)")
        }
        let time = try duration {
            let vm = try sidecar.createVM()
            #expect(sidecar.vmCount == 3)
            let before = peer.frames.count
            for vm in old { try vm.shutdown() }
            #expect(sidecar.vmCount == 1)
            #expect(try vm.exists("/x"))
            // Requests are served in order: what the shutdowns had sent would stand before this one.
            #expect(peer.frames.count == before + 1)
        }
        #expect(time < .seconds(2), "\(time)")
        #expect(peer.processIDs.count == 2)
        #expect(peer.requests("dispose_vm").isEmpty)
    }

    @Test("a dispose waits for the process of an attempt that was given up before")
    func disposeAfterCancel() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", #"{"nothing":true}"#))]")
        for _ in 0..<10 {
            let sidecar = try peer.sidecar()
            let before = peer.requests("authenticate").count
            let op = try sidecar.createVMAsync()
            #expect(peer.wait { $0.requests("authenticate").count > before })
            sidecar.cancel(op)
            try sidecar.dispose()
            #expect(peer.processIDs.allSatisfy { !isRunning($0) })
        }
    }

    @Test("a connection attempt that nobody waits for any more is ended (case 23)")
    func cancelledAlone() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", #"{"nothing":true}"#))]")
        let sidecar = try peer.sidecar()
        let op = try sidecar.createVMAsync()
        #expect(peer.wait { !$0.requests("authenticate").isEmpty })
        sidecar.cancel(op)
        let end = try sidecar.end(of: op)
        #expect(end.status == AOS_E_CANCELED && end.error?.kind == "cancelled")
        #expect(eventually { peer.isReaped })
        #expect(sidecar.state == "ready")
    }

    @Test("an attempt that somebody else waits for goes on (case 23)")
    func cancelledInCompany() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", #"{"delay":500},{"default":true}"#))]")
        let sidecar = try peer.sidecar()
        let ops = [try sidecar.createVMAsync(), try sidecar.createVMAsync()]
        #expect(peer.wait { !$0.requests("authenticate").isEmpty })
        sidecar.cancel(ops[0])
        var status: Int32?
        let time = try duration { status = try sidecar.end(of: ops[0]).status }
        #expect(status == AOS_E_CANCELED)
        #expect(time < .milliseconds(400), "\(time)")
        #expect(try sidecar.end(of: ops[1]).status == AOS_OK)
        #expect(peer.processIDs.count == 1 && sidecar.vmCount == 1)
    }

    @Test("the process that connect started stays without a VM, and is lost like any other (decision 2)")
    func reservation() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        try sidecar.connect()
        let process = try #require(sidecar.processID)
        try sidecar.createVM().shutdown()
        #expect(sidecar.processID == process)
        try sidecar.connect()
        #expect(peer.processIDs == [process])
        kill(process, SIGKILL)
        #expect(eventually { sidecar.processID == nil })
        try sidecar.connect()
        #expect(peer.processIDs.count == 2 && sidecar.processID != process)
    }

    @Test("the sidecar's own name and number are told (2.1)")
    func diagnostics() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        #expect(try sidecar.diagnostics() == .object([]))
        try sidecar.connect()
        let diagnostics = try sidecar.diagnostics()
        #expect(diagnostics["wireSidecarId"]?.stringValue == "agent-os-sidecar")
        #expect(diagnostics["connectionId"]?.stringValue == "conn-1")
        #expect(diagnostics["processId"]?.integerValue == peer.processIDs.first.map { Int64($0) })
    }
}
