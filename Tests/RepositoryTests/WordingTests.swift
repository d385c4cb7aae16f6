// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@Suite("Wording: what no file of the repository says")
struct WordingTests {
    /// One thing that is not written, where not, and why.
    struct Rule: Sendable, CustomTestStringConvertible {
        let words: [String]
        let why: String
        var suffixes: [String] = []
        var except: Set<String> = []
        var testDescription: String { words.joined(separator: " ") }

        func covers(_ file: String) -> Bool {
            !except.contains(file) && (suffixes.isEmpty || suffixes.contains { file.hasSuffix($0) })
        }
    }

    static let rules: [Rule] = [
        Rule(
            words: [
                "try!", "as!", "fatalError(", "preconditionFailure(", "precondition(", "assertionFailure(",
            ],
            why: "a trap ends the host's process",
            suffixes: [".swift"]
        ),
        Rule(
            words: ["@unchecked Sendable"],
            why: "two types have a reason for it",
            suffixes: [".swift"],
            except: ["Sources/AgentOSSystem/Lock.swift", "Sources/AgentOSFacade/Queue/HostCallback.swift"]
        ),
        Rule(words: ["TODO", "FIXME", "XXX"], why: "nothing lands unfinished"),
        Rule(words: ["/work/", "/farm/", "/home/", "/Users/"], why: "a path of one machine"),
        Rule(
            words: [
                "npmjs", "pypi", "crates.io", "debian.org", "rubygems.org", "github.com", "proxy.golang.org",
            ],
            why: "which registry is asked is the machine's own business"
        ),
    ]

    /// The files that people write.
    static let files: [String] = {
        let places = ["Sources", "include", "examples", "scripts", "Makefile", "Package.swift"]
        let all = places.flatMap { (try? Repository.files(under: $0)) ?? [] }
        return all.filter { !$0.contains("/Generated/") && !$0.hasSuffix("package-lock.json") }
    }()

    /// `mktemp` demands these letters; they are no note to oneself. Every guest has this directory.
    static func cleaned(_ line: Substring) -> String {
        var text = String(line)
        for harmless in ["XXXXXX", "\"/home/user\""] {
            while let place = text.firstRange(of: harmless) { text.removeSubrange(place) }
        }
        return text
    }

    @Test("the files are there to be read")
    func count() {
        #expect(Self.files.count > 60)
        #expect(Self.files.contains("Makefile") && Self.files.contains("scripts/setup.sh"))
    }

    @Test("no file says it", arguments: rules)
    func rule(rule: Rule) throws {
        for file in Self.files where rule.covers(file) {
            for (index, line) in try Repository.lines(file).enumerated() {
                let text = Self.cleaned(line)
                for word in rule.words where text.contains(word) {
                    Issue.record("\(file):\(index + 1) says \(word): \(rule.why)")
                }
            }
        }
    }

    @Test("the rules find what they are for")
    func rulesWork() {
        for rule in Self.rules {
            for word in rule.words { #expect(Self.cleaned("a \(word) b").contains(word)) }
        }
        #expect(Self.cleaned("mktemp agentos.XXXXXX.log") == "mktemp agentos..log")
        #expect(Self.cleaned("XXX").contains("XXX"))
    }

    /// `T!` in a type: it takes NULL and traps on it, and the formatter does not see it in a parameter.
    static func hasUnwrappedType(_ line: Substring) -> Bool {
        let code = line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
        var rest = code
        while let mark = rest.firstIndex(of: "!") {
            let before = rest[..<mark].last
            let after = rest[rest.index(after: mark)...].first
            let isAfterName = before.map { $0.isLetter || $0.isNumber || "_>)]?".contains($0) } ?? false
            if isAfterName, after != "=" { return true }
            rest = rest[rest.index(after: mark)...]
        }
        return false
    }

    @Test("no façade file has a type or a value that is unwrapped by force")
    func unwrapped() throws {
        #expect(Self.hasUnwrappedType("func f(_ a: OpaquePointer!, b: Int)"))
        #expect(Self.hasUnwrappedType("_ out: UnsafeMutablePointer<Int>!)"))
        #expect(!Self.hasUnwrappedType("if !isReady, a != b { // it's here!"))
        for file in try Repository.files(under: "Sources/AgentOSFacade", suffix: ".swift") {
            for (index, line) in try Repository.lines(file).enumerated() where Self.hasUnwrappedType(line) {
                Issue.record("\(file):\(index + 1): \(line)")
            }
        }
    }

    @Test("every source file says its licence in its first line, or behind what must stand there")
    func licence() throws {
        let suffixes = [
            ".swift", ".c", ".h", ".cpp", ".hpp", ".sh", ".py", ".lua", ".rb", ".go", ".rs", ".js", ".pl",
            "Makefile",
        ]
        let generated = try Repository.files(under: "Sources/AgentOSWire/Generated")
        let tests = try Repository.files(under: "Tests").filter { !$0.hasPrefix("Tests/Corpus/") }
        for file in Self.files + generated + tests where suffixes.contains(where: { file.hasSuffix($0) }) {
            let lines = try Repository.lines(file)
            let first = lines.first ?? ""
            let isBehind =
                first.hasPrefix("#!") || first.hasPrefix("// GENERATED")
                || first.hasPrefix("// swift-tools-version")
            let line = isBehind ? lines.dropFirst().first ?? "" : first
            #expect(line.contains("SPDX-License-Identifier: Apache-2.0"), "\(file)")
        }
    }

    @Test("no Swift file is longer than 300 lines, generated ones aside")
    func length() throws {
        for place in ["Sources", "Tests", "examples"] {
            for file in (try? Repository.files(under: place, suffix: ".swift")) ?? []
            where !file.contains("/Generated/") {
                let count = try Repository.lines(file).count - 1
                #expect(count <= 300, "\(file) has \(count) lines")
            }
        }
    }
}
