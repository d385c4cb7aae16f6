// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Trees and large files between host and VM, on the real sidecar", .enabled(if: RealSidecar.isThere))
struct RealTransferTests {
    @Test("a tree with all that a tree has comes back as it was, over what is there")
    func roundTrip() throws {
        try withTestFolder { folder in
            try host(
                folder,
                """
                mkdir -p in/a/b 'in/c d/é' in/empty out && printf x > in/a/one && printf '' > in/a/b/none
                printf 'line\\r\\n\\0\\377' > 'in/c d/é/bytes' && ln -s a/one in/link && ln -s gone in/a/dangling
                chmod 751 in/a/one && chmod 700 in/a/b && touch -d @1600000000 in/a/one
                head -c 900000 /dev/urandom > in/large && printf old > out/link && mkdir -p out/a && printf old > out/a/one
                """
            )
            let vm = try realVM()
            defer { finish(vm) }
            try vm.write("/tmp/t/a/one", "older and longer")
            let sent = try vm.upload("\(folder)/in", to: "/tmp/t")
            #expect(sent["files"] == .integer(4) && sent["directories"] == .integer(5))
            #expect(sent["links"] == .integer(2) && sent["bytes"] == .integer(900_009))
            #expect(try vm.readText("/tmp/t/a/one") == "x")
            #expect(try vm.stat("/tmp/t/a/one")["mode"] == .integer(0o100_751))
            #expect(try vm.stat("/tmp/t/a/b")["mode"] == .integer(0o40_700))
            #expect(try vm.readLink("/tmp/t/link") == "a/one")
            #expect(
                try vm.script("console.log(require('fs').readdirSync('/tmp/t').length)").outputText == "5\n"
            )
            let came = try vm.download("/tmp/t", to: "\(folder)/out")
            #expect(came["files"] == .integer(4) && came["bytes"] == .integer(900_009))
            try host(
                folder,
                "diff -r --no-dereference in out && test \"$(stat -c '%a %Y' out/a/one)\" = '751 1600000000'"
            )
        }
    }

    @Test("one file, into the place that is named, and only that")
    func single() throws {
        try withTestFolder { folder in
            try host(folder, "printf content > file")
            let vm = try realVM()
            defer { finish(vm) }
            _ = try vm.upload("\(folder)/file", to: "/tmp/f")
            #expect(try vm.readText("/tmp/f") == "content")
            _ = try vm.download("/tmp/f", to: "\(folder)/back")
            try host(folder, "cmp file back && test \"$(ls | wc -l)\" = 2")
            _ = try vm.download("/etc/hostname", to: "\(folder)/name")
            try host(folder, "test \"$(cat name)\" = agent-os")
        }
    }

    @Test("what cannot be is refused by its name, and what is there stays")
    func refusals() throws {
        try withTestFolder { folder in
            try host(
                folder,
                "mkdir -p bad ok && printf x > 'bad/a\\b' && printf x > ok/f && mkfifo ok/pipe && ln -s / out"
            )
            let vm = try realVM()
            defer { finish(vm) }
            let missing = failure { _ = try vm.upload("\(folder)/none", to: "/tmp/t") }
            expect(missing, AOS_E_INVALID, errno: "ENOENT", says: "\(folder)/none")
            let name = failure { _ = try vm.upload("\(folder)/bad", to: "/tmp/t") }
            expect(name, AOS_E_INVALID, errno: "EINVAL", says: "backslash")
            #expect(try vm.exists("/tmp/t") == false)
            let sent = try vm.upload("\(folder)/ok", to: "/tmp/t")
            #expect(sent["skipped"] == .array([.string("pipe")]) && sent["files"] == .integer(1))
            expect(failure { _ = try vm.upload("\(folder)/ok", to: "/proc/x") }, AOS_E_INVALID)
            expect(
                failure { _ = try vm.download("/tmp/none", to: "\(folder)/x") },
                AOS_E_REMOTE,
                errno: "ENOENT"
            )
            let place = failure { _ = try vm.download("/tmp/t/f", to: "\(folder)/no/such/place") }
            expect(place, AOS_E_INVALID, errno: "ENOENT")
            try host(folder, "test ! -e x")
        }
    }

    @Test("a link that stands where a directory goes is not followed out of the tree")
    func linkInTheWay() throws {
        try withTestFolder { folder in
            try host(folder, "mkdir -p out outside && ln -s \"$PWD/outside\" out/a")
            let vm = try realVM()
            defer { finish(vm) }
            try vm.write("/tmp/t/a/f", "x")
            let error = failure { _ = try vm.download("/tmp/t", to: "\(folder)/out") }
            #expect(
                error?.status == AOS_E_INVALID && error?.message.contains("out/a") == true,
                "\(String(describing: error))"
            )
            try host(folder, "test \"$(ls outside | wc -l)\" = 0")
        }
    }

    @Test("directories come with their permissions, also read-only ones; one that is there keeps its own")
    func directoryModes() throws {
        try withTestFolder { folder in
            let vm = try realVM()
            defer { finish(vm) }
            try vm.makeDirectory("/tmp/t/private/empty", recursive: true)
            try vm.write("/tmp/t/private/f", "f")
            try vm.write("/tmp/t/open/f", "f")
            for (path, mode) in [
                ("", 0o750), ("/private", 0o500), ("/private/empty", 0o700), ("/open", 0o755),
            ] {
                try vm.chmod("/tmp/t" + path, UInt32(mode))
            }
            // A place that is named as directories are.
            for place in ["new", "slash/", "dot/."] {
                _ = try vm.download("/tmp/t", to: "\(folder)/\(place)")
                try host(
                    folder,
                    "cd \(place) && test \"$(stat -c %a . private private/empty open)\" = '750\n500\n700\n755'"
                )
            }
            try host(folder, "mkdir -p old/open && chmod 711 old old/open")
            _ = try vm.download("/tmp/t", to: "\(folder)/old")
            try host(
                folder,
                "cd old && test \"$(stat -c %a . private open)\" = '711\n500\n711' && cat open/f private/f"
            )
        }
    }

    @Test("what is no file on the host is not replaced, by a file or a link")
    func special() throws {
        try withTestFolder { folder in
            try host(folder, "mkdir out && mkfifo out/f out/l pipe")
            let vm = try realVM()
            defer { finish(vm) }
            try vm.write("/tmp/file/f", "f")
            try vm.makeDirectory("/tmp/link", recursive: true)
            try vm.symlink("f", at: "/tmp/link/l")
            for (path, place) in [("/tmp/file", "out"), ("/tmp/link", "out"), ("/tmp/file/f", "pipe")] {
                let error = failure { _ = try vm.download(path, to: "\(folder)/\(place)") }
                expect(error, AOS_E_INVALID, errno: "EEXIST", says: "\(folder)/\(place)")
            }
            try host(folder, "test -p out/f -a -p out/l -a -p pipe && test \"$(ls out | wc -l)\" = 2")
        }
    }

    @Test("a file that is replaced by a large one keeps who may read it, and whose it is")
    func replacedLarge() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for mode: UInt32 in [0o600, 0o755, 0o4711] {
            try vm.write("/tmp/f", "old")
            try vm.chown("/tmp/f", 5, 6)
            try vm.chmod("/tmp/f", mode)
            try vm.writeLarge("/tmp/f", [UInt8](repeating: 0xFF, count: 900_000))
            let stat = try vm.stat("/tmp/f")
            #expect(stat["mode"] == .integer(Int64(0o100_000 | mode)))
            #expect(stat["uid"] == .integer(5) && stat["gid"] == .integer(6))
            #expect(stat["size"] == .integer(900_000))
            try vm.unlink("/tmp/f")
        }
    }

    @Test("files of any size, byte for byte, and at once", arguments: [0, 1, 786_000, 5_000_000, 40_000_000])
    func large(_ size: Int) throws {
        let vm = try realVM()
        defer { finish(vm) }
        var random = SeededGenerator(seed: UInt64(size))
        let bytes = random.bytes(size)
        try vm.write("/tmp/f", "old")
        try vm.writeLarge("/tmp/f", bytes)
        #expect(try vm.readLarge("/tmp/f") == bytes)
        #expect(try vm.stat("/tmp/f")["size"] == .integer(Int64(size)))
        #expect(try vm.list("/tmp") == ["f"])
        let error = failure { _ = try vm.readLarge("/tmp/f", limit: UInt64(max(size - 1, 0))) }
        if size > 0 { expect(error, AOS_E_TOO_LARGE, errno: "EFBIG") }
        expect(failure { try vm.writeLarge("/tmp", bytes) }, AOS_E_REMOTE, errno: "EISDIR")
        expect(failure { _ = try vm.readLarge("/tmp/none") }, AOS_E_REMOTE, errno: "ENOENT")
    }

    @Test("a transfer that is cancelled ends once, leaves nothing half done, and the VM goes on")
    func cancelled() throws {
        let vm = try realVM()
        defer { finish(vm) }
        try vm.write("/tmp/f", "old")
        let bytes = [UInt8](repeating: 7, count: 30_000_000)
        let op = try vm.sidecar.submit {
            aos_fs_write_large_async(vm.sidecar.handle, vm.id, "/tmp/f", -1, bytes, bytes.count, nil, $0, $1)
        }
        // Under way, as its first report says.
        let first = try #require(try vm.sidecar.take(op))
        #expect(first.kind == AOS_EV_PROGRESS && first.text.contains("\"totalBytes\":30000000"))
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        let last = try #require(try vm.sidecar.events(of: op).last)
        #expect(last.status == AOS_E_CANCELED)
        #expect(try vm.readText("/tmp/f") == "old")
        #expect(try vm.list("/tmp") == ["f"])
    }

    @Test("no permission to start programs: what needs one says so")
    func denied() throws {
        let vm = try realVM(json(#"{"permissions":{"fs":"allow","process":"allow","childProcess":"deny"}}"#))
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        expect(failure { _ = try vm.readLarge("/tmp/f") }, AOS_E_REMOTE, errno: "EACCES")
        expect(failure { try vm.writeLarge("/tmp/g", [1]) }, AOS_E_REMOTE, errno: "EACCES")
        #expect(try vm.list("/tmp") == ["f"])
    }

    @Test("files are written while a program runs, without a scan for each")
    func besideProgram() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let program = try vm.spawn(["node", "-e", "console.log('up'); setInterval(() => 0, 1000)"])
        _ = try program.waitForOutput("up")
        let clock = ContinuousClock()
        _ = try vm.writeFiles((0..<100).map { ("/tmp/d/\($0)", [1]) })
        let scan = try clock.measure { _ = try vm.stat("/tmp") }
        let writes = try clock.measure {
            for index in 0..<20 { try vm.write("/tmp/d/more\(index)", "x") }
        }
        #expect(writes < scan * 10, "20 writes took \(writes), one scan \(scan)")
        try program.kill("KILL")
        #expect(try vm.list("/tmp/d").count == 120)
    }
}
