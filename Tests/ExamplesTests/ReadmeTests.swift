// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

/// What the README shows is taken from it and run.
@Suite("The README", .serialized)
struct ReadmeTests {
    /// The first block of a language.
    private func block(_ language: String) throws -> String {
        let lines = try Repository.lines("README.md")
        let start = try #require(lines.firstIndex { $0 == "```\(language)" })
        let end = try #require(lines[start...].firstIndex { $0 == "```" })
        return lines[(start + 1)..<end].joined(separator: "\n") + "\n"
    }

    @Test("its C program compiles without a warning and prints 42", .enabled(if: Environment.hasSidecar))
    func program() throws {
        try withTestFolder { folder in
            try writeFile("\(folder)/hello.c", Array(try block("c").utf8))
            let compiled = try ChildRun.run(
                "/usr/bin/env",
                [
                    "cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    "-I\(Repository.root)/include", "-o",
                    "\(folder)/hello", "\(folder)/hello.c", "-L\(Environment.build)", "-lagentos",
                    "-Wl,-rpath,\(Environment.build)",
                ]
            )
            #expect(compiled.end == .exited(0), "\(compiled.errorText)")
            let run = try ChildRun.run("\(folder)/hello", limit: .seconds(120))
            #expect(run.end == .exited(0), "\(run.errorText)")
            #expect(run.outputText == "42\n")
        }
    }

    @Test("its Python script prints 42", .enabled(if: Environment.hasSidecar))
    func script() throws {
        try withTestFolder { folder in
            try writeFile("\(folder)/hello.py", Array(try block("python").utf8))
            let run = try ChildRun.run(
                "/usr/bin/env",
                ["LD_LIBRARY_PATH=\(Environment.build)", "python3", "\(folder)/hello.py"],
                limit: .seconds(120)
            )
            #expect(run.end == .exited(0), "\(run.errorText)")
            #expect(run.outputText == "42\n")
        }
    }

    @Test("its test command is the one that CI runs")
    func testCommand() throws {
        let readme = try Repository.text("README.md")
        #expect(readme.contains("```\nmake test\n```"))
        #expect(try Repository.text(".ci/run").contains("tests() { limited make test; }"))
    }

    @Test(
        "every make target that it names exists",
        arguments: ["first-job", "test", "install", "bench", "fuzz", "tsan", "asan"]
    )
    func targets(_ name: String) throws {
        #expect(try Repository.lines("Makefile").contains { $0.hasPrefix("\(name):") })
        #expect(try Repository.text("README.md").contains("make \(name)"))
    }

    @Test("the library tells the version of the Makefile")
    func version() throws {
        let line = try #require(try Repository.lines("Makefile").first { $0.hasPrefix("VERSION := ") })
        let version = line.dropFirst("VERSION := ".count)
        #expect(try Repository.text("Sources/AgentOSFacade/LibraryVersion.swift").contains("\"\(version)\""))
    }
}
