// SPDX-License-Identifier: Apache-2.0
import AgentOSBare
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite("InboundFrame: frames decoded for use")
struct InboundFrameTests {
    private func payload(_ frame: ProtocolFrame) throws -> [UInt8] {
        Array(try FrameCodec.encode(frame).dropFirst(FrameCodec.prefixSize))
    }

    private func read(
        _ content: String?,
        _ encoding: RootFilesystemEntryEncoding?,
        operation: GuestFilesystemOperation = .readFile,
        change: (inout GuestFilesystemResultResponse) -> Void = { _ in }
    ) throws -> InboundFrame {
        var result = GuestFilesystemResultResponse(
            operation: operation,
            path: "/f",
            content: content,
            encoding: encoding
        )
        change(&result)
        return try InboundFrame.decode(
            payload: try payload(
                .response(
                    ResponseFrame(
                        schema: Dialect.schema,
                        requestId: 7,
                        ownership: .testVM,
                        payload: .guestFilesystemResult(result)
                    )
                )
            )
        )
    }

    private func content(_ frame: InboundFrame) throws -> FileContent {
        guard case .response(7, let owner, .fileContent(let content)) = frame, owner.scope == .testVM else {
            throw VectorError("\(frame)")
        }
        return content
    }

    private func bytes(_ frame: InboundFrame) throws -> [UInt8] {
        guard case .bytes(let block) = try content(frame) else { throw VectorError("\(frame)") }
        return Array(block.bytes)
    }

    @Test("the answer to read_file is the file's bytes, from text or from base64")
    func fileContent() throws {
        #expect(try bytes(read("", nil)) == [])
        #expect(try bytes(read("\u{FEFF}ü\0", nil)) == [0xEF, 0xBB, 0xBF, 0xC3, 0xBC, 0])
        #expect(try bytes(read("aGk=", .utf8)) == Array("aGk=".utf8))
        #expect(try bytes(read("aGk=", .base64)) == Array("hi".utf8))
        #expect(try bytes(read("", .base64)) == [])
    }

