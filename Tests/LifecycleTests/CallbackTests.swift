// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Callbacks that nobody handles (transport.md 8.4)", .serialized)
struct CallbackTests {
    private static let callbacks: [(type: String, payload: String, answer: JSONValue)] = [
        (
            "tool_invocation",
            #"{"type":"tool_invocation","invocation_id":"i-1","tool_key":"k","input":{},"timeout_ms":30000}"#,
            .members(["type": .string("tool_invocation_result"), "invocation_id": .string("i-1")])
        ),
        (
            "permission_request",
            #"{"type":"permission_request","session_id":"s","permission_id":"p-1","params":{}}"#,
            .members(["type": .string("permission_request_result"), "permission_id": .string("p-1")])
        ),
        (
            "acp_request", #"{"type":"acp_request","session_id":"s","request":{}}"#,
            .members(["type": .string("acp_request_result")])
        ),
        (
            "js_bridge_call",
            #"{"type":"js_bridge_call","call_id":"c-1","mount_id":"m","operation":"stat","args":{}}"#,
            .members(["type": .string("js_bridge_result"), "call_id": .string("c-1")])
        ),
    ]

    private func answers(_ peer: ScriptedPeer) -> [JSONValue] {
        peer.frames.filter { $0["frame_type"]?.stringValue == "sidecar_response" }
    }

    @Test(
        "each class is answered within 100 ms, once, by a refusal of its own class (case 28)",
        arguments: 0..<callbacks.count
    )
    func refused(index: Int) throws {
        let callback = Self.callbacks[index]
        let rounds = 5
        let rules = (0..<rounds).map { round in
            let ask = #"{"callback":\#(callback.payload),"id":\#(-7 - round)}"#
            return ScriptedPeer.onPath("/x\(round)", #"\#(ask),{"delay":300},{"default":true}"#)
        }
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let vm = try peer.plainSidecar().createVM()
        let owner: JSONValue = .members([
            "scope": .string("vm"), "connection_id": .string("conn-1"), "session_id": .string("session-1"),
            "vm_id": .string("vm-1"),
        ])
        for round in 0..<rounds {
            #expect(try vm.exists("/x\(round)"))
            let found = answers(peer)
            #expect(found.count == round + 1)
            let answer = try #require(found.last)
            #expect(answer["request_id"]?.integerValue == Int64(-7 - round))
            #expect(answer["ownership"] == owner)
            let payload = try #require(answer["payload"])
            #expect(
                payload["error"]?.stringValue == "no sidecar request handler registered for \(callback.type)"
            )
            guard case .object(let members) = callback.answer else { return }
            for member in members { #expect(payload[member.name] == member.value) }
        }
        // By the peer's clock. Of several rounds the best one: others use the machine too.
        func times(_ isMeant: (JSONValue) -> Bool) -> [Int64] {
            peer.events("frame").filter { $0["frame"].map(isMeant) == true }.compactMap {
                $0["ms"]?.integerValue
            }
        }
        let asked = times { $0["payload"]?["path"]?.stringValue?.hasPrefix("/x") == true }
        let answered = times { $0["frame_type"]?.stringValue == "sidecar_response" }
        #expect(asked.count == rounds && answered.count == rounds)
        let best = zip(asked, answered).map { $1 - $0 }.min() ?? .max
        #expect(best < 100, "\(best) ms")
    }

    @Test("a callback during a creation, and on a VM that nobody knows, is answered too (8.4.4, D22)")
    func early() throws {
        let callback = #"{"callback":\#(Self.callbacks[0].payload)}"#
        let foreign =
            #"{"callback":\#(Self.callbacks[3].payload),"ownership":{"scope":"vm","connection_id":"conn-1","session_id":"s","vm_id":"nobody"}}"#
        let rules = [
            ScriptedPeer.on("configure_vm", #"\#(callback),{"sleep":50},{"default":true}"#),
            ScriptedPeer.onPath("/x", #"\#(foreign),{"delay":100},{"default":true}"#),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let vm = try peer.plainSidecar().createVM()
        #expect(try vm.exists("/x"))
        #expect(peer.wait { answers($0).count == 2 })
        #expect(answers(peer)[1]["ownership"]?["vm_id"]?.stringValue == "nobody")
        #expect(answers(peer)[1]["payload"]?["error"] != nil)
        #expect(peer.exits.isEmpty)
    }

    @Test("an answer overtakes 1,000 requests that are queued (case 32)")
    func overtaking() throws {
        let callback = #"{"callback":\#(Self.callbacks[1].payload)}"#
        // What the peer does while it sleeps the second time is to let the answer come.
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/go", #"{"sleep":500},\#(callback),{"sleep":1000},{"default":true}"#))]"
        )
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let process = try #require(sidecar.processID)
        let go = try vm.existsAsync("/go")
        #expect(peer.wait { $0.paths.contains("/go") })
        #expect(kill(process, SIGSTOP) == 0)
        defer { kill(process, SIGCONT) }
        // 8 MiB: more than the sockets hold. All frames have one size.
        let piece = [UInt8](repeating: 1, count: 8 << 10)
        let count = 1_000
        func path(_ number: Int) -> String { "/w\(1000 + number)" }
        func queued() -> Int { Int(sidecar.diagnostic("queuedBytes") ?? 0) }
        var writes = try (0..<count - 1).map { try vm.writeAsync(path($0), piece) }
        let before = queued()
        writes.append(try vm.writeAsync(path(count - 1), piece))
        let size = queued() - before
        #expect(before > 1 << 20 && size > 8 << 10)
        // Frames that had left us before the callback came, and the one that was begun.
        let out = (size * count - queued() + size - 1) / size
        #expect(out < count / 2)
        #expect(kill(process, SIGCONT) == 0)
        #expect(try sidecar.end(of: go).status == AOS_OK)
        for op in writes { #expect(try sidecar.end(of: op).status == AOS_OK) }
        let frames = peer.frames
        let place = try #require(frames.firstIndex { $0["frame_type"]?.stringValue == "sidecar_response" })
        let overtaken = frames[..<place].count {
            $0["payload"]?["path"]?.stringValue?.hasPrefix("/w") == true
        }
        #expect(overtaken == out)
        let paths = frames.compactMap { $0["payload"]?["path"]?.stringValue }.filter { $0.hasPrefix("/w") }
        #expect(paths == (0..<count).map { path($0) })
    }

    @Test("an answer that would come too late is not sent (case 31)")
    func late() throws {
        let call =
            #"{"type":"tool_invocation","invocation_id":"i","tool_key":"k","input":{},"timeout_ms":400}"#
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/go", #"{"sleep":1500},{"callback":\#(call)},{"sleep":900},{"default":true}"#))]"
        )
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let go = try vm.existsAsync("/go")
        #expect(peer.wait { $0.paths.contains("/go") })
        let piece = [UInt8](repeating: 1, count: 256 << 10)
        // The sockets are full before the callback comes, and stay so until its time is over.
        let writes = try (0..<16).map { try vm.writeAsync("/w\($0)", piece) }
        #expect((sidecar.diagnostic("queuedBytes") ?? 0) > 0)
        #expect(try sidecar.end(of: go).status == AOS_OK)
        for op in writes { #expect(try sidecar.end(of: op).status == AOS_OK) }
        #expect(try vm.exists("/after"))
        #expect(answers(peer).isEmpty)
        #expect(sidecar.diagnostic("lateCallbackAnswers") == 1)
        #expect(peer.starts.count == 1 && peer.exits.isEmpty)
    }
}
