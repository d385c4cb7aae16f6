// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import CAgentOS
import Testing

/// The Swift compiler compares functions, not structs: their layout is compared here, with a C compiler's.
@Suite("The layout of the structs of the header")
struct LayoutTests {
    struct Row: Sendable {
        let structure: String
        let name: String
        /// What is promised.
        let offset: Int
        let size: Int
        /// What Swift sees.
        let swift: Int?
    }

    static let event: [Row] = {
        typealias Layout = MemoryLayout<aos_event>
        func row(_ name: String, _ offset: Int, _ size: Int, _ swift: Int?) -> Row {
            Row(structure: "aos_event", name: name, offset: offset, size: size, swift: swift)
        }
        return [
            row("struct_size", 0, 4, Layout.offset(of: \.struct_size)),
            row("kind", 4, 4, Layout.offset(of: \.kind)),
            row("op", 8, 8, Layout.offset(of: \.op)),
            row("object", 16, 8, Layout.offset(of: \.object)),
            row("call", 24, 8, Layout.offset(of: \.call)),
            row("tag", 32, 8, Layout.offset(of: \.tag)),
            row("seq", 40, 8, Layout.offset(of: \.seq)),
            row("value", 48, 8, Layout.offset(of: \.value)),
            row("status", 56, 4, Layout.offset(of: \.status)),
            row("flags", 60, 4, Layout.offset(of: \.flags)),
            row("data", 64, 8, Layout.offset(of: \.data)),
            row("data_len", 72, 8, Layout.offset(of: \.data_len)),
            row("bytes", 80, 8, Layout.offset(of: \.bytes)),
            row("error", 88, 8, Layout.offset(of: \.error)),
        ]
    }()

    static let completion: [Row] = {
        typealias Layout = MemoryLayout<aos_completion>
        func row(_ name: String, _ offset: Int, _ size: Int, _ swift: Int?) -> Row {
            Row(structure: "aos_completion", name: name, offset: offset, size: size, swift: swift)
        }
        return [
            row("struct_size", 0, 4, Layout.offset(of: \.struct_size)),
            row("deliver", 4, 4, Layout.offset(of: \.deliver)),
            row("queue", 8, 8, Layout.offset(of: \.queue)),
            row("fn", 16, 8, Layout.offset(of: \.fn)),
            row("shaped_fn", 24, 8, Layout.offset(of: \.shaped_fn)),
            row("shape", 32, 8, Layout.offset(of: \.shape)),
            row("drop", 40, 8, Layout.offset(of: \.drop)),
            row("user_data", 48, 8, Layout.offset(of: \.user_data)),
            row("tag", 56, 8, Layout.offset(of: \.tag)),
            row("deadline_ns", 64, 8, Layout.offset(of: \.deadline_ns)),
        ]
    }()

    static let rows: [Row] = event + completion

    @Test("every field is in the table, in the order of the header")
    func complete() {
        #expect(HeaderText.fields == Self.rows.map { HeaderField(structure: $0.structure, name: $0.name) })
    }

    @Test("every offset and size is what is promised, in C and in Swift")
    func offsets() throws {
        let prints = Self.rows.map { row in
            "P(\(row.structure), \(row.name));"
        }
        let lines = try Tool.output(
            ofC: """
                #include <agentos.h>
                #include <stdio.h>
                #define P(s, f) printf("%zu %zu\\n", offsetof(s, f), sizeof(((s *)0)->f))
                int main(void) { \(prints.joined(separator: "\n")) return 0; }
                """
        )
        #expect(lines.count == Self.rows.count)
        for (row, line) in zip(Self.rows, lines) {
            #expect(line == "\(row.offset) \(row.size)", "\(row.structure).\(row.name) in C")
            #expect(row.swift == row.offset, "\(row.structure).\(row.name) in Swift")
        }
    }

    @Test("the structs have the sizes and alignments that are promised, in C and in Swift")
    func sizes() throws {
        let lines = try Tool.output(
            ofC: """
                #include <agentos.h>
                #include <stdalign.h>
                #include <stdio.h>
                int main(void) {
                  printf("%zu %zu\\n", sizeof(aos_event), alignof(aos_event));
                  printf("%zu %zu\\n", sizeof(aos_completion), alignof(aos_completion));
                  printf("%zu %zu\\n", sizeof(aos_status), sizeof(aos_id));
                }
                """
        )
        #expect(lines == ["96 8", "72 8", "4 8"])
        #expect(MemoryLayout<aos_event>.size == 96 && MemoryLayout<aos_event>.stride == 96)
        #expect(MemoryLayout<aos_completion>.size == 72 && MemoryLayout<aos_completion>.stride == 72)
        #expect(MemoryLayout<aos_event>.alignment == 8 && MemoryLayout<aos_completion>.alignment == 8)
        #expect(MemoryLayout<aos_status>.size == 4 && MemoryLayout<aos_id>.size == 8)
    }

    /// With 32-bit pointers the offsets stay: what `AOS_PAD32` is for. Where that compiler has no 32-bit
    /// headers the structs are looked at with pointers replaced, so the test runs everywhere.
    @Test("a 32-bit host sees the same event")
    func narrowPointers() throws {
        let text = try Repository.text(HeaderText.path)
        let start = try #require(text.firstRange(of: "typedef struct aos_event {"))
        let end = try #require(text.firstRange(of: "} aos_event;"))
        var body = String(text[start.lowerBound..<end.upperBound])
        for pointer in ["const void *data", "aos_bytes *bytes", "aos_error *error"] {
            let place = try #require(body.firstRange(of: pointer), "\(pointer)")
            body.replaceSubrange(place, with: "uint32_t \(pointer.split(separator: "*")[1])")
        }
        let prints = Self.event.map { "printf(\"%zu\\n\", offsetof(aos_event, \($0.name)));" }
        let lines = try Tool.output(
            ofC: """
                #include <stddef.h>
                #include <stdint.h>
                #include <stdio.h>
                #define AOS_PAD32(name) uint32_t name;
                typedef uint64_t aos_id;
                \(body)
                int main(void) { \(prints.joined(separator: " ")) printf("%zu\\n", sizeof(aos_event)); }
                """
        )
        #expect(lines == Self.event.map { "\($0.offset)" } + ["96"])
    }
}
