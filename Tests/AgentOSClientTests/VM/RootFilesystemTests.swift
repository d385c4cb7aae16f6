// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("RootFilesystem (filesystem.md 9)")
struct RootFilesystemTests {
    private func root(_ document: String) throws(ClientError) -> RootFilesystem {
        try RootFilesystem((try? JSONReader.parse(document)) ?? .null, place: "rootFilesystem")
    }

    private static func lower(_ entries: String) -> String {
        #"{"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1","filesystem":{"entries":[\#(entries)]}}}"#
    }

    private static func file(_ path: String, _ content: String) -> String {
        #"{"path":"\#(path)","type":"file","content":"\#(content)"}"#
    }

    /// The lowers as text: `base`, or each entry's path and content.
    private func lowers(_ descriptor: RootFilesystemDescriptor) -> [[String]] {
        descriptor.lowers.map { lower in
            switch lower {
            case .bundledBaseFilesystem: ["base"]
            case .snapshot(let snapshot): snapshot.entries.map { "\($0.path) \($0.content ?? "-")" }
            }
        }
    }

    @Test("lowers are merged into one, the first occurrence of a path wins, of one list the last (hazard H5)")
    func merging() throws {
        let first = Self.lower(
            [Self.file("/a", "1"), Self.file("/b", "2"), Self.file("/a", "3")].joined(separator: ",")
        )
        let second = Self.lower(
            [Self.file("/b", "4"), Self.file("/c", "5"), Self.file("/ours", "6")].joined(separator: ",")
        )
        let root = try root(#"{"lowers":[\#(first),{"kind":"bundled-base-filesystem"},\#(second)]}"#)
        let ours: [RootFilesystemEntry] = [
            .file("/ours", "x", mode: 0o644), .file("/more", "y", mode: 0o644),
        ]
        let descriptor = root.descriptor(readOnly: false, generated: ours)
        #expect(lowers(descriptor) == [["/b 2", "/a 3", "/c 5", "/ours 6"], ["base"], ["/more y"]])
        #expect(descriptor.mode == .ephemeral && !descriptor.disableDefaultBaseLayer)
        #expect(root.descriptor(readOnly: true, generated: []).mode == .readOnly)
        #expect(
            lowers(RootFilesystem().descriptor(readOnly: false, generated: ours)) == [["/ours x", "/more y"]]
        )
    }

    @Test("its options are read")
    func options() throws {
        let plain = try root("{}")
        #expect(!plain.isReadOnly && !plain.modeWasGiven && !plain.disablesBase)
        let all = try root(
            #"{"type":"overlay","mode":"read-only","disableDefaultBaseLayer":true,"lowers":[]}"#
        )
        #expect(all.isReadOnly && all.modeWasGiven && all.disablesBase)
        #expect(all.descriptor(readOnly: true, generated: []).disableDefaultBaseLayer)
        #expect(try root(#"{"mode":"ephemeral"}"#).modeWasGiven)
    }

    @Test("generated entries come by depth and name, without what the base has (vm.md 6.2)")
    func generated() throws {
        let plain = RootFilesystem().generatedEntries(
            readOnly: false,
            instructions: "text",
            commands: ["node", "ls"],
            mountPoints: ["/data"]
        )
        #expect(plain.isEmpty)
        let instructions = RootFilesystem().instructionEntries("text")
        #expect(instructions.map(\.path) == ["/etc/agentos", "/etc/agentos/instructions.md"])
        #expect(instructions.last?.content == "text" && instructions.last?.mode == 0o644)
        let locked = RootFilesystem().generatedEntries(
            readOnly: true,
            instructions: "",
            commands: ["node", "ls", "ls"],
            mountPoints: ["/data", "/tmp"]
        )
        #expect(
            locked.map(\.path) == ["/", "/data", "/bin/ls", "/etc/agentos", "/etc/agentos/instructions.md"]
        )
        #expect(locked[2].executable && locked[2].content == "#!/bin/sh\n# kernel command stub\n")
    }

    @Test("without the base the skeleton is made, each directory before what is in it")
    func skeleton() throws {
        var root = RootFilesystem()
        root.disablesBase = true
        let entries = root.generatedEntries(
            readOnly: true,
            instructions: "",
            commands: ["node"],
            mountPoints: ["/data"]
        )
        let paths = entries.map(\.path)
        #expect(Set(paths).count == paths.count)
        #expect(Set(BaseImage.skeleton.map(\.path)).isSubset(of: paths))
        var seen: Set<String> = []
        for path in paths {
            let parent = GuestPath.split(path).parent
            // The instructions' parents are in the list as well.
            if path != "/", !seen.contains(parent) { Issue.record("\(path) before \(parent)") }
            seen.insert(path)
        }
        let home = try #require(entries.first { $0.path == "/home/user" })
        #expect(home.uid == 1000 && home.gid == 1000 && home.mode == 0o2755)
        let stub = try #require(entries.first { $0.path == "/usr/bin/env" })
        #expect(stub.encoding == .base64 && stub.content == "AA==" && !stub.executable)
        #expect(paths.contains("/bin/node"))
        // A base that is listed among the lowers is a base.
        var listed = try self.root(
            #"{"disableDefaultBaseLayer":true,"lowers":[{"kind":"bundled-base-filesystem"}]}"#
        )
        #expect(
            listed.generatedEntries(readOnly: false, instructions: "", commands: [], mountPoints: []).isEmpty
        )
        listed.isReadOnly = true
    }

    static let refused: [(document: String, text: String)] = [
        ("1", "rootFilesystem: expected an object, found an integer"),
        (#"{"type":"disk"}"#, "rootFilesystem.type: expected one of overlay, found \"disk\""),
        (#"{"mode":"ro"}"#, "rootFilesystem.mode: expected one of ephemeral, read-only, found \"ro\""),
        (#"{"lowers":[{}]}"#, "rootFilesystem.lowers[0].kind: missing"),
        (
            #"{"lowers":[{"kind":"x"}]}"#,
            "rootFilesystem.lowers[0].kind: expected one of bundled-base-filesystem, snapshot-export, found \"x\""
        ),
        (#"{"lowers":[{"kind":"snapshot-export"}]}"#, "rootFilesystem.lowers[0]: Invalid snapshot export"),
        (
            #"{"lowers":[{"kind":"snapshot-export","source":{"format":"v2","filesystem":{"entries":[]}}}]}"#,
            "rootFilesystem.lowers[0]: Invalid snapshot export"
        ),
        (
            #"{"lowers":[{"kind":"snapshot-export","source":{"format":"agent-os-filesystem-snapshot-v1","filesystem":{}}}]}"#,
            "rootFilesystem.lowers[0]: Invalid snapshot export"
        ),
        (
            #"{"lowers":[\#(lower(#"{"path":"a","type":"file"}"#))]}"#,
            "rootFilesystem.lowers[0] entry a: Path must be absolute: a"
        ),
    ]

    @Test("a root with one thing wrong is refused", arguments: refused)
    func refused(document: String, text: String) {
        #expect(refusal { () throws(ClientError) in _ = try root(document) } == text)
    }
}
