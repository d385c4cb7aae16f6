// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSSystem

@Suite("HostFile")
struct HostFileTests {
    @Test("links are followed where that is asked for, and only there")
    func links() throws {
        try withTestFolder { path in
            mkdir("\(path)/folder", 0o755)
            try writeFile("\(path)/file", [1])
            symlink("folder", "\(path)/link")
            symlink("nothing", "\(path)/dangling")
            #expect(HostFile.realPath("\(path)/link/../file") == "\(path)/file")
            #expect(HostFile.realPath("\(path)/dangling") == nil)
            #expect(HostFile.isDirectory("\(path)/link"))
            #expect(!HostFile.isDirectory("\(path)/file"))
            #expect(!HostFile.isDirectory("\(path)/dangling"))
            #expect(HostFile.isLink("\(path)/link"))
            #expect(HostFile.isLink("\(path)/dangling"))
            #expect(!HostFile.isLink("\(path)/folder"))
            #expect(!HostFile.isLink("\(path)/none"))
            #expect(HostFile.exists("\(path)/file"))
            #expect(!HostFile.exists("\(path)/dangling"))
            #expect(HostFile.isSearchable("\(path)/folder"))
            #expect(!HostFile.isSearchable("\(path)/none"))
        }
    }

    @Test("names are sorted by their bytes, without the two dots and what is no UTF-8")
    func names() throws {
        try withTestFolder { path in
            for name in ["b", "a", "B", "é", "e\u{301}", ".hidden", "...", "a b"] {
                try writeFile("\(path)/\(name)", [])
            }
            let odd: [UInt8] = Array("\(path)/".utf8) + [0xFF, 0x41, 0]
            odd.withUnsafeBytes { bytes in
                _ = bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { close(creat($0, 0o600)) }
            }
            let names = try #require(HostFile.names(in: path))
            let expected = ["...", ".hidden", "B", "a", "a b", "b", "e\u{301}", "é"]
            #expect(names.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
            #expect(HostFile.names(in: "\(path)/none") == nil)
            #expect(HostFile.names(in: "\(path)/a") == nil)
        }
    }

    @Test("of a file at most so many bytes are read", arguments: [0, 1, 10, 16_384, 16_385, 40_000, 1 << 20])
    func contents(limit: Int) throws {
        try withTestFolder { path in
            var generator = SeededGenerator(seed: 3)
            let bytes = generator.bytes(40_000)
            try writeFile("\(path)/file", bytes)
            #expect(HostFile.contents("\(path)/file", limit: limit) == Array(bytes.prefix(limit)))
        }
    }

    @Test("what cannot be read has no contents")
    func unreadable() throws {
        try withTestFolder { path in
            #expect(HostFile.contents("\(path)/none", limit: 10) == nil)
            #expect(HostFile.contents(path, limit: 10) == nil)
        }
    }

    @Test("a relative path is seen from the working directory, an absolute one is left as it is")
    func absolute() throws {
        let working = try #require(HostFile.realPath("."))
        #expect(HostFile.absolute("a/../b") == "\(working)/a/../b")
        #expect(HostFile.absolute(".") == "\(working)/.")
        #expect(HostFile.absolute("/x//y") == "/x//y")
    }
}
