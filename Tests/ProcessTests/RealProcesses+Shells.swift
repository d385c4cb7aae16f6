// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

extension RealProcesses {
    @Suite("Shells (section 9, and aos_shell_attach)")
    struct Shells {
        @Test("case 26: lines run one after the other in one shell, and `exit 7` ends it")
        func lines() throws {
            try withVM { vm throws in
                let shell = try vm.openShell()
                for line in ["echo one\n", "X=5\n", "echo x$X\n", "exit 7\n"] { try shell.write(line) }
                #expect(try shell.wait() == 7)
                let events = try vm.sidecar.events(of: shell.op)
                let output = events.filter { $0.kind == AOS_EV_STDOUT }.map(\.text).joined()
                #expect(output == "one\nx5\n")
                #expect(events.last?.status == AOS_OK && events.last?.value == 7)
                #expect(try vm.shells() == [])
            }
        }

        @Test("a program that the shell starts writes to the shell's output; the end of the input is its end")
        func program() throws {
            try withVM { vm throws in
                try vm.write("/tmp/f", "content\n")
                let shell = try vm.openShell()
                try shell.write("cat /tmp/f\n")
                try shell.write("cd /tmp; pwd\n")
                try shell.closeInput()
                #expect(try shell.wait() == 0)
                let events = try vm.sidecar.events(of: shell.op)
                let output = events.filter { $0.kind == AOS_EV_STDOUT }.map(\.text).joined()
                #expect(output == "content\n/tmp\n")
            }
        }

        @Test("case 27: a closed shell ends within 2 s, waiting or busy")
        func close() throws {
            try withVM { vm throws in
                for command in [nil, "sleep 100\n"] {
                    let shell = try vm.openShell()
                    // It is up when it has answered.
                    try shell.write("echo up\n")
                    #expect(try vm.sidecar.take(shell.op)?.text == "up\n")
                    if let command { try shell.write(command) }
                    let start = ContinuousClock.now
                    try shell.close()
                    _ = try shell.wait()
                    #expect(ContinuousClock.now - start < .seconds(2), "\(command ?? "waiting")")
                    #expect(failure { try shell.write("echo x\n") }?.kind == "shell_not_found")
                }
            }
        }

        @Test("attached to pipes: text in, output and error output out, and the exit code")
        func attach() throws {
            try withVM { vm throws in
                let shell = try vm.openShell()
                let input = try HostPipe.giving("echo one\nX=5\necho x$X\necho bad >&2\nexit 7\n")
                let (output, error) = (try HostPipe(), try HostPipe())
                let before = [input.reading, output.writing, error.writing].map { flags(of: $0) }
                let code = try shell.attach(
                    input: input.reading,
                    output: output.writing,
                    error: error.writing
                )
                #expect(code == 7)
                #expect(output.available() == "one\nx5\n" && error.available() == "bad\n")
                #expect([input.reading, output.writing, error.writing].map { flags(of: $0) } == before)
            }
        }

        @Test("attached: the end of the input is the end of the shell, with 0")
        func endOfInput() throws {
            try withVM { vm throws in
                let shell = try vm.openShell()
                let (input, output) = (try HostPipe.giving("echo a; echo b\n"), try HostPipe())
                #expect(try shell.attach(input: input.reading, output: output.writing) == 0)
                #expect(output.available() == "a\nb\n")
            }
        }

        @Test("attached to a pipe that nobody reads: the host lives, and the code comes")
        func closedReader() throws {
            try withVM { vm throws in
                try withDeadlyPipes { () throws in
                    let shell = try vm.openShell()
                    let (input, output) = (try HostPipe.giving("echo a\necho b\nexit 3\n"), try HostPipe())
                    output.closeReading()
                    #expect(try shell.attach(input: input.reading, output: output.writing) == 3)
                }
            }
        }

        @Test("out of time the descriptors are the host's again, and the shell goes on")
        func timeout() throws {
            try withVM { vm throws in
                let shell = try vm.openShell()
                let (input, output) = (try HostPipe(), try HostPipe())
                input.write("echo attached\n")
                let descriptors = [input.reading, output.writing]
                let before = descriptors.map { flags(of: $0) }
                let error = failure {
                    _ = try shell.attach(input: input.reading, output: output.writing, limit: 5 * second)
                }
                #expect(error?.status == AOS_E_DEADLINE)
                #expect(output.available() == "attached\n")
                // Nobody takes from the one or gives to the other any more.
                input.write("echo taken\n")
                try shell.write("echo still; exit 4\n")
                #expect(try shell.wait() == 4)
                #expect(input.available() == "echo taken\n" && output.available() == "")
                #expect(descriptors.map { flags(of: $0) } == before)
                let events = try vm.sidecar.events(of: shell.op)
                let text = events.filter { $0.kind == AOS_EV_STDOUT }.map(\.text).joined()
                #expect(text == "attached\nstill\n")
            }
        }

        @Test("attached again, it gets all that the shell has written so far")
        func again() throws {
            try withVM { vm throws in
                let shell = try vm.openShell()
                try shell.write("echo first\n")
                #expect(try vm.sidecar.take(shell.op)?.text == "first\n")
                for index in 1...2 {
                    let output = try HostPipe()
                    let error = failure {
                        _ = try shell.attach(output: output.writing, limit: 200 * millisecond)
                    }
                    #expect(error?.status == AOS_E_DEADLINE, "\(index)")
                    #expect(output.available() == "first\n", "\(index)")
                }
                try shell.close()
            }
        }

        @Test("a descriptor that is not open is refused, and the shell goes on")
        func invalidDescriptor() throws {
            try withVM { vm throws in
                let shell = try vm.openShell()
                let closed = try HostPipe()
                let number = closed.writing
                closed.closeWriting()
                closed.closeReading()
                // Another thread may have got the number since; the other one is beyond every limit.
                for bad in fcntl(number, F_GETFD) < 0 ? [number, 100_000] : [100_000] {
                    #expect(failure { _ = try shell.attach(input: bad) }?.status == AOS_E_INVALID)
                    #expect(failure { _ = try shell.attach(output: bad) }?.status == AOS_E_INVALID)
                    #expect(failure { _ = try shell.attach(error: bad) }?.status == AOS_E_INVALID)
                }
                try shell.write("exit 6\n")
                #expect(try shell.wait() == 6)
            }
        }

        @Test("a shell that cannot be started is the sidecar's refusal (decision 17)")
        func noShell() throws {
            try withVM(packs: []) { vm throws in
                let shell = try vm.openShell()
                let error = failure { _ = try shell.wait() }
                #expect(error?.status == AOS_E_REMOTE)
                #expect(error?.message == "command not found on native sidecar path: sh")
                #expect(try vm.shells() == [])
            }
        }
    }
}
