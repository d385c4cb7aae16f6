// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@Suite("What the header says of every function")
struct DocumentationTests {
    static let functions: [HeaderFunction] = HeaderText.functions

    /// The names behind `@param`, in their order.
    private func parameters(_ comment: String) -> [String] {
        comment.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count > 1 && words[0] == "@param" ? String(words[1]) : nil
        }
    }

    @Test("every parameter, in their order, with more than its name", arguments: functions)
    func parameters(function: HeaderFunction) {
        #expect(parameters(function.comment) == function.parameters)
        for line in function.comment.split(separator: "\n") where line.hasPrefix("@param") {
            #expect(line.split(separator: " ").count > 2, "\(line)")
        }
    }

    @Test("what it returns, unless that is nothing", arguments: functions)
    func result(function: HeaderFunction) {
        let returns = function.comment.split(separator: "\n").filter { $0.hasPrefix("@return") }
        #expect(returns.count == (function.returnType == "void" ? 0 : 1))
    }

    @Test("threads, blocking, callbacks and since when", arguments: functions)
    func contract(function: HeaderFunction) {
        for word in ["Threads:", "Blocks:", "In a callback:", "Since:"] {
            let places = function.comment.split(separator: word, omittingEmptySubsequences: false).count - 1
            #expect(places == 1, "\(word)")
        }
        let since =
            function.comment.firstRange(of: "Since: ").map { function.comment[$0.upperBound...] } ?? ""
        let version = since.prefix { !"\n ".contains($0) }
        #expect(version.split(separator: ".").count == 2 && version.allSatisfy { $0 == "." || $0.isNumber })
    }

    @Test("an asynchronous form never blocks, and its blocking form does", arguments: functions)
    func forms(function: HeaderFunction) {
        let blocks =
            function.comment.firstRange(of: "Blocks: ").map { function.comment[$0.upperBound...] } ?? ""
        if function.name.hasSuffix("_async") || function.parameters.contains("completion") {
            #expect(blocks.hasPrefix("never"))
        }
        #expect(blocks.hasPrefix("up to timeout_ns") == function.parameters.contains("timeout_ns"))
    }

    @Test("a summary of one sentence comes first", arguments: functions)
    func summary(function: HeaderFunction) {
        let first = function.comment.split(separator: "\n").first ?? ""
        #expect(first.count > 10 && !first.hasPrefix("@"))
    }

    @Test("the functions were found, each with a name of ours")
    func found() {
        #expect(Self.functions.count > 60)
        #expect(Self.functions.allSatisfy { $0.name.hasPrefix("aos_") && !$0.comment.isEmpty })
        let create = Self.functions.first { $0.name == "aos_bytes_adopt" }
        #expect(create?.parameters == ["data", "len", "free_fn", "ud"])
        #expect(create?.returnType == "aos_bytes *")
    }

    @Test("every constant and field is described where it stands")
    func constants() throws {
        for line in try Repository.lines(HeaderText.path) {
            guard line.hasPrefix("#define AOS_"), !line.hasSuffix("\\") else { continue }
            #expect(line.contains("/**<") || line.hasPrefix("#define AOS_OK"), "\(line)")
        }
    }

    /// Decision 1 of the ABI: only scalars and pointers cross.
    @Test("no type crosses that another language cannot spell")
    func types() throws {
        var isInComment = false
        for line in try Repository.lines(HeaderText.path) {
            if line.hasPrefix("/*") || line.hasPrefix(" *") || isInComment { continue }
            let code = line.split(separator: "/*", maxSplits: 1, omittingEmptySubsequences: false)[0]
            isInComment = false
            for word in code.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) {
                #expect(
                    !["enum", "union", "bool", "_Bool", "long", "short", "float", "double"].contains(word),
                    "\(line)"
                )
            }
            #expect(!code.contains("..."), "\(line)")
        }
    }
}
