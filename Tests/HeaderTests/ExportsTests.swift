// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@Suite("The library as it is built: what it shows and what it needs")
struct ExportsTests {
    /// `make` builds it, and so does the README's test command before it runs the tests.
    private func library() throws -> String {
        let path = "\(Repository.root)/build/libagentos.so"
        guard (try? readFile(path)) != nil else { throw FileError(path, "it is not built: run 'make' first") }
        return path
    }

    private func lines(_ tool: String, _ arguments: [String]) throws -> [Substring] {
        let run = try Tool.run(tool, arguments)
        guard run.end == .exited(0) else { throw FileError(tool, run.errorText) }
        return run.outputText.split(separator: "\n")
    }

    /// The names that `nm` finds, with their version nodes.
    private func symbols() throws -> [String] {
        try lines("nm", ["-D", "--defined-only", library()]).compactMap {
            $0.split(separator: " ").last.map(String.init)
        }
    }

    private func isVersionNode(_ name: String) -> Bool {
        name.hasPrefix("AOS_") && name.count > 4 && name.dropFirst(4).allSatisfy(\.isNumber)
    }

    /// Names are only ever added to this file: one that goes breaks programs.
    @Test("it exports exactly what exports.txt lists")
    func golden() throws {
        let golden = try Repository.lines("Tests/HeaderTests/exports.txt").map(String.init).filter {
            !$0.isEmpty
        }
        #expect(golden == golden.sorted() && Set(golden).count == golden.count)
        #expect(try symbols().filter { !isVersionNode($0) }.sorted() == golden)
    }

    @Test("it exports the functions of the header, each with a version, and nothing else")
    func header() throws {
        let names = try symbols().filter { !isVersionNode($0) }
        for name in names { #expect(name.hasPrefix("aos_") && name.contains("@@AOS_"), "\(name)") }
        let plain = names.compactMap { $0.split(separator: "@").first.map(String.init) }
        #expect(plain.sorted() == HeaderText.functions.map(\.name).sorted())
    }

    private func dynamic(_ tag: String) throws -> [Substring] {
        try lines("readelf", ["-d", library()]).filter { $0.contains("(\(tag))") }
    }

    @Test("its name is libagentos.so.0, and it is never unmapped")
    func name() throws {
        let soname = try dynamic("SONAME")
        #expect(soname.count == 1 && soname[0].hasSuffix("[libagentos.so.0]"))
        #expect(try dynamic("FLAGS_1").contains { $0.contains("NODELETE") })
    }

    @Test("it needs the C libraries and libffi, no Swift library and no Foundation")
    func needed() throws {
        let needed = try dynamic("NEEDED").compactMap { line in
            line.split(separator: "[").last.map { String($0.dropLast()) }
        }
        let allowed = [
            "libffi.so.", "libm.so.", "libstdc++.so.", "libgcc_s.so.", "libc.so.", "ld-linux",
            "libpthread.so.",
        ]
        for name in needed { #expect(allowed.contains { name.hasPrefix($0) }, "\(name)") }
        let loaded = try lines("ldd", [library()])
        #expect(
            !loaded.contains { $0.contains("swift") || $0.contains("Foundation") || $0.contains("not found") }
        )
        // Mangled names of Foundation stay in what is linked statically, stripped or not.
        let found = try Tool.run(
            "grep",
            ["-c", "-a", "-E", "s10Foundation|FoundationEssentials|libFoundation", library()]
        )
        #expect(found.outputText == "0\n")
    }

    @Test("it is stripped and has at most 8,000,000 bytes")
    func size() throws {
        let count = try readFile(library()).count
        #expect(count <= 8_000_000, "\(count) bytes")
        #expect(
            try !lines("readelf", ["-S", "-W", library()]).contains {
                $0.contains(" .symtab ") || $0.contains(" .debug_")
            }
        )
    }

    @Test("it asks for no executable stack and no writable code")
    func hardening() throws {
        let segments = try lines("readelf", ["-l", "-W", library()])
        let stack = segments.first { $0.contains("GNU_STACK") } ?? ""
        #expect(stack.contains(" RW ") && !stack.contains("RWE"))
        #expect(!segments.contains { $0.contains("LOAD") && $0.contains("RWE") })
        #expect(try dynamic("TEXTREL").isEmpty)
    }
}
