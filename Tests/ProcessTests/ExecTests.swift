// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("A command that is run to its end (process.md 4)")
struct ExecTests {
    private typealias S = ProcessScript

    @Test("both channels are kept apart, and complete (case 7)")
    func channels() throws {
        let peer = S.peer(
            S.on("execute", S.answer, S.output("a"), S.output("e", "stderr"), S.output("b"), S.exit(0))
        )
        let result = try peer.sidecar().createVM().run("x")
        #expect(result.outputText == "ab" && result.errorText == "e")
        #expect(result.code == 0 && result.flags == 0)
    }

    @Test("an exit code is a result, whatever it is (case 8)", arguments: [7, -1, 256, 1, 2_147_483_647])
    func exitCodes(code: Int) throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(code)))
        #expect(try peer.sidecar().createVM().run("x").code == Int32(code))
    }

    @Test("a command that does not exist is the sidecar's refusal, and no exit code (case 9)")
    func rejected() throws {
        let text = "command not found on native sidecar path: nope"
        let peer = S.peer(S.on("execute", S.reject("invalid_state", text)))
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.run("nope", stdin: Array("abc".utf8)) }
        #expect(error?.status == AOS_E_REMOTE && error?.kind == "kernel")
        #expect(error?.code == "invalid_state" && error?.message == text)
        #expect(peer.typesAfterCreation == ["execute"])
        let op = try vm.submitExec("nope")
        let last = try end(of: op, vm.sidecar)
        #expect(last?.status == AOS_E_REMOTE && last?.error?.message == text && last?.data == [])
    }

    @Test("a refusal with an errno tells it")
    func errno() throws {
        let peer = S.peer(
            S.on("execute", S.reject("kernel_error", "EACCES: permission denied, spawn 'node': blocked"))
        )
        let error = failure { _ = try peer.sidecar().createVM().run("node x") }
        #expect(error?.status == AOS_E_REMOTE && error?.errno == "EACCES" && error?.code == "kernel_error")
    }

    @Test("stdin is one write, and then it is closed (case 10)")
    func stdin() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("close_stdin", S.answer, S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        _ = try vm.run("cat", stdin: Array("xyz".utf8))
        #expect(peer.typesAfterCreation == ["execute", "write_stdin", "close_stdin"])
        #expect(peer.chunkTexts == ["xyz"])
        _ = try vm.run("cat")
        #expect(
            peer.typesAfterCreation == ["execute", "write_stdin", "close_stdin", "execute", "close_stdin"]
        )
    }

    @Test("an exit that comes with the start is not missed, 20,000 times (case 11)", .timeLimit(.minutes(10)))
    func exitWithStart() throws {
        let peer = S.peer(
            S.on("execute", "{\"hold\":true}", S.answer, S.output("x"), S.exit(5), "{\"flush\":true}")
        )
        let vm = try peer.sidecar().createVM()
        var wrong = 0
        for _ in 0..<20_000 {
            let result = try vm.run("x", limit: 10 * second)
            if result.code != 5 || result.output != [0x78] { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test("10,000 chunks of 1 KiB arrive complete and in order (case 12)", .timeLimit(.minutes(10)))
    func manyChunks() throws {
        let filling = String(repeating: "x", count: 1000)
        let peer = S.peer(S.on("execute", S.answer, S.times(10_000, S.output("$i:\(filling)\n")), S.exit(0)))
        let result = try peer.sidecar().createVM().run("x")
        let expected = (1...10_000).map { "\($0):\(filling)\n" }.joined()
        #expect(result.output.elementsEqual(expected.utf8))
    }

    @Test("bytes are exact, also where a chunk cuts a character or they are no text (cases 13, 14)")
    func bytes() throws {
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.output(hex: "f09f"),
                S.output(hex: "9880"),
                S.output(hex: "ff0080"),
                S.exit(0)
            )
        )
        let result = try peer.sidecar().createVM().run("x")
        #expect(result.output == [0xF0, 0x9F, 0x98, 0x80, 0xFF, 0x00, 0x80])
    }

    @Test("all of the command's output is one event for each channel, then its end with the flags")
    func asynchronous() throws {
        let peer = S.peer(
            S.on("execute", S.answer, S.output("a"), S.output("e", "stderr"), S.output("b"), S.exit(3))
        )
        let vm = try peer.sidecar().createVM()
        let direct = try vm.sidecar.events(of: try vm.submitExec("x y"))
        let argv = try vm.sidecar.events(of: try vm.submitExec(argv: ["x", "y"]))
        for events in [direct, argv] {
            #expect(events.map(\.kind) == [AOS_EV_STDOUT, AOS_EV_STDERR, AOS_EV_COMPLETE])
            #expect(events.map(\.sequence) == [1, 2, 3])
            #expect(events.map(\.text) == ["ab", "e", "{}"])
            #expect(
                events.last?.value == 3 && events.last?.status == AOS_OK && events.last?.flags == AOS_EVF_JSON
            )
        }
        #expect(peer.commands == [["x", "y"], ["x", "y"]])
    }

    @Test("past the bound output is read on and not kept, and a flag says so (case 18)")
    func bound() throws {
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.times(10, S.output(bytes: 10, fill: "abcdefghij")),
                S.output("e", "stderr"),
                S.exit(4)
            )
        )
        let vm = try peer.sidecar().createVM()
        let few = try vm.run("x", .members(["maxOutputBytes": .integer(15)]))
        #expect(few.outputText == "abcdefghijabcde" && few.errorText == "e" && few.code == 4)
        #expect(few.flags == AOS_EXEC_STDOUT_TRUNCATED)
        let exactly = try vm.run("x", .members(["maxOutputBytes": .integer(100)]))
        #expect(exactly.output.count == 100 && exactly.flags == 0)
        let none = try vm.run("x", .members(["maxOutputBytes": .integer(0)]))
        #expect(none.output == [] && none.error == [] && none.code == 4)
        #expect(none.flags == AOS_EXEC_STDOUT_TRUNCATED | AOS_EXEC_STDERR_TRUNCATED)
    }

    @Test("captureStdio false keeps nothing, and that is no truncation (process.md 4.2)")
    func noCapture() throws {
        let peer = S.peer(S.on("execute", S.answer, S.output("abc"), S.exit(4)))
        let result = try peer.sidecar().createVM().run("x", .members(["captureStdio": .bool(false)]))
        #expect(result.output == [] && result.error == [] && result.code == 4)
        #expect(result.flags == 0)
    }

    @Test("commands at the same time get their own output each (case 19)")
    func interleaved() throws {
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.delay(20),
                S.output("$processId 1;"),
                S.delay(20),
                S.output("$processId 2;"),
                S.delay(20),
                S.exit(0)
            )
        )
        let vm = try peer.sidecar().createVM()
        let ops = try (0..<8).map { _ in try vm.submitExec("x") }
        let texts = try ops.map { try vm.sidecar.events(of: $0).first?.text ?? "" }
        let names = peer.requests("execute").compactMap { $0["process_id"]?.stringValue }
        #expect(names.count == 8 && Set(texts) == Set(names.map { "\($0) 1;\($0) 2;" }))
    }

    @Test("an event of another VM with the same process id concerns nobody (case 19)")
    func foreignEvent() throws {
        let other = """
            ,"ownership":{"scope":"vm","connection_id":"$connectionId","session_id":"$sessionId","vm_id":"vm-99"}}
            """
        let foreign = [S.output("foreign"), S.exit(9)].map { $0.dropLast() + other }
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                String(foreign[0]),
                S.output("own"),
                String(foreign[1]),
                S.delay(50),
                S.exit(0)
            )
        )
        let vm = try peer.sidecar().createVM()
        let result = try vm.run("x")
        #expect(result.outputText == "own" && result.code == 0)
        #expect(try vm.sidecar.diagnostics()["unknownEvents"]?.integerValue == 2)
    }

    @Test("a write that fails is told in the result, and does not hide it (process.md 4.3)")
    func stdinError() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("write_stdin", S.reject("execution_error", "broken")),
            S.on("close_stdin", S.answer, S.exit(6))
        )
        let vm = try peer.sidecar().createVM()
        let result = try vm.run("cat", stdin: [1])
        #expect(result.code == 6 && result.flags == AOS_EXEC_STDIN_FAILED)
        let events = try vm.sidecar.events(of: try vm.submitExec("cat", stdin: [1]))
        #expect(events.last?.text == "{\"stdinError\":\"broken\"}")
    }

    @Test("a command that ended before its stdin came is no error of stdin")
    func stdinTooLate() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on(
                "write_stdin",
                S.reject("invalid_state", "VM vm-1 has no active process $processId"),
                S.exit(0)
            )
        )
        let result = try peer.sidecar().createVM().run("true", stdin: [1])
        #expect(result.code == 0 && result.flags == 0)
    }

    @Test("what comes before the answer to the start is kept for it (process.md 3.2)")
    func beforeTheStart() throws {
        let peer = S.peer(S.on("execute", S.output("early"), S.exit(8), S.delay(50), S.answer))
        let vm = try peer.sidecar().createVM()
        let result = try vm.run("x")
        #expect(result.outputText == "early" && result.code == 8)
        let (output, _, last) = try vm.spawn(["x"]).finish()
        #expect(output == Array("early".utf8) && last.value == 8)
    }

    @Test("from 16 threads at once each command gets its own result")
    func threads() throws {
        let peer = S.peer(S.on("execute", S.answer, S.output("$processId"), S.exit(1)))
        let vm = try peer.sidecar().createVM()
        let names = Guarded<[String]>([])
        onThreads(16) { _ in
            for _ in 0..<50 {
                guard let result = try? vm.run("x"), result.code == 1 else { continue }
                names.withLock { $0.append(result.outputText) }
            }
        }
        let all = names.withLock { $0 }
        let expected = peer.requests("execute").compactMap { $0["process_id"]?.stringValue }
        #expect(all.count == 800 && Set(all) == Set(expected) && Set(all).count == 800)
    }
}