    @Test("content of every size up to 300 bytes comes back from base64")
    func sizes() throws {
        var generator = SeededGenerator(seed: 3)
        for count in 0...300 {
            let content = generator.bytes(count)
            #expect(
                try bytes(read(String(decoding: Base64Reference.encode(content), as: UTF8.self), .base64))
                    == content
            )
        }
    }

    @Test("no content is not empty content, and bad base64 is neither")
    func noContent() throws {
        guard case .absent = try content(read(nil, .base64)) else { throw VectorError("not absent") }
        for text in ["a", "aGk", "a===", "aGl=", "****", "aGk=aGk="] {
            guard case .invalidBase64 = try content(read(text, .base64)) else { throw VectorError(text) }
        }
    }

    @Test("other operations, and an answer with more in it than a read has, go through the general decoder")
    func generalDecoder() throws {
        guard case .response(7, _, .payload(.guestFilesystemResult)) = try read("x", nil, operation: .stat)
        else {
            throw VectorError("stat")
        }
        guard
            case .response(7, _, .payload(.guestFilesystemResult(let result))) = try read(
                "x",
                nil,
                change: { $0.exists = true }
            )
        else { throw VectorError("exists") }
        #expect(result.exists == true)
        guard
            case .response(7, _, .payload(.guestFilesystemResult)) = try read(
                "x",
                nil,
                change: { $0.target = "" }
            )
        else { throw VectorError("target") }
    }

    @Test("process output is its bytes, whatever they are")
    func output() throws {
        let event = ProcessOutputEvent(processId: "p", channel: .stderr, chunk: Array(UInt8.min...UInt8.max))
        let frame = EventFrame(schema: Dialect.schema, ownership: .testVM, payload: .processOutput(event))
        guard
            case .event(let owner, .output("p", .stderr, let block)) = try InboundFrame.decode(
                payload: try payload(.event(frame))
            )
        else { throw VectorError("no output") }
        #expect(owner.scope == .testVM)
        #expect(block.bytes.elementsEqual(UInt8.min...UInt8.max))
    }

    @Test("each frame of a stream has its own owner, whatever the one before had")
    func owners() throws {
        let scopes: [OwnershipScope] = [
            .testVM, .testVM, .testSession, .connection("c"), .testVM,
            .vm(VmOwnership(connectionId: "c", sessionId: "s", vmId: "v2")), .testVM,
            .vm(VmOwnership(connectionId: "cs", sessionId: "", vmId: "v")), .testVM,
        ]
        var last: FrameOwner?
        for (index, scope) in scopes.enumerated() {
            let rejection = RejectedResponse(code: "c", message: "m")
            let frame = ResponseFrame(
                schema: Dialect.schema,
                requestId: Int64(index + 1),
                ownership: scope,
                payload: .rejected(rejection)
            )
            var writer = BareWriter()
            ProtocolFrame.response(frame).write(to: &writer)
            let payload = writer.finish()
            if scope.ids.contains(where: { $0.value.isEmpty }) {
                #expect(throws: FrameError.emptyOwnership(field: "session_id")) {
                    try payload.withUnsafeBytes { try InboundFrame.decode($0, &last) }
                }
                continue
            }
            let decoded = try payload.withUnsafeBytes { try InboundFrame.decode($0, &last) }
            guard case .response(let id, let owner, .payload(.rejected)) = decoded else {
                throw VectorError("\(decoded)")
            }
            #expect(id == Int64(index + 1) && owner.scope == scope)
            #expect(owner == FrameOwner(scope))
        }
    }

    @Test("an owner with padded lengths is the same owner, and the next frame is read as it stands")
    func paddedOwner() throws {
        var last: FrameOwner?
        for padding in [false, true, false] {
            var writer = BareWriter()
            writer.uint(2)
            Dialect.schema.write(to: &writer)
            writer.i64(3)
            writer.uint(1)
            if padding { writer.bytes += [0x81, 0x00] } else { writer.uint(1) }
            writer.bytes += Array("c".utf8)
            ResponsePayload.rejected(RejectedResponse(code: "c", message: "m")).write(to: &writer)
            let payload = writer.finish()
            let frame = try payload.withUnsafeBytes { try InboundFrame.decode($0, &last) }
            guard case .response(3, let owner, .payload(.rejected(let rejection))) = frame else {
                throw VectorError("\(frame)")
            }
            #expect(owner == FrameOwner(.connection("c")) && rejection.message == "m")
        }
    }

    @Test("a frame that only a host may send is named, not taken", arguments: Vector.frames)
    func direction(vector: Vector) throws {
        let kind = vector.text("kind")
        switch try InboundFrame.decode(payload: vector.payload) {
        case .response: #expect(kind == "response")
        case .event: #expect(kind == "event")
        case .callback: #expect(kind == "sidecar_request")
        case .unexpected(let type): #expect(type == kind && (kind == "request" || kind == "sidecar_response"))
        }
    }

    @Test("a path that is not UTF-8 is refused also in the answer to read_file (wire-protocol.md 3)")
    func invalidPath() throws {
        let result = GuestFilesystemResultResponse(operation: .readFile, path: "/PATH", content: "x")
        let frame = ResponseFrame(
            schema: Dialect.schema,
            requestId: 7,
            ownership: .testVM,
            payload: .guestFilesystemResult(result)
        )
        var bytes = try payload(.response(frame))
        let place = try #require(bytes.firstIndex(of: UInt8(ascii: "P")))
        bytes[place] = 0xFF
        expectInvalidUTF8(bytes)
    }

    @Test(
        "content that is not UTF-8 is refused, as text and as base64 (wire-protocol.md 3)",
        arguments: [nil, RootFilesystemEntryEncoding.base64]
    )
    func invalidContent(encoding: RootFilesystemEntryEncoding?) throws {
        let result = GuestFilesystemResultResponse(
            operation: .readFile,
            path: "/f",
            content: "CCCC",
            encoding: encoding
        )
        let frame = ResponseFrame(
            schema: Dialect.schema,
            requestId: 7,
            ownership: .testVM,
            payload: .guestFilesystemResult(result)
        )
        var bytes = try payload(.response(frame))
        let place = try #require(bytes.firstIndex(of: UInt8(ascii: "C")))
        bytes[place] = 0xFF
        expectInvalidUTF8(bytes)
    }

    private func expectInvalidUTF8(_ payload: [UInt8]) {
        do throws(FrameError) {
            _ = try InboundFrame.decode(payload: payload)
            Issue.record("accepted")
        } catch {
            guard case .undecodable(.invalidUTF8) = error else {
                Issue.record("\(error.text)")
                return
            }
        }
    }

    @Test(
        "a sidecar of another dialect is called that, also where the rest is garbage (architecture decision 7)"
    )
    func foreignDialect() throws {
        for tag in UInt8(1)...5 {
            var writer = BareWriter()
            writer.uint(UInt64(tag))
            writer.str("agent-os-sidecar")
            writer.u16(2)
            let payload = writer.finish() + [0xFF, 0xFF, 0xFF]
            let expected = FrameError.unsupportedSchema(name: "agent-os-sidecar", version: 2)
            #expect(throws: expected) { try InboundFrame.decode(payload: payload) }
            #expect(throws: expected) { try FrameCodec.decode(payload: payload) }
        }
    }
}
