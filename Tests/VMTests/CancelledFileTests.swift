// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import CAgentOS
import Glibc
import Testing

@Suite(
    "Changes that are cancelled in the middle: nothing is lost, and nothing is left",
    .timeLimit(.minutes(10))
)
struct CancelledFileTests {
    /// Renames of /d/a are answered late.
    private static func peer() -> ScriptedPeer {
        FileRules.tree(
            [:],
            more: [
                FileRules.on("rename", "{\"delay\":500},{\"default\":true}", path: "/d/a"),
                FileRules.on(
                    "read_link",
                    FileRules.reject("kernel_error", "ENOENT: no such file: /tmp/a"),
                    path: "/tmp/a"
                ),
            ]
        )
    }

    private func submitUnlink(_ vm: HostVM, _ path: String) throws -> aos_id {
        try vm.sidecar.submit { op, error in
            aos_fs_unlink_async(vm.sidecar.handle, vm.id, path, path.utf8.count, nil, op, error)
        }
    }

    private func submitRename(_ vm: HostVM, _ from: String, to: String) throws -> aos_id {
        try vm.sidecar.submit { op, error in
            aos_fs_rename_async(
                vm.sidecar.handle,
                vm.id,
                from,
                from.utf8.count,
                to,
                to.utf8.count,
                nil,
                op,
                error
            )
        }
    }

    private func cancel(_ op: aos_id, _ vm: HostVM) throws {
        #expect(aos_op_cancel(vm.sidecar.handle, op) == AOS_OK)
        #expect(try vm.sidecar.events(of: op).last?.status == AOS_E_CANCELED)
    }

    @Test("a removal that has begun goes on without the caller, and keeps its turn until it is through")
    func removal() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let op = try submitUnlink(vm, "/d/a")
        #expect(peer.wait { $0.fileCalls.contains("rename /d/a") })
        let start = ContinuousClock.now
        try cancel(op, vm)
        #expect(ContinuousClock.now - start < .milliseconds(450), "the caller is let go at once")
        #expect(!peer.fileCalls.contains { $0.hasPrefix("remove_file") })
        try vm.write("/e/b", "x")
        let calls = peer.fileCalls
        let removal = try #require(calls.firstIndex { $0.hasPrefix("remove_file /d/.aos-unlink-") })
        let question = try #require(calls.firstIndex { $0.hasSuffix("/e/b") })
        #expect(removal < question, "\(calls)")
    }

    @Test("a rename whose answer nobody waits for any more is not taken for one that was refused")
    func rename() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let op = try submitRename(vm, "/d/a", to: "/tmp/a")
        #expect(peer.wait { $0.fileCalls.contains("rename /d/a") })
        try cancel(op, vm)
        try vm.write("/e/b", "x")
        let calls = peer.sentCalls
        #expect(calls.contains("write_file /tmp/a"), "the empty file that the sidecar needs there: \(calls)")
        #expect(!calls.contains { $0.hasPrefix("remove") }, "\(calls)")
        #expect(calls.count { $0.hasPrefix("rename") } == 1, "\(calls)")
    }

    @Test("what waits for its turn when it is cancelled is not begun")
    func waiting() throws {
        let peer = Self.peer()
        let vm = try peer.sidecar().createVM()
        let first = try submitUnlink(vm, "/d/a")
        #expect(peer.wait { $0.fileCalls.contains("rename /d/a") })
        try cancel(try submitUnlink(vm, "/d/b"), vm)
        #expect(try vm.sidecar.events(of: first).last?.status == AOS_OK)
        try vm.write("/e/b", "x")
        #expect(!peer.fileCalls.contains { $0.hasPrefix("rename /d/b") }, "\(peer.fileCalls)")
    }

    @Test(
        "on the real sidecar a file is at one of its two paths, whenever the rename is cancelled",
        .enabled(if: RealSidecar.isThere)
    )
    func realRename() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for index in 0..<60 {
            let (from, to) = ("/home/data\(index)", "/tmp/data\(index)")
            try vm.write(from, "data \(index)")
            let op = try submitRename(vm, from, to: to)
            usleep(UInt32(index * 40))
            _ = aos_op_cancel(vm.sidecar.handle, op)
            let last = try vm.sidecar.events(of: op).last
            #expect(last?.status == AOS_OK || last?.status == AOS_E_CANCELED)
            let places = try [from, to].filter { try vm.exists($0) }
            #expect(places.count == 1, "\(index): \(places)")
            #expect(try places.map { try vm.readText($0) } == ["data \(index)"])
        }
    }

    @Test(
        "on the real sidecar a link is renamed or not, and removed or not, with nothing left beside it",
        .enabled(if: RealSidecar.isThere)
    )
    func realLinks() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for index in 0..<30 {
            try vm.symlink("nowhere", at: "/tmp/d/l\(index)")
            try vm.write("/tmp/d/f\(index)", "f")
            let op =
                index % 2 == 0
                ? try submitRename(vm, "/tmp/d/l\(index)", to: "/tmp/d/f\(index)")
                : try submitUnlink(vm, "/tmp/d/l\(index)")
            usleep(UInt32(index * 100))
            _ = aos_op_cancel(vm.sidecar.handle, op)
            _ = try vm.sidecar.events(of: op)
            let names = try vm.list("/tmp/d").sorted()
            if index % 2 == 0 {
                #expect(names == ["f\(index)"] || names == ["f\(index)", "l\(index)"], "\(index): \(names)")
                let link = names.count == 1 ? "f" : "l"
                #expect(try vm.readLink("/tmp/d/\(link)\(index)") == "nowhere")
            } else {
                #expect(names == ["f\(index)"] || names == ["f\(index)", "l\(index)"], "\(index): \(names)")
                if names.count == 2 { #expect(try vm.readLink("/tmp/d/l\(index)") == "nowhere") }
            }
            for name in names { try vm.unlink("/tmp/d/\(name)") }
        }
    }
}
