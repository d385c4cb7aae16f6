// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Content of files on the wire (filesystem.md 13, 10-15)")
struct FileContentTests {
    private func content(_ request: JSONValue) -> [UInt8]? {
        guard let text = request["content"]?.stringValue else { return nil }
        guard request["encoding"]?.stringValue == "base64" else { return Array(text.utf8) }
        return decodeBase64(text)
    }

    @Test("10: text is sent as it is")
    func text() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        for text in ["h\u{E9}llo\n", "", "\u{FEFF}x", "e\u{301}", "\r\n", "a\u{0}b", "\u{10FFFF}"] {
            try vm.write("/t", text)
            let request = try #require(peer.requests("guest_filesystem_call").last)
            #expect(request["operation"]?.stringValue == "write_file")
            #expect(content(request) == Array(text.utf8))
            // Base64 is as good where it is shorter: a NUL counts six bytes as text (D5).
            if !text.utf8.contains(0) { #expect(request["encoding"] == .null) }
        }
        #expect(peer.sentCalls.count == 7)
    }

    @Test(
        "11: bytes that are no text are sent as base64",
        arguments: [
            [0x00, 0x9F, 0x92, 0x96, 0xFF, 0xFE], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func binary(_ bytes: [UInt8]) throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        try vm.write("/t", bytes)
        let request = try #require(peer.requests("guest_filesystem_call").last)
        #expect(request["encoding"]?.stringValue == "base64")
        #expect(content(request) == bytes)
    }

    @Test(
        "12: content is read in each form that the wire has",
        arguments: [
            (#""content":"h\u00e9","encoding":"utf8""#, [0x68, 0xC3, 0xA9]),
            (#""content":"AJ//","encoding":"base64""#, [0, 0x9F, 0xFF]),
            (#""content":"AA==","encoding":"base64""#, [0]),
            (#""content":"AA==""#, [0x41, 0x41, 0x3D, 0x3D]),
            (#""content":"","encoding":"utf8""#, []), (#""content":"","encoding":"base64""#, []),
        ] as [(String, [UInt8])]
    )
    func readForms(_ members: String, _ bytes: [UInt8]) throws {
        let peer = ScriptedPeer("[\(FileRules.on("read_file", FileRules.result("read_file", members)))]")
        let vm = try peer.sidecar().createVM()
        #expect(try vm.read("/f") == bytes)
    }

    @Test(
        "12: content that is missing or no base64 is an error, and no more",
        arguments: [
            ("", "sidecar returned no file content for /f"),
            (#""content":"A","encoding":"base64""#, "decoding base64 file content"),
            (#""content":"AA=A","encoding":"base64""#, "decoding base64 file content"),
            (#""content":"A!==","encoding":"base64""#, "decoding base64 file content"),
            (#""content":"AB==","encoding":"base64""#, "decoding base64 file content"),
            (#""content":"AA","encoding":"base64""#, "decoding base64 file content"),
            (#""content":"AAA=\n","encoding":"base64""#, "decoding base64 file content"),
        ]
    )
    func readErrors(_ members: String, _ text: String) throws {
        let peer = ScriptedPeer("[\(FileRules.on("read_file", FileRules.result("read_file", members)))]")
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.read("/f") }
        expect(error, AOS_E_SIDECAR, says: text)
        #expect(error?.detail["path"]?.stringValue == "/f")
        #expect(vm.isAlive)
    }

    @Test("12: other answers that lack what was asked", arguments: ["stat", "read_dir", "realpath", "wrong"])
    func lacking(_ what: String) throws {
        let rule =
            what == "wrong"
            ? FileRules.on("stat", #"{"answer":{"type":"zombie_timer_count","count":1}}"#)
            : FileRules.on(what, FileRules.result(what, ""))
        let peer = ScriptedPeer("[\(rule)]")
        let vm = try peer.sidecar().createVM()
        switch what {
        case "read_dir": #expect(try vm.list("/f") == [])
        case "realpath":
            expect(failure { _ = try vm.stat("/f") }, AOS_E_SIDECAR, says: "realpath response missing target")
        case "stat":
            expect(
                failure { _ = try vm.stat("/f") },
                AOS_E_SIDECAR,
                says: "stat response missing stat payload"
            )
        default: expect(failure { _ = try vm.stat("/f") }, AOS_E_SIDECAR, says: "unexpected")
        }
        #expect(vm.isAlive)
    }

    @Test("13: what fits is sent in one frame, what does not is not sent")
    func sizes() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        var random = SeededGenerator(seed: 13)
        let bytes = random.bytes(900_000)
        expect(failure { try vm.write("/t", bytes) }, AOS_E_TOO_LARGE, errno: "EFBIG")
        #expect(peer.fileCalls == [])
        try vm.write("/t", Array(bytes.prefix(700_000)))
        let request = try #require(peer.requests("guest_filesystem_call").last)
        #expect(content(request) == Array(bytes.prefix(700_000)))
        #expect(peer.sentCalls == ["write_file /t"])
    }

    @Test("14: text that grows in JSON is sent as base64, text that does not is sent as text")
    func accountedSize() throws {
        let peer = ScriptedPeer()
        let vm = try peer.sidecar().createVM()
        let lines = [UInt8](repeating: 0x0A, count: 600_000)
        try vm.write("/t", lines)
        let request = try #require(peer.requests("guest_filesystem_call").last)
        #expect(request["encoding"]?.stringValue == "base64")
        #expect(content(request) == lines)
        try vm.write("/t", [UInt8](repeating: 0x61, count: 1_047_000))
        #expect(peer.requests("guest_filesystem_call").last?["encoding"] == .null)
        expect(failure { try vm.write("/t", [UInt8](repeating: 0x61, count: 1_048_000)) }, AOS_E_TOO_LARGE)
        // 6 bytes each as text, 4 for 3 as base64.
        expect(failure { try vm.write("/t", [UInt8](repeating: 0x01, count: 786_000)) }, AOS_E_TOO_LARGE)
        try vm.write("/t", [UInt8](repeating: 0x01, count: 785_000))
    }

    @Test(
        "15: a file that is too large to be read is not asked for",
        arguments: [2_000_000, 785_662, Int.max]
    )
    func readTooLarge(_ size: Int) throws {
        let peer = ScriptedPeer("[\(FileRules.stat(size: size))]")
        let vm = try peer.sidecar().createVM()
        let error = failure { _ = try vm.read("/f") }
        expect(
            error,
            AOS_E_TOO_LARGE,
            errno: "EFBIG",
            says: "EFBIG: file of \(size) bytes does not fit one frame (limit 7856"
        )
        #expect(error?.message.hasSuffix(", read '/f'") == true)
        #expect(error?.detail["size"] == .integer(Int64(size)))
        #expect(error?.detail["operation"]?.stringValue == "readFile")
        #expect(peer.sentCalls == ["stat /f"])
    }

    @Test("15: the largest that surely fits is read, and without guards nobody asks")
    func readLargest() throws {
        let peer = ScriptedPeer("[\(FileRules.stat(size: 785_661))]")
        let vm = try peer.sidecar().createVM()
        #expect(try vm.read("/f") == [])
        #expect(peer.fileCalls == ["realpath /f", "stat /f", "read_file /f"])
        let second = ScriptedPeer("[\(FileRules.stat(size: 2_000_000))]")
        let unguarded = try second.sidecar(["fileGuards": .string("off")]).createVM()
        #expect(try unguarded.read("/f") == [])
        #expect(second.fileCalls == ["read_file /f"])
    }

    @Test("5.5: numbers of a stat are exact up to 64 bits")
    func statNumbers() throws {
        let big = "18446744073709551615"
        let peer = ScriptedPeer(
            "[\(FileRules.on("stat", FileRules.result("stat", "\"stat\":{\"mode\":4294967295,\"size\":\(big),\"blocks\":9007199254740993,\"dev\":\(big),\"rdev\":1,\"is_directory\":true,\"is_symbolic_link\":false,\"atime_ms\":\(big),\"mtime_ms\":2,\"ctime_ms\":3,\"birthtime_ms\":4,\"ino\":\(big),\"nlink\":6,\"uid\":4294967295,\"gid\":7}")))]"
        )
        let vm = try peer.sidecar().createVM()
        let stat = try vm.stat("/f")
        #expect(
            JSONWriter.text(stat) == """
                {"mode":4294967295,"size":\(big),"blocks":9007199254740993,"dev":\(big),"rdev":1,"isDirectory":true,\
                "isSymbolicLink":false,"atimeMs":\(big),"mtimeMs":2,"ctimeMs":3,"birthtimeMs":4,"ino":\(big),"nlink":6,\
                "uid":4294967295,"gid":7}
                """
        )
    }
}
