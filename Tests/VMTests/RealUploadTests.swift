// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite(
    "What an upload does with what changes, and with what is there already",
    .enabled(if: RealSidecar.isThere)
)
struct RealUploadTests {
    @Test("a file of the kernel, which says that it is empty, comes whole")
    func withoutSize() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let sent = try vm.upload("/proc/version", to: "/tmp/v")
        let content = try readFile("/proc/version")
        #expect(try vm.read("/tmp/v") == content)
        #expect(sent["bytes"] == .integer(Int64(content.count)))
    }

    @Test("a link that names what is sent is followed")
    func throughLink() throws {
        try withTestFolder { folder in
            try host(folder, "echo file > f && ln -s f l && ln -s none dangling")
            let vm = try realVM()
            defer { finish(vm) }
            #expect(try vm.upload("\(folder)/l", to: "/tmp/l")["files"] == .integer(1))
            #expect(
                try vm.readText("/tmp/l") == "file\n" && vm.lstat("/tmp/l")["isSymbolicLink"] == .bool(false)
            )
            let error = failure { _ = try vm.upload("\(folder)/dangling", to: "/tmp/d") }
            expect(error, AOS_E_INVALID, says: "a link to nothing: \(folder)/dangling")
        }
    }

    @Test("a link that cannot be is left out, or refused before anything is sent")
    func impossibleLinks() throws {
        try withTestFolder { folder in
            try host(folder, "mkdir t long && echo x > t/f && ln -s f t/near && ln -s /etc/passwd t/far")
            try host(folder, "echo x > long/f && ln -s \(String(repeating: "n", count: 300)) long/link")
            let vm = try realVM(try json(#"{"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#))
            defer { finish(vm) }
            let sent = try vm.upload("\(folder)/t", to: "/mnt/m/t")
            #expect(sent["links"] == .integer(1) && sent["skipped"] == .array([.string("far")]))
            #expect(try vm.list("/mnt/m/t") == ["f", "near"])
            let error = failure { _ = try vm.upload("\(folder)/long", to: "/tmp/long") }
            expect(error, AOS_E_INVALID, errno: "ENAMETOOLONG", says: "/tmp/long/link")
            #expect(try vm.exists("/tmp/long") == false)
            try host(folder, "mkdir out")
            let taken = failure { _ = try vm.download("/etc/hostname", to: "\(folder)/out") }
            expect(taken, AOS_E_INVALID, errno: "EISDIR", says: "'\(folder)/out'")
        }
    }

    @Test("a file that grows meanwhile is sent as long as it is, and counted so")
    func growing() throws {
        try withTestFolder { folder in
            try host(
                folder,
                "mkdir t && i=0; while [ $i -lt 150 ]; do echo small > t/a$i; i=$((i+1)); done; echo begin > t/z"
            )
            let vm = try realVM()
            defer { finish(vm) }
            let isOver = Lock(false)
            let result: Lock<Result<JSONValue, any Error>?> = Lock(nil)
            onThreads(2) { index in
                if index == 0 {
                    guard let file = fopen("\(folder)/t/z", "ae") else { return }
                    for _ in 0..<100_000 where !isOver.withLock({ $0 }) {
                        fputs("line\n", file)
                        fflush(file)
                    }
                    fclose(file)
                } else {
                    _ = eventually { (try? readFile("\(folder)/t/z").count) ?? 0 > 100 }
                    result.withLock { $0 = Result { try vm.upload("\(folder)/t", to: "/tmp/t") } }
                    isOver.withLock { $0 = true }
                }
            }
            let sent = try #require(result.withLock { $0 }).get()
            let came = try vm.read("/tmp/t/z")
            #expect(came.starts(with: Array("begin\nline\n".utf8)) && came.last == UInt8(ascii: "\n"))
            #expect(sent["bytes"] == .integer(Int64(150 * 6 + came.count)))
        }
    }

    @Test("links of the guest are replaced, not followed, and permissions are those of the host")
    func overLinks() throws {
        try withTestFolder { folder in
            try host(
                folder,
                "mkdir -p t/d && echo new > t/f && echo in > t/d/g && chmod 644 t/f && chmod 755 t t/d"
            )
            let vm = try realVM()
            defer { finish(vm) }
            try vm.write("/w/victim", "victim")
            try vm.write("/w/outside/g", "outside")
            try vm.makeDirectory("/w/t")
            try vm.symlink("../victim", at: "/w/t/f")
            try vm.symlink("../outside", at: "/w/t/d")
            _ = try vm.upload("\(folder)/t", to: "/w/t")
            #expect(try vm.readText("/w/victim") == "victim" && vm.readText("/w/outside/g") == "outside")
            #expect(try vm.readText("/w/t/f") == "new\n" && vm.readText("/w/t/d/g") == "in\n")
            #expect(try vm.lstat("/w/t/f")["isSymbolicLink"] == .bool(false))
            #expect(try vm.lstat("/w/t/d")["isDirectory"] == .bool(true))
            try vm.chmod("/w/t/f", 0o4777)
            try vm.chmod("/w/t/d", 0o700)
            _ = try vm.upload("\(folder)/t", to: "/w/t")
            #expect(try vm.stat("/w/t/f")["mode"] == .integer(0o100_644))
            #expect(try vm.stat("/w/t/d")["mode"] == .integer(0o40_755))
        }
    }

    @Test("a wide tree takes few descriptors")
    func wide() throws {
        try withTestFolder { folder in
            try host(folder, "mkdir t && cd t && i=0; while [ $i -lt 300 ]; do mkdir d$i; i=$((i+1)); done")
            let vm = try realVM()
            defer { finish(vm) }
            let most = Lock(0)
            let watcher = Task.detached {
                while !Task.isCancelled {
                    let open =
                        (try? openDescriptors().values.filter { $0.hasPrefix("\(folder)/t/d") }.count) ?? 0
                    most.withLock { $0 = max($0, open) }
                }
            }
            _ = try vm.upload("\(folder)/t", to: "/w/t")
            watcher.cancel()
            #expect(most.withLock { $0 } < 10)
            #expect(try vm.list("/w/t").count == 300)
        }
    }
}
