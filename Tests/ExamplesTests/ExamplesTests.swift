// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

/// The examples as a user runs them: the programs of build/, on the real sidecar.
@Suite("The examples", .serialized, .enabled(if: Environment.hasSidecar))
struct ExamplesTests {
    private static let library = "AGENTOS_LIBRARY=\(Environment.build)/libagentos.so"
    private static let license = "\(Repository.root)/LICENSE"

    private func run(_ program: String, _ arguments: [String]) throws -> ChildRun {
        try ChildRun.run(program, arguments, limit: .seconds(120))
    }

    private func expectFirstJob(_ run: ChildRun) throws {
        let hash = try ChildRun.run("/usr/bin/sha256sum", [Self.license]).outputText.prefix(64)
        let size = try Repository.bytes("LICENSE").count
        #expect(run.end == .exited(0), "\(run.errorText)")
        #expect(run.outputText.contains("\(hash)  /tmp/input.txt\n\(size) /tmp/input.txt\n(exit code 0)"))
        #expect(
            run.outputText.contains(
                "line 1: \(size) bytes\nline 2: \(size) bytes\nline 3: \(size) bytes\n(exit code 0)"
            )
        )
        #expect(run.outputText.contains("read back \(size) bytes: identical\n"))
        #expect(run.outputText.contains(#""state":"ready","activeVmCount":1}"#))
        #expect(run.outputText.contains(#""state":"disposed","activeVmCount":0}"#))
    }

    @Test("the first job in C")
    func firstJobInC() throws {
        try expectFirstJob(try run("\(Environment.build)/examples/first_job", [Self.license]))
    }

    @Test("the first job in Python")
    func firstJobInPython() throws {
        try expectFirstJob(
            try run(
                "/usr/bin/env",
                [Self.library, "python3", "\(Repository.root)/examples/python/first_job.py", Self.license]
            )
        )
    }

    @Test("the first job with asyncio")
    func firstJobWithAsyncio() throws {
        let program = "\(Repository.root)/examples/python/first_job_async.py"
        let run = try run("/usr/bin/env", [Self.library, "python3", program, Self.license])
        #expect(run.end == .exited(0), "\(run.errorText)")
        let hash = try ChildRun.run("/usr/bin/sha256sum", [Self.license]).outputText.prefix(64)
        #expect(run.outputText.contains("\(hash)  /tmp/c\n(exit code 0)\nread back 3 files: identical\n"))
        #expect(run.outputText.contains(#""state":"disposed""#))
    }

    @Test("a poll loop in C passes what is typed to cat")
    func eventLoop() throws {
        let run = try run(
            "/bin/sh",
            ["-c", "printf 'one\\ntwo\\n' | '\(Environment.build)/examples/event_loop'"]
        )
        #expect(run.end == .exited(0), "\(run.errorText)")
        #expect(run.outputText == "cat says: one\ntwo\ncat ended with 0\n")
    }

    @Test("existing functions are called back through shapes")
    func callbacks() throws {
        let run = try run("\(Environment.build)/examples/callbacks", [])
        #expect(run.end == .exited(0), "\(run.errorText)")
        #expect(run.outputText.contains("exists: status 0, value 1\nexists: dropped\n"))
        #expect(run.outputText.contains("node: 100 lines, exit code 0\nnode: dropped\n"))
    }

    @Test("an example without its sidecar says what was tried")
    func missingSidecar() throws {
        let run = try run(
            "/usr/bin/env",
            ["AGENT_OS_SIDECAR_BIN=/no/such/file", "\(Environment.build)/examples/callbacks"]
        )
        #expect(run.end == .exited(1))
        #expect(
            run.errorText.contains(
                "failed to spawn sidecar '/no/such/file': No such file or directory (os error 2) (from AGENT_OS_SIDECAR_BIN)"
            )
        )
    }
}
