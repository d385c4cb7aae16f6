// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

/// The prompt in a VM as a person has it: on a terminal.
@Suite("The example of a shell on a terminal", .serialized, .enabled(if: Environment.hasSidecar))
struct TerminalTests {
    private static let prompt = "agentos$ "

    /// Each step waits for a text behind that of the step before, and then types.
    private func type(_ steps: KeyValuePairs<String, String>) throws -> ChildRun {
        let program = "\(Repository.root)/Tests/ExamplesTests/Programs/terminal.py"
        return try ChildRun.run(
            "/usr/bin/env",
            ["python3", program, "\(Environment.build)/examples/shell"]
                + steps.flatMap { [$0.key, $0.value] },
            limit: .seconds(120)
        )
    }

    @Test("a prompt stands before each line, and `exit` ends it with the code of the shell")
    func lines() throws {
        let run = try type([
            Self.prompt: "X=5\n", Self.prompt: "echo x$X\n", "x5\r\n": "", Self.prompt: "exit 7\n",
        ])
        #expect(run.end == .exited(0), "\(run.outputText)\(run.errorText)")
        #expect(run.outputText.hasSuffix("\nexit 7\n"), "\(run.outputText)")
    }

    @Test("the end of the input is the end of the shell, with 0")
    func endOfInput() throws {
        let run = try type([Self.prompt: "echo one\n", "one\r\none\r\n": "", Self.prompt: "\u{4}"])
        #expect(run.end == .exited(0), "\(run.outputText)\(run.errorText)")
        #expect(run.outputText.hasSuffix("\nexit 0\n"), "\(run.outputText)")
    }

    @Test("Ctrl-C ends what runs: a new shell takes its place, which knows nothing of the old one")
    func interrupt() throws {
        let run = try type([
            Self.prompt: "X=5\n", Self.prompt: "echo begun; sleep 100\n", "begun\r\n": "\u{3}",
            "interrupted: a new shell begins\r\n": "echo x$X.\n", "x.\r\n": "", Self.prompt: "exit 3\n",
        ])
        #expect(run.end == .exited(0), "\(run.outputText)\(run.errorText)")
        #expect(run.outputText.hasSuffix("\nexit 3\n"), "\(run.outputText)")
    }

    @Test("behind Ctrl-C there is a prompt again, whether something ran or not", arguments: [true, false])
    func promptBehindInterrupt(_ isBusy: Bool) throws {
        let run =
            isBusy
            ? try type([
                Self.prompt: "echo begun; sleep 100\n", "begun\r\n": "\u{3}",
                "interrupted: a new shell begins\r\n": "", Self.prompt: "exit 3\n",
            ])
            : try type([
                Self.prompt: "\u{3}", "interrupted: a new shell begins\r\n": "", Self.prompt: "exit 3\n",
            ])
        #expect(run.end == .exited(0), "\(run.outputText)\(run.errorText)")
        #expect(run.outputText.hasSuffix("\nexit 3\n"), "\(run.outputText)")
    }
}
