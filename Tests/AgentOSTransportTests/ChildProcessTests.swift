// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("ChildProcess")
struct ChildProcessTests {
    private struct Started {
        let child: ChildProcess
        let input: OwnedDescriptor
        let output: OwnedDescriptor

        /// Everything that it writes, up to its end.
        func allOutput() -> String {
            var bytes: [UInt8] = []
            var room = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(output.number, &room, room.count)
                if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
                bytes += room[..<count]
            }
        }
    }

    private func start(_ request: SpawnRequest) throws -> Started {
        let input = try SystemCall.socketPair()
        let output = try SystemCall.socketPair()
        let errors = try SystemCall.pipe()
        let child = try ChildProcess.start(
            request,
            input: input.theirs,
            output: output.theirs,
            error: errors.write
        )
        return Started(child: child, input: input.ours, output: output.ours)
    }

    private func start(_ command: String...) throws -> Started { try start(SpawnRequest(command: command)) }

    /// All ends that the observer is told until the second call would have come.
    private func ends(_ child: ChildProcess) throws -> [ChildExit] {
        let found = Lock<[ChildExit]>([])
        child.observeExit { exit in found.withLock { $0.append(exit) } }
        _ = Parallel.waits { found.withLock { !$0.isEmpty } }
        try Reactor.current.fence()
        return found.withLock { $0 }
    }

    @Test("an end is told once, with its code or its signal, and the child is reaped")
    func ends() throws {
        let commands: [([String], ChildExit)] = [
            (["/bin/true"], .code(0)), (["sh", "-c", "exit 37"], .code(37)),
            (["sh", "-c", "kill -TERM $$"], .signal(SIGTERM)),
            (["sh", "-c", "kill -SEGV $$"], .signal(SIGSEGV)),
        ]
        for (command, expected) in commands {
            let started = try start(SpawnRequest(command: command))
            #expect(try ends(started.child) == [expected])
            #expect(started.child.exit == expected)
            #expect(kill(started.child.processID, 0) == -1, "still there, if only as a zombie")
        }
    }

    @Test("an end that came before anybody asked is told too")
    func lateObserver() throws {
        let started = try start("/bin/true")
        #expect(started.allOutput().isEmpty)
        var information = siginfo_t()
        // Waits for its end and leaves it where it is.
        #expect(waitid(P_PID, id_t(started.child.processID), &information, WEXITED | WNOWAIT) == 0)
        #expect(try ends(started.child) == [.code(0)])
    }

    @Test("a child that is signalled ends; one that is reaped is not signalled any more")
    func signal() throws {
        let started = try start("/bin/sleep", "100")
        #expect(started.child.exit == nil)
        started.child.signal(SIGKILL)
        #expect(try ends(started.child) == [.signal(SIGKILL)])
        started.child.signal(SIGKILL)
    }

    @Test("a child gets three descriptors, no blocked signal, a session of its own, and what it is given")
    func surroundings() throws {
        try withTestFolder { folder in
            let script = """
                ls /proc/self/fd | tr '\\n' ' '; echo
                grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr '\\n' ' '; echo
                echo $$ $(cut -d' ' -f6 /proc/$$/stat); pwd; echo "$GIVEN|$HOME|$1"
                """
            var request = SpawnRequest(command: ["sh", "-c", script, "sh", "a b"])
            request.environment = [("GIVEN", "x=y"), ("HOME", "/laid/over")]
            request.directory = folder
            let started = try start(request)
            let lines = started.allOutput().split(separator: "\n").map(String.init)
            #expect(try ends(started.child) == [.code(0)])
            try #require(lines.count == 5, "\(lines)")
            // The fourth is that of `ls` itself.
            #expect(lines[0] == "0 1 2 3 ")
            #expect(lines[1] == "0000000000000000 0000000000000000 ")
            #expect(lines[2] == "\(started.child.processID) \(started.child.processID)")
            #expect(lines[3] == folder)
            #expect(lines[4] == "x=y|/laid/over|a b")
        }
    }

    @Test("the input is its standard input")
    func input() throws {
        let started = try start("/bin/cat")
        let bytes = Array("through\n".utf8)
        _ = try bytes.withUnsafeBytes { try SystemCall.send(started.input.number, $0) }
        SystemCall.endWriting(started.input.number)
        #expect(started.allOutput() == "through\n")
        #expect(try ends(started.child) == [.code(0)])
    }

    @Test("what cannot be started is an error with the reference client's text")
    func failures() throws {
        func text(_ request: SpawnRequest) -> String? {
            do { _ = try start(request) } catch { return (error as? SpawnError)?.text }
            return nil
        }
        #expect(
            text(SpawnRequest(command: ["/none/at/all"]))
                == "failed to spawn sidecar '/none/at/all': No such file or directory (os error 2)"
        )
        #expect(
            text(SpawnRequest(command: ["/"]))
                == "failed to spawn sidecar '/': Permission denied (os error 13)"
        )
        var request = SpawnRequest(command: ["/bin/true"])
        request.directory = "/none/at/all"
        #expect(
            text(request) == "failed to spawn sidecar '/bin/true': No such file or directory (os error 2): "
                + "the option \"cwd\" cannot be entered: /none/at/all: No such file or directory (os error 2)"
        )
    }
}
