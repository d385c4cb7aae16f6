// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("A program that streams what it writes (process.md 5 to 9)")
struct SpawnTests {
    private typealias S = ProcessScript

    @Test("output comes as it comes, in order, and the exit is last and once (cases 23, 24)")
    func stream() throws {
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.output("a"),
                S.output("b", "stderr"),
                S.output("c"),
                S.delay(30),
                S.output("d"),
                S.exit(-3)
            )
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let events = try vm.sidecar.events(of: process.op)
        #expect(
            events.map(\.kind) == [
                AOS_EV_STDOUT, AOS_EV_STDERR, AOS_EV_STDOUT, AOS_EV_STDOUT, AOS_EV_COMPLETE,
            ]
        )
        #expect(events.map(\.text) == ["a", "b", "c", "d", ""])
        #expect(events.map(\.sequence) == [1, 2, 3, 4, 5])
        #expect(events.allSatisfy { $0.object == process.id && $0.op == process.op && $0.status == AOS_OK })
        #expect(events.last?.value == -3)
        #expect(process.isStale)
    }

    @Test("what came before anybody took it is kept from the first byte (case 23)")
    func late() throws {
        let peer = S.peer(S.on("execute", S.answer, S.times(3, S.output("$i;")), S.exit(0)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        // A write to it fails when it is known to have ended.
        #expect(eventually { failure { try process.write([1]) } != nil })
        #expect(try process.finish().output == Array("1;2;3;".utf8))
    }

    @Test("a program that cannot be started is the sidecar's refusal: no exit code, no output (decision 17)")
    func rejected() throws {
        let text = "command not found on native sidecar path: nope"
        let peer = S.peer(S.on("execute", S.delay(100), S.reject("invalid_state", text)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["nope"])
        let queued = [try process.submitWrite("a"), try process.submitWrite("b")]
        let killed = try process.submitKill("KILL")
        let events = try vm.sidecar.events(of: process.op)
        #expect(events.count == 1)
        #expect(events.first?.status == AOS_E_REMOTE && events.first?.value == 0)
        #expect(events.first?.error?.code == "invalid_state" && events.first?.error?.message == text)
        for op in queued {
            let last = try end(of: op, vm.sidecar)
            #expect(last?.status == AOS_E_REMOTE && last?.error?.message == text)
        }
        #expect(try end(of: killed, vm.sidecar) != nil)
        #expect(peer.typesAfterCreation == ["execute"])
        #expect(failure { try process.write([1]) }?.status == AOS_E_NOT_FOUND)
    }

    @Test(
        "what is asked right after the start waits for it, in order, each after the answer before (case 21)"
    )
    func order() throws {
        let peer = S.barePeer(
            S.on("execute", S.delay(100), S.answer),
            S.on("write_stdin", S.delay(60), S.answer),
            S.on("close_stdin", S.answer, S.exit(0))
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let ops = [
            try process.submitWrite("a"), try process.submitWrite("b"), try process.submitClose(),
            try process.submitKill("HUP"),
        ]
        #expect(try process.finish().last.value == 0)
        for op in ops { #expect(try end(of: op, vm.sidecar)?.status == AOS_OK) }
        let types = peer.typesAfterCreation
        #expect(
            types.filter { $0 != "kill_process" } == ["execute", "write_stdin", "write_stdin", "close_stdin"]
        )
        // The signal passes the writes that wait, and never the start.
        #expect(types.firstIndex(of: "kill_process") == 1 || types.firstIndex(of: "kill_process") == 2)
        #expect(peer.chunkTexts == ["a", "b"] && peer.signals == ["SIGHUP"])
        let writes = peer.times(of: "write_stdin") + peer.times(of: "close_stdin")
        #expect(writes.count == 3 && writes[1] - writes[0] >= 55 && writes[2] - writes[1] >= 55)
    }

    @Test("writes from many threads arrive whole, and close behind all of them")
    func manyWriters() throws {
        let peer = S.barePeer(S.on("execute", S.answer), S.on("close_stdin", S.answer, S.exit(0)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        onThreads(8) { thread in
            for index in 0..<10 { _ = failure { try process.write(Array("\(thread).\(index);".utf8)) } }
        }
        try process.closeInput()
        #expect(try process.finish().last.value == 0)
        let chunks = peer.chunkTexts
        #expect(chunks.count == 80 && peer.requestTypes.last == "close_stdin")
        for thread in 0..<8 {
            #expect(chunks.filter { $0.hasPrefix("\(thread).") } == (0..<10).map { "\(thread).\($0);" })
        }
    }

    @Test("after close a write is refused, and closing again succeeds (process.md 6.1)")
    func closed() throws {
        let peer = S.peer()
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        try process.closeInput()
        try process.closeInput()
        let error = failure { try process.write([1]) }
        #expect(error?.status == AOS_E_INVALID && error?.message == "stdin closed")
        #expect(peer.requests("close_stdin").count == 1 && peer.requests("write_stdin").isEmpty)
        try process.kill(nil)
        #expect(try process.finish().last.value == 143)
        try process.closeInput()
    }

    @Test("after the end: signals succeed and nothing is sent, writes say so (case 28)")
    func afterEnd() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        _ = try process.finish()
        try process.kill(nil)
        try process.kill("KILL")
        try process.kill("0")
        try process.closeInput()
        let error = failure { try process.write([1]) }
        #expect(error?.status == AOS_E_NOT_FOUND && error?.message == "process already exited")
        #expect(try end(of: try process.submitKill("TERM"), vm.sidecar)?.status == AOS_OK)
        #expect(try end(of: try process.submitClose(), vm.sidecar)?.status == AOS_OK)
        #expect(failure { _ = try process.submitWrite("a") }?.status == AOS_E_NOT_FOUND)
        #expect(peer.typesAfterCreation == ["execute"])
    }

    @Test("an id that no process ever had is stale (case 27)")
    func unknownProcess() throws {
        let peer = S.peer(S.on("execute", S.answer, S.exit(0)))
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let other = try S.peer().sidecar().createVM()
        let foreign = try other.spawn(["x"])
        let limit = 10 * second
        for id in [999_999, vm.id, foreign.id, aos_id.max] {
            let errors = [
                failure { try check { aos_process_write_stdin(sidecar.handle, id, [1], 1, limit, $0) } },
                failure { try check { aos_process_close_stdin(sidecar.handle, id, limit, $0) } },
                failure { try check { aos_process_kill(sidecar.handle, id, "TERM", limit, $0) } },
            ]
            #expect(errors.map(\.?.status) == [AOS_E_STALE, AOS_E_STALE, AOS_E_STALE])
        }
        try foreign.kill("TERM")
        _ = try foreign.finish()
        #expect(peer.typesAfterCreation == [])
    }

    @Test("output after the exit and a second exit are ignored (case 31)")
    func afterExit() throws {
        let peer = S.peer(
            S.on(
                "execute",
                S.answer,
                S.output("a"),
                S.exit(1),
                S.output("late"),
                S.exit(2),
                S.output("later", "stderr")
            )
        )
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let events = try vm.sidecar.events(of: process.op)
        #expect(events.map(\.text) == ["a", ""] && events.last?.value == 1)
        #expect(try vm.run("x").outputText == "a")
        #expect(process.isStale)
    }

    @Test("the end is seen by all who wait for it, from eight threads (case 30)")
    func manyWaiters() throws {
        let peer = S.peer(S.on("execute", S.answer, S.delay(150), S.exit(9)))
        let vm = try peer.sidecar().createVM()
        let process = try vm.spawn(["x"])
        let woken = Counter()
        onThreads(8) { _ in
            var op = process.op
            if aos_op_wait(vm.sidecar.handle, &op, 1, 10 * second, nil) == AOS_OK { woken.increment() }
        }
        #expect(woken.value == 8)
        let ends = Counter()
        onThreads(8) { _ in
            if let event = try? vm.sidecar.take(process.op, limit: second), event.value == 9 {
                ends.increment()
            }
        }
        #expect(ends.value == 1)
    }

    @Test("what a JavaScript program never wrote is not its stderr, and all else is (X3)")
    func noise() throws {
        let stream = "[ERR_LATE_STREAM_EVENT] dropping StreamEvent after execution completed "
        let termination =
            "[ERR_LATE_TERMINATE_EXECUTION] dropping TerminateExecution after execution completed"
        let noise = [
            stream + "(event_type=stdin_end, payload_len=0)", stream + "(event_type=stdin, payload_len=12)",
            stream + "(event_type=signal, payload_len=3)", termination,
        ]
        let own = [
            termination + "\\n", " " + termination, termination + "x",
            stream + "(event_type=stdin, payload_len=x)",
            "[ERR_LATE", "",
        ]
        let actions = (noise + own).map { S.output($0.replacing("\\n", with: "\n"), "stderr") }
        let all = [S.answer] + actions + [S.output(termination), S.exit(0)]
        let peer = ScriptedPeer(
            "[{\"on\":\"execute\",\"do\":[\(all.joined(separator: ","))]},\(S.diesOfSignals)]"
        )
        let vm = try peer.sidecar().createVM()
        let kept = own.map { $0.replacing("\\n", with: "\n") }.joined()
        for program in ["node", "/usr/bin/node", "a.mjs", "./b.js", "c.cjs", "npx"] {
            let result = try vm.run(argv: [program, "x"])
            #expect(result.errorText == kept, "\(program)")
            #expect(result.outputText == termination, "stdout is never searched: \(program)")
        }
        // Other programs may write what they like.
        #expect(
            try vm.run(argv: ["cat"]).errorText
                == (noise + own).map { $0.replacing("\\n", with: "\n") }.joined()
        )
    }
}
