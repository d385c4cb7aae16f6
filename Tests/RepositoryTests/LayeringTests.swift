// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Testing

@Suite("Layers, who may import whom: a call goes down, a result comes up")
struct LayeringTests {
    /// What the Swift files of a folder of Sources may import. Nothing imports what stands above it.
    static let allowed: KeyValuePairs<String, Set<String>> = [
        "AgentOSSystem": ["CAgentOSShims", "Glibc", "Synchronization"],
        "AgentOSBare": [],
        "AgentOSWire": ["AgentOSBare", "AgentOSSystem", "CAgentOSShims"],
        "AgentOSTransport": ["AgentOSWire", "AgentOSSystem", "CAgentOSShims", "Glibc", "Synchronization"],
        "AgentOSClient": ["AgentOSTransport", "AgentOSWire", "AgentOSSystem", "Synchronization"],
        "AgentOSFacade": [
            "AgentOSClient", "AgentOSSystem", "CAgentOS", "CFFI", "CAgentOSShims", "Synchronization",
        ],
        "BareGenerator": ["Glibc"],
        "ScriptedSidecar": ["AgentOSWire", "AgentOSBare", "AgentOSSystem", "Glibc"],
        "AgentOSBenchmarks": [
            "AgentOSBare", "AgentOSWire", "AgentOSSystem", "AgentOSClient", "AgentOSFacade", "CAgentOS",
            "Glibc",
        ],
        "AgentOSFuzzing": ["AgentOSBare", "AgentOSWire", "AgentOSSystem", "CFuzzer", "Glibc"],
    ]

    /// Folders without Swift: C, and module maps.
    static let other: Set<String> = ["CAgentOSShims", "CFFI", "CFuzzer"]

    /// What a layer may show to those above it; all else it imports for itself alone.
    static let shown: [String: Set<String>] = [
        "AgentOSClient": ["AgentOSSystem"], "AgentOSFacade": ["AgentOSClient", "AgentOSSystem", "CAgentOS"],
    ]

    struct Import: Equatable {
        let file: String
        let access: String
        let module: String
        var folder: String { String(file.split(separator: "/")[1]) }
    }

    /// The imports of a Swift file: attributes and access in front, a kind and a member behind are allowed
    /// for.
    static func imports(of text: some StringProtocol, file: String) -> [Import] {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        var isInText = false
        return text.split(separator: "\n").compactMap { line in
            // A generator's file has imports in string literals.
            let quotes = line.split(separator: "\"\"\"", omittingEmptySubsequences: false).count - 1
            defer { if !quotes.isMultiple(of: 2) { isInText.toggle() } }
            if isInText { return nil }
            var words = line.split(separator: " ")[...].map { Substring($0) }[...]
            var access = ""
            while let word = words.first,
                word.hasPrefix("@") || ["public", "package", "internal", "private"].contains(word)
            {
                if !word.hasPrefix("@") { access = String(word) }
                words = words.dropFirst()
            }
            guard words.popFirst() == "import", var name = words.popFirst() else { return nil }
            if kinds.contains(name), let next = words.popFirst() { name = next }
            return Import(file: file, access: access, module: String(name.prefix { $0 != "." && $0 != ";" }))
        }
    }

    static let found: [Import] = {
        let files = (try? Repository.files(under: "Sources", suffix: ".swift")) ?? []
        return files.flatMap { file in (try? Repository.text(file)).map { imports(of: $0, file: file) } ?? []
        }
    }()

    @Test("an import is found in whatever form it is written")
    func parsing() {
        let text = """
            internal import A
            @preconcurrency package import B
            import struct C.D
                @_exported import E.F
            // import G
            let text = \"\"\"
                import H
                \"\"\"
            let important = 1
            """
        let found = Self.imports(of: text, file: "Sources/X/y.swift")
        #expect(found.map(\.module) == ["A", "B", "C", "E"])
        #expect(found.map(\.access) == ["internal", "package", "", ""])
        #expect(found.allSatisfy { $0.folder == "X" })
    }

    @Test("every folder of Sources has a row in the table, and every row a folder")
    func folders() throws {
        let folders = Set(try Repository.files(under: "Sources").map { String($0.split(separator: "/")[1]) })
        #expect(folders == Set(Self.allowed.map(\.key)).union(Self.other))
        for folder in Self.other {
            #expect(try Repository.files(under: "Sources/\(folder)", suffix: ".swift").isEmpty, "\(folder)")
        }
    }

    @Test("no file imports what its layer may not")
    func imports() {
        #expect(Self.found.count > 30)
        for found in Self.found {
            let row = Self.allowed.first { $0.key == found.folder }?.value ?? []
            #expect(row.contains(found.module), "\(found.file) imports \(found.module)")
        }
    }

    @Test("the table itself goes downward: no row names its own folder or one that may import it")
    func table() {
        for (folder, modules) in Self.allowed {
            for module in modules {
                let below = Self.allowed.first { $0.key == module }?.value ?? []
                #expect(module != folder && !below.contains(folder), "\(folder) and \(module)")
            }
        }
        let facade = Self.allowed.first { $0.key == "AgentOSFacade" }?.value ?? []
        #expect(facade.isDisjoint(with: ["AgentOSWire", "AgentOSTransport", "AgentOSBare"]))
        #expect(Self.allowed.allSatisfy { !$0.value.contains { $0.hasPrefix("Foundation") } })
    }

    @Test("the client shows no type of the layers below it, so that the façade cannot come to need them")
    func shownTypes() {
        for found in Self.found where ["package", "public"].contains(found.access) {
            guard let shown = Self.shown[found.folder] else { continue }
            #expect(shown.contains(found.module), "\(found.file) shows \(found.module)")
        }
    }
}
