// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("A shell connected to descriptors of the host's", .serialized, .timeLimit(.minutes(10)))
struct ShellAttachTests {
    private typealias S = ProcessScript

    /// A shell that answers each line, and ends with 4 at the end of its input.
    private static func peer() -> ScriptedPeer {
        S.peer(
            S.on("execute", S.answer, S.output("hello;"), S.output("warning;", "stderr")),
            S.on("write_stdin", S.answer, S.output("line;")),
            S.on("close_stdin", S.answer, S.output("bye"), S.exit(4))
        )
    }

    @Test("a descriptor that is open for the other direction is refused by its name")
    func direction() throws {
        let shell = try Self.peer().sidecar().createVM().openShell()
        let pipe = try HostPipe()
        let calls: [(HostError?, says: String)] = [
            (
                failure { _ = try shell.attach(input: pipe.writing) },
                "in_fd: not open for reading: \(pipe.writing)"
            ),
            (
                failure { _ = try shell.attach(output: pipe.reading) },
                "out_fd: not open for writing: \(pipe.reading)"
            ),
            (
                failure { _ = try shell.attach(error: pipe.reading) },
                "err_fd: not open for writing: \(pipe.reading)"
            ),
        ]
        for (error, text) in calls {
            #expect(
                error?.status == AOS_E_INVALID && error?.message.contains(text) == true,
                "\(String(describing: error))"
            )
        }
    }

    @Test("case 51: input goes in, both channels come out, what came before is given first")
    func attach() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        // Written before anybody is attached.
        #expect(try vm.sidecar.take(shell.op)?.text == "hello;")
        let (input, output, error) = (try HostPipe.giving("echo a\n"), try HostPipe(), try HostPipe())
        let descriptors = [input.reading, output.writing, error.writing]
        let before = descriptors.map { flags(of: $0) }
        let code = try shell.attach(input: input.reading, output: output.writing, error: error.writing)
        #expect(code == 4)
        #expect(output.available() == "hello;line;bye" && error.available() == "warning;")
        #expect(peer.chunkTexts == ["echo a\n"])
        #expect(peer.typesAfterCreation == ["execute", "write_stdin", "close_stdin"])
        #expect(descriptors.map { flags(of: $0) } == before, "open, and as they were")
        // The first consumer is not disturbed.
        #expect(try vm.sidecar.events(of: shell.op).last?.value == 4)
    }

    @Test("a shell that has ended gives its output and its code at once")
    func ended() throws {
        let vm = try Self.peer().sidecar().createVM()
        let shell = try vm.openShell()
        try shell.closeInput()
        #expect(try shell.wait() == 4)
        let (input, output) = (try HostPipe(), try HostPipe())
        #expect(try shell.attach(input: input.reading, output: output.writing) == 4)
        #expect(output.available() == "hello;bye")
    }

    @Test("without descriptors nothing goes in, and what comes out is dropped")
    func nothing() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let op = try shell.submitAttach()
        #expect(try vm.sidecar.take(op, limit: 100 * millisecond) == nil)
        #expect(peer.typesAfterCreation == ["execute"], "the end of no input is not the end of its stdin")
        try shell.closeInput()
        let last = try end(of: op, vm.sidecar)
        #expect(last?.status == AOS_OK && last?.value == 4)
    }

    @Test("cancelled it ends, the descriptors are free, and the shell goes on")
    func cancelled() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let (input, output) = (try HostPipe(), try HostPipe())
        let op = try shell.submitAttach(input: input.reading, output: output.writing)
        input.write("one\n")
        #expect(output.read(11) == Array("hello;line;".utf8))
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try end(of: op, vm.sidecar)?.status == AOS_E_CANCELED)
        input.write("two\n")
        try shell.write("three\n")
        #expect(peer.chunkTexts == ["one\n", "three\n"])
        #expect(input.available() == "two\n" && output.available() == "")
        #expect(peer.signals == [])
        try shell.closeInput()
        #expect(try shell.wait() == 4)
    }

    @Test("input that the sidecar cannot take any more is told, and the shell goes on")
    func tooMuchInput() throws {
        let vm = try Self.peer().sidecar().createVM()
        let shell = try vm.openShell()
        let input = try HostPipe()
        let op = try shell.submitAttach(input: input.reading)
        let line = String(repeating: "x", count: 4095) + "\n"
        onThreads(1) { _ in for _ in 0..<20 { input.write(line) } }
        let last = try end(of: op, vm.sidecar)
        #expect(last?.status == AOS_E_TOO_LARGE && last?.error?.kind == "too_large")
        #expect(try shell.describe()["running"] == .bool(true))
        try shell.closeInput()
        #expect(try shell.wait() == 4)
    }

    @Test(
        "a slow reader gets all of a long output, also through a pipe that never blocks",
        arguments: [false, true]
    )
    func longOutput(isNonBlocking: Bool) throws {
        let size = 3 << 20
        let peer = S.peer(
            S.on("execute", S.answer, S.output("hello;")),
            S.on(
                "close_stdin",
                S.answer,
                S.times(48, S.output(bytes: 65_536, fill: "0123456789abcdef")),
                S.exit(1)
            )
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let output = try HostPipe()
        if isNonBlocking {
            _ = fcntl(output.writing, F_SETFL, fcntl(output.writing, F_GETFL) | O_NONBLOCK)
        }
        let op = try shell.submitAttach(output: output.writing)
        // Of what came before it only the newest MiB is kept: the flood begins when it is there.
        #expect(output.read(6) == Array("hello;".utf8))
        try shell.closeInput()
        #expect(try shell.wait() == 1)
        #expect(
            try vm.sidecar.take(op, limit: 200 * millisecond) == nil,
            "it is not over before it is written"
        )
        let bytes = output.read(size)
        let pattern = Array("0123456789abcdef".utf8)
        #expect(bytes.count == size)
        #expect(bytes.indices.allSatisfy { bytes[$0] == pattern[$0 & 15] })
        #expect(try end(of: op, vm.sidecar)?.value == 1)
    }

    @Test("nothing that a shell writes after the call returned is missing, however fast it comes")
    func fromTheReturn() throws {
        let size = 40 * 65_536
        let peer = S.peer(
            S.on("execute", S.answer),
            S.on(
                "close_stdin",
                S.answer,
                S.times(40, S.output(bytes: 65_536, fill: "0123456789abcdef")),
                S.exit(1)
            )
        )
        let vm = try peer.sidecar().createVM()
        try withTestFolder { folder in
            for round in 0..<20 {
                let shell = try vm.openShell()
                let path = "\(folder)/\(round)"
                // A file takes all at once: nothing here waits for a reader.
                let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                defer { Glibc.close(file) }
                let op = try shell.submitAttach(output: file)
                try shell.closeInput()
                #expect(try end(of: op, vm.sidecar)?.value == 1)
                let count = try readFile(path).count
                #expect(count == size, "round \(round): \(size - count) bytes are missing")
            }
        }
    }

    @Test("a reader that never reads does not keep the call past its time")
    func stuckReader() throws {
        let peer = S.peer(
            S.on("execute", S.answer, S.times(8, S.output(bytes: 65_536, fill: "x")), S.exit(1))
        )
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let output = try HostPipe()
        let start = ContinuousClock.now
        let error = failure { _ = try shell.attach(output: output.writing, limit: 300 * millisecond) }
        #expect(error?.status == AOS_E_DEADLINE)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(vm.isAlive)
    }

    @Test("a closed reader takes nothing, the rest goes on, and no signal is raised")
    func closedReader() throws {
        try withDeadlyPipes {
            let vm = try Self.peer().sidecar().createVM()
            let shell = try vm.openShell()
            let (input, output, error) = (try HostPipe.giving("x\n"), try HostPipe(), try HostPipe())
            output.closeReading()
            let code = try shell.attach(input: input.reading, output: output.writing, error: error.writing)
            #expect(code == 4 && error.available() == "warning;")
        }
    }

    @Test("a descriptor that is not open is refused by its name, and nothing happens")
    func invalid() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let shell = try vm.openShell()
        let pipe = try HostPipe()
        for bad: Int32 in [100_000, -2, Int32.min, Int32.max] {
            let errors: KeyValuePairs = [
                "in_fd": failure { _ = try shell.attach(input: bad) },
                "out_fd": failure { _ = try shell.attach(input: pipe.reading, output: bad) },
                "err_fd": failure { _ = try shell.attach(error: bad) },
            ]
            for (name, error) in errors {
                #expect(error?.status == AOS_E_INVALID, "\(name) \(bad)")
                #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
            }
            #expect(failure { _ = try shell.submitAttach(output: bad) }?.status == AOS_E_INVALID)
        }
        pipe.write("x\n")
        #expect(pipe.available() == "x\n" && peer.requests("write_stdin") == [])
        try shell.close()
    }

    @Test("the death of the sidecar ends it, and a shutdown of the VM gives 143")
    func ends() throws {
        let dying = S.barePeer(S.on("execute", S.answer), S.on("write_stdin", "{\"signal\":9}"))
        let vm = try dying.sidecar().createVM()
        let input = try HostPipe()
        let op = try vm.openShell().submitAttach(input: input.reading)
        input.write("x\n")
        #expect(try end(of: op, vm.sidecar)?.status == AOS_E_SIDECAR)
        let other = try S.peer().sidecar().createVM()
        let second = try other.openShell().submitAttach(input: input.reading)
        try other.shutdown()
        #expect(try end(of: second, other.sidecar)?.value == 143)
    }

    @Test("what a shell writes while its VM is shut down is still written, and then the code comes")
    func lastWords() throws {
        let peer = S.barePeer(
            S.on("execute", S.answer),
            S.on("kill_process", S.answer, S.output("bye"), S.output("!", "stderr"), S.exit(143))
        )
        let vm = try peer.sidecar().createVM()
        let (output, error) = (try HostPipe(), try HostPipe())
        let op = try vm.openShell().submitAttach(output: output.writing, error: error.writing)
        #expect(peer.wait { $0.requests("execute").count == 1 })
        try vm.shutdown()
        let last = try end(of: op, vm.sidecar)
        #expect(last?.status == AOS_OK && last?.value == 143)
        #expect(output.available() == "bye" && error.available() == "!")
    }
}
