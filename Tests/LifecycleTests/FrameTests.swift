// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Frames that are wrong, torn, or in pieces (transport.md 12)", .serialized)
struct FrameTests {
    /// A line of vectors/malformed.jsonl.
    struct MalformedFrame: Sendable, CustomTestStringConvertible {
        let name: String
        let hex: String
        let stream: String
        let isRejected: Bool
        let text: String?
        var testDescription: String { name }
        var size: Int { hex.utf8.count / 2 }
    }

    static let malformed: [MalformedFrame] = {
        let lines = (try? Repository.lines("Tests/Corpus/vectors/malformed.jsonl")) ?? []
        return lines.filter { !$0.isEmpty }.compactMap { line in
            guard let json = try? JSONReader.parse(Array(line.utf8)), let name = json["name"]?.stringValue,
                let hex = json["hex"]?.stringValue, let stream = json["stream"]?.stringValue
            else { return nil }
            return MalformedFrame(
                name: name,
                hex: hex,
                stream: stream,
                isRejected: json["expect"]?.stringValue == "reject",
                text: json["error"]?.stringValue
            )
        }
    }()

    static let wrong = malformed.filter { $0.isRejected && $0.stream == "reject" }
    static let unfinished = malformed.filter { $0.stream == "incomplete" }
    static let short = malformed.filter { $0.stream == "split" }
    static let lenient = malformed.filter { !$0.isRejected }

    private static let disconnected = "sidecar transport disconnected: "

