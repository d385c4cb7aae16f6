// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@Suite("The header under the compilers of its users")
struct CompilerMatrixTests {
    struct Compiler: Sendable, CustomTestStringConvertible {
        let name: String
        let standard: String
        var testDescription: String { "\(name) -std=\(standard)" }
        var suffix: String { name.hasSuffix("++") ? "cpp" : "c" }
    }

    static let compilers: [Compiler] =
        ["gcc", "clang"].flatMap { name in
            ["c99", "c11", "c17", "c2x"].map { Compiler(name: name, standard: $0) }
        }
        + ["g++", "clang++"].flatMap { name in
            ["c++11", "c++17", "c++20"].map { Compiler(name: name, standard: $0) }
        }

    static let strict: [String] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]

    /// First in its unit and twice, with everything of it used that is not a function.
    static let use: String = """
        #include <agentos.h>
        #include <agentos.h>
        aos_completion make(aos_queue *queue);
        uint64_t all(const aos_event *event);
        aos_completion make(aos_queue *queue) {
          aos_completion completion = AOS_COMPLETION_INIT;
          static const aos_completion fixed = AOS_COMPLETION_INIT;
          completion.queue = queue;
          completion.deliver = fixed.deliver == AOS_DELIVER_WAIT ? AOS_DELIVER_QUEUE : AOS_DELIVER_NONE;
          return completion;
        }
        uint64_t all(const aos_event *event) {
          aos_status status = event->status < AOS_OK ? AOS_E_INVALID : AOS_E_NOT_FOUND;
          uint32_t bits = AOS_EVF_JSON | AOS_ERR_FATAL | AOS_FS_RECURSIVE | AOS_EXEC_TIMED_OUT;
          size_t length = AOS_NUL_TERMINATED;
          uint64_t time = AOS_NO_TIMEOUT;
          return event->data_len + bits + length + time + (status < 0) + (1u << AOS_EV_CLOSED);
        }
        """

    private func compile(_ compiler: Compiler, _ source: String, _ flags: [String]) throws -> ChildRun {
        try withTestFolder { folder in
            let file = "\(folder)/a.\(compiler.suffix)"
            try writeFile(file, Array("\(source)\n".utf8))
            return try Tool.run(
                compiler.name,
                [
                    "-std=\(compiler.standard)", "-I\(Repository.root)/include", "-c", "-o", "\(folder)/a.o",
                    file,
                ]
                    + flags
            )
        }
    }

    @Test("it compiles alone, first, twice and without a warning", arguments: compilers)
    func clean(compiler: Compiler) throws {
        let run = try compile(compiler, Self.use, Self.strict)
        #expect(run.end == .exited(0), "\(run.errorText)")
    }

    @Test("the matrix would see a fault", arguments: compilers)
    func matrixWorks(compiler: Compiler) throws {
        let faults = Self.use + "\nint narrow(uint64_t a); int narrow(uint64_t a) { int b = a; return b; }\n"
        #expect(try compile(compiler, faults, Self.strict).end == .exited(1))
    }

    @Test("the start value of a completion is WAIT and nothing else", arguments: compilers)
    func startValue(compiler: Compiler) throws {
        let source = """
            #include <agentos.h>
            #include <string.h>
            int main(void) {
              aos_completion made = AOS_COMPLETION_INIT, wanted;
              memset(&wanted, 0, sizeof wanted);
              wanted.struct_size = (uint32_t)sizeof wanted;
              wanted.deliver = AOS_DELIVER_WAIT;
              return memcmp(&made, &wanted, sizeof made) != 0;
            }
            """
        try withTestFolder { folder in
            let file = "\(folder)/a.\(compiler.suffix)"
            try writeFile(file, Array("\(source)\n".utf8))
            let flags = [
                "-std=\(compiler.standard)", "-I\(Repository.root)/include", "-o", "\(folder)/a", file,
            ]
            #expect(try Tool.run(compiler.name, flags + Self.strict).end == .exited(0))
            #expect(try ChildRun.run("\(folder)/a").end == .exited(0))
        }
    }

    @Test("clang finds no fault in its documentation", arguments: ["clang", "clang++"])
    func documentation(name: String) throws {
        let compiler = Compiler(name: name, standard: name == "clang" ? "c11" : "c++17")
        let flags = [
            "-Wdocumentation", "-Wdocumentation-unknown-command", "-Wdocumentation-pedantic", "-Werror",
        ]
        let run = try compile(compiler, Self.use, flags)
        #expect(run.end == .exited(0), "\(run.errorText)")
        let fault = "/** X. @param b  None. */ void f(int a);\n"
        #expect(try compile(compiler, fault, flags).end == .exited(1))
    }

    /// Bindings are generated from it by tools that know no attribute.
    @Test("AOS_API can be predefined as nothing, and the header needs no other of ours")
    func predefined() throws {
        let compiler = Compiler(name: "gcc", standard: "c99")
        #expect(try compile(compiler, Self.use, Self.strict + ["-DAOS_API="]).end == .exited(0))
        let includes = try Repository.lines(HeaderText.path).filter { $0.hasPrefix("#include") }
        #expect(includes == ["#include <stddef.h>", "#include <stdint.h>"])
    }
}
