// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import CAgentOS
import Testing

@Suite(
    "Calls on one file at the same time, on the real sidecar (decision 20)",
    .enabled(if: RealSidecar.isThere)
)
struct ConcurrentFileTests {
    /// Of a lower layer: where such a file is removed, its path is hidden for good.
    private static let path = "/etc/hostname"

    private static let calls: KeyValuePairs<String, @Sendable (HostVM) throws -> Void> = [
        "unlink": { try $0.unlink(path) },
        "remove": { try $0.remove(path, recursive: true) },
        "write": { try $0.write(path, "new") },
        "write large": { try $0.writeLarge(path, [UInt8](repeating: 0x78, count: 1_000_000)) },
        "rename away": { try $0.rename(path, to: "/tmp/away") },
        "rename back": { try $0.rename("/tmp/away", to: path) },
        "move a file there": { try $0.move("/tmp/source", to: path) },
        "truncate": { try $0.truncate(path, 3) },
        "chmod": { try $0.chmod(path, 0o600) },
        "read": { _ = try $0.read(path) },
        "lstat": { _ = try $0.lstat(path) },
        "link to": { try $0.symlink("/tmp/source", at: path) },
        "second name": { try $0.link("/tmp/source", to: path) },
        "directory": { try $0.makeDirectory(path) },
        "remove directory": { try $0.rmdir(path) },
    ]

    @Test("writes of one new file at the same time all succeed")
    func writes() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for round in 0..<100 {
            let path = "/tmp/new\(round % 10)"
            let queue = try HostQueue()
            for tag in 0..<8 {
                var completion = queue.completion(tag: UInt64(tag))
                try check {
                    aos_fs_write_async(
                        vm.sidecar.handle,
                        vm.id,
                        path,
                        path.utf8.count,
                        "x",
                        1,
                        &completion,
                        nil,
                        $0
                    )
                }
            }
            // By the I/O thread.
            #expect(queue.isReadable(within: 10_000))
            let events = queue.drain(until: 8)
            #expect(
                events.count == 8 && events.allSatisfy { $0.status == AOS_OK },
                "round \(round): \(events)"
            )
            try vm.unlink(path)
        }
    }

    @Test(
        "whatever two or three calls meet on a file, the VM stays whole and its next program runs",
        arguments: [
            ["write large", "unlink"], ["unlink", "write large", "unlink"], ["write", "rename away"],
            ["unlink", "rename away", "rename back"], ["move a file there", "unlink"],
            ["write large", "unlink", "write large", "unlink"], ["read", "write large", "truncate"],
            ["chmod", "remove", "lstat", "write"], ["unlink", "link to", "write"],
            ["unlink", "second name", "write large"], ["unlink", "directory", "write", "remove directory"],
        ]
    )
    func meeting(names: [String]) throws {
        let vm = try realVM()
        defer { finish(vm) }
        let bodies = names.map { name in Self.calls.first { $0.key == name }?.value }
        for round in 0..<3 {
            try vm.write("/tmp/source", "source \(round)")
            // Each may fail: what it is about may be gone, or something else be there. It must not lose the sidecar.
            let errors: Lock<[HostError]> = Lock([])
            onThreads(bodies.count) { index in
                if let error = failure(of: { try bodies[index]?(vm) }) {
                    errors.withLock { $0.append(error) }
                }
            }
            let all = errors.withLock { $0 }
            let expected = ["ENOENT", "EEXIST", "EISDIR", "ENOTDIR", "EBUSY"]
            #expect(all.allSatisfy { expected.contains($0.errno ?? "") }, "\(all)")
            // The end of a program brings the sidecar's own copy of the files back into the guest.
            #expect(try vm.script("console.log(1)").outputText == "1\n")
            if names.contains("directory") { try? vm.rmdir(Self.path) }
            if names.contains("link to") { try? vm.unlink(Self.path) }
            try vm.write(Self.path, "again")
            #expect(try vm.readText(Self.path) == "again")
        }
    }
}