    /// The error of a request to which the peer answers with `actions`, and the peer's end.
    private func answer(_ actions: String, more: String = "") throws -> (
        error: HostError?, peer: ScriptedPeer
    ) {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/x", actions))]", more: more)
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let error = failure { _ = try vm.exists("/x", limit: 5 * second) }
        if error?.status == AOS_E_SIDECAR {
            #expect(eventually { peer.hasEnded && sidecar.processID == nil })
        }
        try vm.shutdown()
        return (error, peer)
    }

    @Test("the vectors are all there")
    func count() {
        #expect(Self.malformed.count == 49)
        #expect(Self.wrong.count + Self.unfinished.count + Self.short.count + Self.lenient.count == 49)
    }

    @Test(
        "a malformed frame is fatal, with the codec's text (case 21, R11)",
        arguments: wrong
    )
    func fatal(frame: MalformedFrame) throws {
        let (error, peer) = try answer("{\"hex\":\"\(frame.hex)\"}", more: "\"ignoreEOF\":true")
        let message = try #require(error).message
        let text = try #require(frame.text)
        // A JSON parser's own words are nobody's contract (wire-protocol.md 10), and BARE is what we speak
        // (12).
        let start = "protocol frame deserialization failed: "
        let isFixed =
            !text.hasPrefix(start)
            || ["unexpected end", "invalid utf-8", "continuation bit", "unknown "].contains {
                text.dropFirst(start.count).hasPrefix($0)
            }
                && !text.contains("variant")
        let expected = Self.disconnected + "sidecar protocol error: " + (isFixed ? text : start)
        #expect(isFixed ? message == expected : message.hasPrefix(expected), "\(message)")
        #expect(error?.kind == "sidecar")
        // Killed, not asked.
        #expect(peer.hasEnded && peer.exits.isEmpty)
    }

    @Test(
        "a frame that never becomes whole is told when the stream ends (case 21)",
        arguments: unfinished
    )
    func incomplete(frame: MalformedFrame) throws {
        let hex = frame.hex.isEmpty ? "" : "{\"hex\":\"\(frame.hex)\"},"
        let (error, _) = try answer(hex + "{\"exit\":0}")
        let torn =
            switch frame.size {
            case 0: ""
            case ..<4: " (truncated frame: \(frame.size) of 4 bytes)"
            default:
                " (truncated frame: \(frame.size - 4) of \(Int(frame.hex.prefix(8), radix: 16) ?? -1) bytes)"
            }
        #expect(
            error?.message == Self.disconnected + "sidecar process exited with code 0" + torn,
            "\(String(describing: error))"
        )
    }

    @Test(
        "a frame whose length is short is cut there, and is wrong (case 21)",
        arguments: short
    )
    func split(frame: MalformedFrame) throws {
        let (error, _) = try answer("{\"hex\":\"\(frame.hex)\"},{\"exit\":0}")
        let message = try #require(error).message
        #expect(message.hasPrefix(Self.disconnected + "sidecar protocol error: protocol frame"), "\(message)")
    }

    @Test(
        "a form that may be read either way is an error or an answer to nobody, and never a hang (case 21)",
        arguments: lenient
    )
    func either(frame: MalformedFrame) throws {
        let (error, peer) = try answer("{\"hex\":\"\(frame.hex)\"},{\"default\":true}")
        if let error {
            #expect(error.message.hasPrefix(Self.disconnected + "sidecar protocol error: "), "\(error)")
        } else {
            #expect(peer.starts.count == 1)
        }
    }

    @Test("another dialect is told by its name and version (decision 7)")
    func dialect() throws {
        for (name, version) in [("agent-os-sidecar", 2), ("agent-os-sidecar-next", 1)] {
            let frame =
                #"{"frame":{"frame_type":"response","schema":{"name":"\#(name)","version":\#(version)},"request_id":5,"ownership":{"scope":"connection","connection_id":"c"},"payload":{"type":"rejected","code":"a","message":"b"}}}"#
            let (error, _) = try answer(frame)
            let text = "unsupported protocol schema \(name)@\(version); expected agent-os-sidecar@1"
            #expect(
                error?.message == Self.disconnected + "sidecar protocol error: " + text,
                "\(String(describing: error))"
            )
        }
    }

    @Test("a request or an answer to a callback is not for us (case 22)")
    func unexpected() throws {
        let owner =
            #""ownership":{"scope":"vm","connection_id":"conn-1","session_id":"session-1","vm_id":"vm-1"}"#
        let schema = #""schema":{"name":"agent-os-sidecar","version":1}"#
        let frames = [
            (
                "request",
                #"{"frame_type":"request",\#(schema),"request_id":1,\#(owner),"payload":{"type":"get_process_snapshot"}}"#
            ),
            (
                "sidecar_response",
                #"{"frame_type":"sidecar_response",\#(schema),"request_id":-1,\#(owner),"payload":{"type":"js_bridge_result","call_id":"c"}}"#
            ),
        ]
        for (type, frame) in frames {
            let (error, peer) = try answer("{\"frame\":\(frame)}", more: "\"ignoreEOF\":true")
            #expect(
                error?.message == Self.disconnected
                    + "sidecar protocol error: unexpected inbound frame: \(type)",
                "\(String(describing: error))"
            )
            #expect(peer.hasEnded && peer.exits.isEmpty)
        }
    }

    @Test("bytes that are no protocol at all (D12, R11)")
    func chatter() throws {
        let (error, _) = try answer(#"{"text":"Hello, world\n"}"#)
        #expect(
            error?.message
                == Self.disconnected
                + "sidecar protocol error: protocol frame is 1214606444 bytes, limit is 1048576"
        )
    }

    @Test("frames that come byte by byte are the same frames (case 23)")
    func dripping() throws {
        let peer = ScriptedPeer(
            #"[{"on":"start","do":[{"drip":1}]},\#(ScriptedPeer.onPath("/x", #"{"event":{"type":"vm_lifecycle","state":"ready"}},{"default":true}"#))]"#
        )
        let vm = try peer.plainSidecar().createVM()
        for _ in 0..<20 { #expect(try vm.exists("/x")) }
        try vm.shutdown()
        #expect(peer.exits == [0])
    }

    @Test("1,000 frames in one write are all taken (case 23)")
    func manyAtOnce() throws {
        let rules = [
            ScriptedPeer.on(
                "execute",
                #"{"hold":true},{"default":true},{"repeat":1000,"do":[{"event":{"type":"process_output","process_id":"$processId","channel":"stdout","chunk":{"text":"$i\n"}}}]},{"event":{"type":"process_exited","process_id":"$processId","exit_code":7}},{"flush":true}"#
            )
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let vm = try peer.plainSidecar().createVM()
        let run = try vm.run(argv: ["count"])
        #expect(run.code == 7)
        #expect(run.outputText == (1...1000).map { "\($0)\n" }.joined())
    }

    @Test("the end inside a frame says how much of it was there (case 24)")
    func torn() throws {
        let prefix = try answer(#"{"hex":"0000"},{"exit":1}"#).error
        #expect(
            prefix?.message == Self.disconnected
                + "sidecar process exited with code 1 (truncated frame: 2 of 4 bytes)",
            "\(String(describing: prefix))"
        )
        let payload = try answer(#"{"hex":"00000010 02106167"},{"stderr":"oops"},{"exit":1}"#).error
        let text = "sidecar process exited with code 1 (truncated frame: 4 of 16 bytes)\nstderr:\noops"
        #expect(payload?.message == Self.disconnected + text, "\(String(describing: payload))")
        #expect(payload?.exitCode == 1)
    }

    @Test("a length of 4 GiB costs neither time nor memory (case 20, R11)", .enabled(if: ChildHost.isThere))
    func huge() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/huge", #"{"hex":"ffffffff"}"#))]",
            more: "\"ignoreEOF\":true"
        )
        let run = try ChildHost.run(["huge-prefix"], options: peer.options())
        #expect(run.succeeded, "\(run)")
        let text = "protocol frame is 4294967295 bytes, limit is 1048576"
        #expect(
            run.value("exists")
                == "AOS_E_SIDECAR sidecar transport disconnected: sidecar protocol error: \(text)",
            "\(run)"
        )
        #expect((run.number("milliseconds") ?? .max) < 1000, "\(run)")
        #expect((run.number("growth") ?? .max) < 2048, "\(run)")
        #expect(peer.hasEnded && peer.exits.isEmpty)
    }
}
