// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite(
    "Files on the real sidecar (connection-vm-files.md 10)",
    .enabled(if: RealSidecar.isThere)
)
struct RealFileTests {
    @Test(
        "27: content comes back byte for byte",
        arguments: [
            [], [0], Array("\u{FEFF}bom".utf8), Array("e\u{301}\u{E9}".utf8), Array("a\r\nb\n".utf8),
            Array(0...255),
            [0xFF, 0xFE], Array("a\u{0}b".utf8), [UInt8](repeating: 0x0A, count: 100_000),
        ] as [[UInt8]]
    )
    func content(_ bytes: [UInt8]) throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", bytes)
        #expect(try vm.read("/tmp/f") == bytes)
        #expect(try vm.stat("/tmp/f")["size"] == .integer(Int64(bytes.count)))
        try vm.write("/tmp/f", "short")
        #expect(try vm.readText("/tmp/f") == "short")
    }

    @Test("25: as much as fits in one frame", arguments: [true, false])
    func largest(_ binary: Bool) throws {
        let vm = try realVM(guards: binary)
        defer { finish(vm) }
        var random = SeededGenerator(seed: 25)
        let bytes =
            binary
            ? random.bytes(785_000)
            : random.bytes(1_047_000).map { $0 % 95 == 2 || $0 % 95 == 60 ? 65 : $0 % 95 + 32 }
        try vm.write("/tmp/f", bytes)
        #expect(try vm.read("/tmp/f") == bytes)
        let over = [UInt8](repeating: binary ? 0xFF : 0x61, count: binary ? 787_000 : 1_049_000)
        let error = failure { try vm.write("/tmp/f", over) }
        expect(error, AOS_E_TOO_LARGE, errno: "EFBIG")
        // As many of these bytes as it says do fit.
        let limit = Int(error?.detail["limit"]?.integerValue ?? 0)
        #expect((bytes.count..<over.count).contains(limit))
        try vm.write("/tmp/f", [UInt8](over[..<min(limit, over.count)]))
        try vm.write("/tmp/f", bytes)
        #expect(try vm.stat("/tmp/f")["size"] == .integer(Int64(bytes.count)))
    }

    @Test("28: a directory of 4,096 entries lists, one more does not")
    func listing() throws {
        // A mount, for a root with so many files stands still.
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        for number in 0..<4_096 { close(open("\(folder.path)/\(number)", O_CREAT | O_WRONLY, 0o644)) }
        let vm = try realVM(
            json(
                "{\"mounts\":[{\"path\":\"/mnt/h\",\"plugin\":{\"id\":\"host_dir\",\"config\":{\"hostPath\":\"\(folder.path)\"}}}]}"
            )
        )
        defer { finish(vm) }
        #expect(try vm.list("/mnt/h").count == 4_096)
        try writeFile("\(folder.path)/more", [])
        let error = failure { _ = try vm.list("/mnt/h") }
        expect(error, AOS_E_REMOTE, errno: "ENOMEM", says: "exceeds configured limit of 4096 entries")
    }

    @Test("a listing has names sorted by bytes, without dots")
    func names() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for name in ["b", "a", "B", "\u{E9}", "e\u{301}", ".hidden", "sp ace"] {
            try vm.write("/tmp/\(name)", "")
        }
        let names = try vm.list("/tmp")
        #expect(
            names.map { Array($0.utf8) }
                == names.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        )
        #expect(names.count == 7)
    }

    @Test("5: what each call answers where nothing, a file or a directory stands")
    func answers() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.makeDirectory("/tmp/d")
        try vm.write("/tmp/d/f", "x")
        for call in [FileCall.read, .stat, .list, .remove] {
            expect(
                failure { try call.run(vm, "/tmp/none") },
                AOS_E_REMOTE,
                errno: "ENOENT",
                says: "/tmp/none"
            )
        }
        #expect(try vm.exists("/tmp/none") == false)
        expect(failure { _ = try vm.read("/tmp/d") }, AOS_E_REMOTE, errno: "EISDIR")
        expect(failure { try vm.write("/tmp/d", "x") }, AOS_E_REMOTE, errno: "EISDIR")
        expect(
            failure { _ = try vm.list("/tmp/d/f") },
            AOS_E_REMOTE,
            errno: "ENOENT",
            says: "no such directory: /tmp/d/f"
        )
        expect(failure { try vm.makeDirectory("/tmp/d") }, AOS_E_REMOTE, errno: "EEXIST")
        expect(failure { try vm.makeDirectory("/tmp/d/f") }, AOS_E_REMOTE, errno: "EEXIST")
        try vm.makeDirectory("/tmp/d", recursive: true)
        expect(failure { try vm.makeDirectory("/tmp/d/f", recursive: true) }, AOS_E_REMOTE)
        expect(failure { try vm.remove("/tmp/d") }, AOS_E_REMOTE, errno: "ENOTEMPTY")
        try vm.remove("/tmp/d", recursive: true)
        #expect(try vm.exists("/tmp/d") == false)
        try vm.write("/tmp/new/parents/f", "x")
        #expect(try vm.readText("/tmp/new/parents/f") == "x")
        expect(failure { try vm.remove("/", recursive: true) }, AOS_E_INVALID, errno: "EPERM")
    }

    @Test("mkdir recursive of a link to a directory is success, of one to a file it is not")
    func makeTreeOverLink() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.makeDirectory("/tmp/d")
        try vm.write("/tmp/f", "x")
        try vm.plant("d", at: "/tmp/ld")
        try vm.plant("f", at: "/tmp/lf")
        try vm.makeDirectory("/tmp/ld", recursive: true)
        try vm.makeDirectory("/tmp/ld/below/it", recursive: true)
        #expect(try vm.list("/tmp/d") == ["below"])
        #expect(failure { try vm.makeDirectory("/tmp/lf", recursive: true) } != nil)
        expect(failure { try vm.makeDirectory("/tmp/ld") }, AOS_E_REMOTE, errno: "EEXIST")
        try vm.remove("/tmp/ld", recursive: true)
        #expect(try vm.list("/tmp/d") == ["below"], "the link went, not what it points to")
    }

    @Test("stat tells kinds, sizes and owners")
    func stat() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "12345")
        let file = try vm.stat("/tmp/f")
        #expect(file["mode"] == .integer(0o100644))
        #expect(file["size"] == .integer(5))
        #expect(file["uid"] == .integer(1000))
        #expect(file["gid"] == .integer(1000))
        #expect(file["isDirectory"] == .bool(false))
        #expect(file["isSymbolicLink"] == .bool(false))
        let root = try vm.stat("/")
        #expect(root["isDirectory"] == .bool(true))
        #expect(root["size"] == .integer(4096))
        guard case .object(let members) = file else { throw FileError("stat", "no object") }
        #expect(
            members.map(\.name) == [
                "mode", "size", "blocks", "dev", "rdev", "isDirectory", "isSymbolicLink", "atimeMs",
                "mtimeMs", "ctimeMs",
                "birthtimeMs", "ino", "nlink", "uid", "gid",
            ]
        )
    }

    /// Once it is gone, whoever makes it again, a guest too, ends the sidecar.
    @Test("a directory of a lower layer is not removed, nor anything in it")
    func removeBase() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/kept", "x")
        for path in ["/var", "/usr", "/home", "/tmp", "/home/user", "/etc/apk"] {
            let error = failure { try vm.remove(path, recursive: true) }
            expect(error, AOS_E_INVALID, errno: "EBUSY", says: "directory of a lower layer")
            #expect(try vm.exists(path))
            #expect(vm.isAlive)
        }
        #expect(try vm.readText("/tmp/kept") == "x")
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("6: the file of instructions stays when a directory above it is removed")
    func removeAboveInstructions() throws {
        let vm = try realVM()
        defer { finish(vm) }
        _ = failure { try vm.remove("/etc", recursive: true) }
        let stays = try vm.exists("/etc/agentos/instructions.md")
        #expect(stays)
    }
}

enum FileExistence {
    static func isDirectory(_ path: String) -> Bool { (try? folder(path)) != nil }
}
