// SPDX-License-Identifier: Apache-2.0
import AgentOSFuzzing
import AgentOSTestSupport
import Testing

@Suite("Fuzz finds (Tests/Corpus/fuzz)")
struct FuzzCorpusTests {
    static let files: [String] = (try? Repository.files(under: "Tests/Corpus/fuzz")) ?? []

    @Test("there are finds to replay")
    func count() { #expect(!Self.files.isEmpty) }

    @Test("an input that once failed passes", arguments: files)
    func find(file: String) throws {
        let content = try Repository.bytes(file)
        #expect(content.withUnsafeBytes { FuzzTargets.check($0) } == nil)
    }

    @Test("agentos-fuzz replays files, and fails for one that it cannot read")
    func replay() throws {
        let program = "\(Repository.products)/agentos-fuzz"
        let paths = Self.files.map { "\(Repository.root)/\($0)" }
        let good = try ChildRun.run(program, paths)
        #expect(good.end == .exited(0), "\(good.errorText)")
        #expect(good.outputText == "replayed \(paths.count) inputs, 0 failed\n")
        let bad = try ChildRun.run(program, paths + ["/no/such/file"])
        #expect(bad.end == .exited(1))
        #expect(bad.errorText == "agentos-fuzz: /no/such/file: cannot be read\n")
    }

    @Test("agentos-fuzz --seeds writes one payload a golden frame")
    func seeds() throws {
        try withTestFolder { path in
            let run = try ChildRun.run(
                "\(Repository.products)/agentos-fuzz",
                ["--seeds", "\(Repository.root)/Tests/Corpus/vectors/frames.jsonl", path]
            )
            #expect(run.end == .exited(0), "\(run.errorText)")
            #expect(try folder(path).count == Vector.frames.count)
            for vector in Vector.frames {
                #expect(try readFile("\(path)/\(vector.testDescription)") == vector.payload)
            }
        }
    }
}
