// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import Testing

/// Programs in C that use the library as it is built, each in a process of its own: what it does to the
/// process that it is a guest in cannot be seen from inside the test program. Serialized, for some measure
/// time.
@Suite("The library in programs of their own", .serialized, .timeLimit(.minutes(10)))
struct ProgramTests {
    private static let library = "\(Repository.root)/build/libagentos.so"

    /// Compiles one of Programs/ in `folder`.
    private func build(_ name: String, in folder: String, linked: Bool = true) throws -> String {
        guard (try? readFile(Self.library)) != nil else {
            throw FileError(Self.library, "it is not built: run 'make' first")
        }
        let sources = "\(Repository.root)/Tests/AgentOSFacadeTests/Programs"
        var arguments = [
            "cc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I\(sources)",
            "-I\(Repository.root)/include", "-o", "\(folder)/\(name)", "\(sources)/\(name).c", "-pthread",
        ]
        let build = "\(Repository.root)/build"
        if linked { arguments += ["-L\(build)", "-lagentos", "-Wl,-rpath,\(build)"] }
        let run = try ChildRun.run("/usr/bin/env", arguments)
        guard run.end == .exited(0) else { throw FileError("\(name).c", run.errorText) }
        return "\(folder)/\(name)"
    }

    /// Runs one of Programs/, which ends with 0 and writes nothing: neither does the library.
    private func run(
        _ name: String,
        linked: Bool = true,
        limit: Duration = .seconds(120),
        _ arguments: (_ folder: String) -> [String] = { _ in [] }
    ) throws {
        try withTestFolder { folder in
            let program = try build(name, in: folder, linked: linked)
            let run = try ChildRun.run(program, [ScriptedPeer.program] + arguments(folder), limit: limit)
            #expect(run.end == .exited(0), "\(name): \(run.errorText)")
            #expect(run.outputText == "" && run.errorText == "")
        }
    }

    @Test(
        "a forked child: every inherited handle is forked, releases do nothing, new handles work, the parent goes on"
    )
    func forkChild() throws { try run("fork_child") }

    @Test("30 forks while other threads hammer the library")
    func forkStorm() throws { try run("fork_storm") }

    @Test("a closed pipe, masks, dispositions and a storm of signals")
    func signals() throws { try run("signals") { ["\($0)/log"] } }

    @Test("user_data is not touched behind drop, under a storm from eight threads")
    func userData() throws { try run("user_data_page") }

    @Test("a ring of 1 MiB needs no more memory than that, whatever the program prints")
    func ringMemory() throws { try run("ring_memory") }

    @Test("200 times loaded, used, disposed and unloaded")
    func reload() throws { try run("reload", linked: false) { _ in [Self.library] } }

    @Test(
        "the process ends while operations run",
        arguments: ["exit", "_exit", "return", "quick_exit", "thread"]
    )
    func exit(how: String) throws {
        try withTestFolder { folder in
            let program = try build("exit_running", in: folder)
            for _ in 0..<10 {
                let run = try ChildRun.run(program, [ScriptedPeer.program, how], limit: .seconds(20))
                #expect(run.end == .exited(0))
                #expect(run.outputText == "" && run.errorText == "")
            }
        }
    }

    @Test(
        "descriptors close on exec, threads are named aos-* and block every signal, and all of them go again"
    )
    func surroundings() throws { try run("surroundings") }

    @Test("a wake in a signal handler, at any moment")
    func wakeInHandler() throws { try run("wake_in_handler") }

    @Test("4,096 queues, and not one more")
    func manyQueues() throws { try run("many_queues") }
}
