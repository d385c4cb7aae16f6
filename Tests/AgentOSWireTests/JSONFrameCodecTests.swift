// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("JSONFrameCodec: the JSON payload form (wire-protocol.md 13, vectors/json-frames.jsonl)")
struct JSONFrameCodecTests {
    @Test("every line of json-frames.jsonl is tested: 16")
    func count() {
        #expect(Vector.jsonFrames.count == 16)
        #expect(
            Vector.jsonFrames.allSatisfy { vector in
                Vector.frames.contains { $0.testDescription == vector.text("sameAs") }
            }
        )
    }

    private func binary(_ vector: Vector) throws -> Vector {
        try #require(Vector.frames.first { $0.testDescription == vector.text("sameAs") })
    }

    @Test("a JSON payload decodes to the same frame as its BARE twin", arguments: Vector.jsonFrames)
    func decodes(vector: Vector) throws {
        // Also the line that the reference cannot read back: its defect is not ours.
        let twin = try binary(vector)
        #expect(String(decoding: vector.payload, as: UTF8.self) == vector.text("text"))
        #expect(Hex.text(try FrameCodec.encode(try FrameCodec.decode(vector.frame))) == twin.text("hex"))
    }

    @Test("a frame is written in JSON as the reference writes it", arguments: Vector.jsonFrames)
    func encodes(vector: Vector) throws {
        let bytes = try JSONFrameCodec.encode(try FrameCodec.decode(try binary(vector).frame))
        #expect(String(decoding: bytes, as: UTF8.self) == vector.text("text"))
    }

    @Test("every golden frame survives the JSON form", arguments: Vector.canonical)
    func survives(vector: Vector) throws {
        let frame = try FrameCodec.decode(vector.frame)
        let text = try JSONFrameCodec.encode(frame)
        let again = try FrameCodec.decode(payload: text)
        #expect(try JSONFrameCodec.encode(again) == text)
        #expect(again.json == frame.json)
    }

    static let head =
        #""frame_type":"request","schema":{"name":"agent-os-sidecar","version":1},"request_id":2"#
    static let vm = #""ownership":{"scope":"vm","connection_id":"c","session_id":"s","vm_id":"v"}"#

    private func frame(_ payload: String) throws(FrameError) -> ProtocolFrame {
        try JSONFrameCodec.decode(text: "{\(Self.head),\(Self.vm),\"payload\":\(payload)}")
    }

    @Test("members in any order, unknown members and white space behind the object are fine")
    func tolerant() throws {
        let text =
            "{\"payload\":{\"zzz\":1,\"layer_id\":\"l\",\"type\":\"seal_layer\"},\"x\":[],\(Self.vm),\(Self.head)} \n"
        guard case .request(let frame) = try JSONFrameCodec.decode(text: text),
            case .sealLayer(let seal) = frame.payload
        else { throw VectorError("another frame") }
        #expect(seal.layerId == "l")
    }

    @Test(
        "what the JSON form does not allow is refused",
        arguments: [
            (#"{"type":"seal_layer","layer_id":"a","layer_id":"b"}"#, "duplicate field"),
            (#"{"type":"seal_layer"}"#, "missing field `layer_id`"),
            (#"{"type":"seal_layer","layer_id":null}"#, "expected a string"),
            (#"{"type":"seal_layer","layer_id":7}"#, "expected a string"),
            (#"{"type":"no_such","layer_id":"a"}"#, "unknown RequestPayload variant: no_such"),
            (#"{"layer_id":"a"}"#, "missing field `type`"),
            (#"[]"#, "expected an object"),
            (#"{"type":"find_listener","port":1.0}"#, "expected an integer"),
            (#"{"type":"find_listener","port":"1"}"#, "expected an integer"),
            (#"{"type":"find_listener","port":65536}"#, "integer out of range 0 to 65535"),
            (#"{"type":"find_listener","port":-1}"#, "integer out of range 0 to 65535"),
            (#"{"type":"write_stdin","process_id":"p","chunk":"text"}"#, "expected an array"),
            (#"{"type":"write_stdin","process_id":"p","chunk":[256]}"#, "integer out of range 0 to 255"),
            (#"{"type":"dispose_vm","reason":"no_such"}"#, "unknown DisposeReason variant: no_such"),
        ]
    )
    func refused(payload: String, reason: String) {
        do throws(FrameError) {
            _ = try frame(payload)
            Issue.record("accepted")
        } catch {
            #expect(error.kind == "DeserializeFailure")
            #expect(error.text.contains(reason), "\(error.text)")
        }
    }

    @Test("the error says where in the frame it is")
    func path() {
        do throws(FrameError) {
            _ = try frame(#"{"type":"write_stdin","process_id":"p","chunk":[1,2,"x"]}"#)
            Issue.record("accepted")
        } catch {
            #expect(error.text.contains("payload.chunk[2]: expected an integer"), "\(error.text)")
        }
    }

    @Test("members that may be left out have the reference's defaults")
    func defaults() throws {
        let create = #"{"type":"create_session","agent_type":"a","adapter_entrypoint":"/a","cwd":"/"}"#
        guard case .request(let frame) = try frame(create), case .createSession(let request) = frame.payload
        else { throw VectorError("another frame") }
        #expect(request.runtime == .javaScript)
        #expect(request.args.isEmpty && request.env.pairs.isEmpty && request.mcpServers.isEmpty)
        #expect(request.protocolVersion == 1)
        #expect(
            request.clientCapabilities.text
                == #"{"fs":{"readTextFile":true,"writeTextFile":true},"terminal":true}"#
        )
    }

    @Test("a permission scope is a mode or a rule set, told apart by its JSON type")
    func untagged() throws {
        func fs(_ text: String) throws -> FsPermissionScope {
            try FsPermissionScope(json: try JSONReader.parse(text))
        }
        guard case .mode(.deny) = try fs(#""deny""#) else { throw VectorError("no mode") }
        guard case .ruleSet(let rules) = try fs(#"{"anything":1}"#) else { throw VectorError("no rules") }
        #expect(rules.rules.isEmpty && rules.`default` == nil)
        #expect(
            throws: JSONFormError("data did not match any variant of untagged enum JsonFsPermissionScope")
        ) {
            try fs(#""perhaps""#)
        }
    }

    @Test(
        "JSON text in a frame is written with its members sorted, of repeated ones the last (wire-protocol.md 4)"
    )
    func sortedText() throws {
        let text = try JSONText(checking: #"{ "b" : 1e2, "a" : {"d":1,"c":2}, "b" : [] }"#)
        let request = SessionRequest(sessionId: "s", method: "m", params: text)
        let frame = ProtocolFrame.request(
            RequestFrame(
                schema: Dialect.schema,
                requestId: 1,
                ownership: .testVM,
                payload: .sessionRequest(request)
            )
        )
        let json = String(decoding: try JSONFrameCodec.encode(frame), as: UTF8.self)
        #expect(json.hasSuffix(#""params":{"a":{"c":2,"d":1},"b":[]}}}"#), "\(json)")
    }

    @Test("JSON with a foreign schema is called that, whatever else is wrong with it")
    func foreign() {
        let text = #"{"frame_type":"x","schema":{"name":"other","version":3}}"#
        #expect(throws: FrameError.unsupportedSchema(name: "other", version: 3)) {
            try JSONFrameCodec.decode(text: text)
        }
    }
}

extension OwnershipScope {
    static let testVM: OwnershipScope = .vm(VmOwnership(connectionId: "c", sessionId: "s", vmId: "v"))
    static let testSession: OwnershipScope = .session(SessionOwnership(connectionId: "c", sessionId: "s"))
}
