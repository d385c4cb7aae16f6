// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

/// As much output as a busy program makes, in the two kinds of hosts that there are.
@Suite("64 MiB of output, byte for byte", .serialized, .enabled(if: Environment.hasSidecar))
struct FloodTests {
    private static let programs = "\(Repository.root)/Tests/ExamplesTests/Programs"
    private static let library = "\(Environment.build)/libagentos.so"
    /// What may be outstanding, what is kept for later subscribers, and room for the host itself.
    private static let boundMiB = 48

    private func numbers(_ run: ChildRun) -> [Substring] {
        #expect(run.end == .exited(0), "\(run.errorText)")
        return run.outputText.split(whereSeparator: { " \n".contains($0) })
    }

    @Test("a C program that takes event after event")
    func c() throws {
        try withTestFolder { folder in
            let program = "\(folder)/flood"
            let compiled = try ChildRun.run(
                "/usr/bin/env",
                [
                    "cc", "-O2", "-I\(Repository.root)/include", "-o", program, "\(Self.programs)/flood.c",
                    "-L\(Environment.build)", "-lagentos", "-Wl,-rpath,\(Environment.build)",
                ]
            )
            #expect(compiled.end == .exited(0), "\(compiled.errorText)")
            let found = numbers(try ChildRun.run(program, [], limit: .seconds(120)))
            #expect(found.count == 3 && found.first == "67108864" && found.dropFirst().first == "0")
            #expect((found.last.flatMap { Int($0) } ?? .max) < Self.boundMiB)
        }
    }

    @Test("asyncio on the queue's descriptor")
    func asyncio() throws {
        let run = try ChildRun.run(
            "/usr/bin/env",
            ["AGENTOS_LIBRARY=\(Self.library)", "python3", "\(Self.programs)/flood.py"],
            limit: .seconds(120)
        )
        let found = numbers(run)
        let expected = """
            import hashlib
            digest = hashlib.sha256()
            for i in range(1024): digest.update(i.to_bytes(4, 'little') + bytes([i % 251]) * 65532)
            print(digest.hexdigest())
            """
        let digest = try ChildRun.run("/usr/bin/env", ["python3", "-c", expected]).outputText
        #expect(found.count == 4 && digest.hasPrefix(found.first ?? "-"))
        #expect(found.dropFirst().prefix(2).map(String.init) == ["67108864", "0"])
        #expect((found.last.flatMap { Int($0) } ?? .max) < Self.boundMiB)
    }
}
