// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

/// What a link to a directory of the host is made by.
enum Planting: String, CaseIterable, Sendable {
    case absolute, relative, running, lower, swapped
}

@Suite(
    "H9, F33: nothing that a client does through a guest's link reaches the host",
    .enabled(if: RealSidecar.isThere)
)
struct HostLinkTests {
    /// Everything that changes something, through `/tmp/x` and at it.
    private func change(_ vm: HostVM) -> [HostError?] {
        [
            failure { try vm.write("/tmp/x/new", "evil") }, failure { try vm.write("/tmp/x/keep", "evil") },
            failure { try vm.makeDirectory("/tmp/x/dir") },
            failure { try vm.makeDirectory("/tmp/x/tree/below", recursive: true) },
            failure { try vm.remove("/tmp/x/keep") },
            failure { try vm.remove("/tmp/x/other", recursive: true) },
            failure { try vm.remove("/tmp/x/dir", recursive: true) },
            failure { _ = try vm.fileCall("remove_file", "/tmp/x/keep") },
            failure { _ = try vm.fileCall("create_dir", "/tmp/x/dir") },
            failure { try vm.write("/tmp/x", "evil") },
            failure { try vm.makeDirectory("/tmp/x", recursive: true) },
            failure { try vm.write("/tmp/x/new", "evil") },
            failure { try vm.remove("/tmp/x", recursive: true) },
        ]
    }

    @Test("a link that a guest or a lower planted", arguments: Planting.allCases)
    func planted(_ planting: Planting) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let host = try HostFolder(folder.path)
        let before = host.content
        let target = planting == .relative ? "../../../../../../../..\(folder.path)" : folder.path
        var config: JSONValue?
        if planting == .lower {
            config = try Lower.root(
                Lower.export("{\"path\":\"/tmp/x\",\"type\":\"symlink\",\"target\":\"\(folder.path)\"}")
            )
        }
        let vm = try realVM(config)
        defer { finish(vm) }
        switch planting {
        case .absolute, .relative: try vm.plant(target, at: "/tmp/x")
        case .running:
            let process = try vm.spawn([
                "node", "-e",
                "require('fs').symlinkSync('\(target)','/tmp/x');console.log('made');setInterval(()=>{},1000)",
            ])
            _ = try process.waitForOutput("made")
        case .lower: break
        case .swapped:
            // First a directory of the client's, so that only a look behind the guest's back shows the link.
            try vm.makeDirectory("/tmp/x")
            try vm.script("const f=require('fs');f.rmdirSync('/tmp/x');f.symlinkSync('\(target)','/tmp/x')")
        }
        let errors = change(vm)
        #expect(errors.prefix(7).allSatisfy { $0?.errno == "ENOENT" }, "\(errors)")
        #expect(host.content == before)
        #expect(vm.isAlive)
        _ = try vm.script("console.log(1)")
        #expect(host.content == before)
    }

    @Test("a link to a file of the host: what is written stays in the guest")
    func file() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let host = try HostFolder(folder.path)
        let before = host.content
        let vm = try realVM()
        defer { finish(vm) }
        try vm.plant("\(folder.path)/keep", at: "/tmp/x")
        try vm.write("/tmp/x", "guest")
        #expect(try vm.readText("/tmp/x") == "guest")
        try vm.remove("/tmp/x")
        #expect(host.content == before)
    }

    @Test("the host's content is not read through it")
    func reading() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        _ = try HostFolder(folder.path)
        let vm = try realVM()
        defer { finish(vm) }
        try vm.plant(folder.path, at: "/tmp/x")
        expect(failure { _ = try vm.read("/tmp/x/keep") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { _ = try vm.stat("/tmp/x/keep") }, AOS_E_REMOTE, errno: "ENOENT")
        expect(failure { _ = try vm.list("/tmp/x") }, AOS_E_REMOTE, errno: "ENOENT")
        #expect(try vm.exists("/tmp/x/keep") == false)
    }

    /// Ends a VM with a program that the client does not know of: that works, or is refused in one way, and
    /// the process is gone in either case.
    private func shutdown(_ vm: HostVM) throws {
        let pid = try #require(vm.sidecar.processID)
        if let error = failure(of: { try vm.shutdown() }) {
            expect(error, AOS_E_REMOTE)
            #expect(error.code == "execution_error")
            #expect(error.message == "failed to terminate active guest executions for VM vm-1")
        }
        #expect(eventually { !isRunning(pid) })
        #expect(vm.sidecar.vmCount == 0)
        let next = try vm.sidecar.createVM()
        #expect(next.isAlive)
        #expect(try next.script("console.log(1)").outputText == "1\n")
    }

    @Test("X4: a program of ours beside a child that outlives its own ends once, however the VM ends")
    func besideOrphan() throws {
        let vm = try realVM()
        let sidecar = vm.sidecar
        let child = "console.log('up');setInterval(()=>{},1000)"
        try vm.script(
            """
            require('child_process').spawn('node',['-e',"\(child)"],{detached:true,stdio:'ignore'}).unref()
            """
        )
        let process = try vm.spawn(["node", "-e", child])
        _ = try process.waitForOutput("up")
        let late = try process.subscribe()
        _ = try late.waitForOutput("up")
        try shutdown(vm)
        for op in [process.op, late.op] {
            let events = try sidecar.events(of: op, limit: 0)
            #expect(events.count == 1 && events.last?.kind == AOS_EV_COMPLETE)
            #expect(events.last?.status == AOS_OK && events.last?.value == 143, "\(events)")
            #expect(failure { _ = try sidecar.take(op, limit: 0) }?.status == AOS_E_STALE)
        }
    }

    @Test("X4: a child that outlives its program plants the link later")
    func orphan() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let host = try HostFolder(folder.path)
        let before = host.content
        // Not `finish`: such a child keeps the VM from being disposed, and the shutdown reports that.
        let vm = try realVM()
        let child =
            "setTimeout(()=>{require('fs').symlinkSync('\(folder.path)','/tmp/x')},300);setTimeout(()=>{},9000)"
        try vm.script(
            """
            require('child_process').spawn('node',['-e',"\(child)"],{detached:true,stdio:'ignore'}).unref()
            """
        )
        #expect(try eventually { try vm.exists("/tmp/x") })
        _ = change(vm)
        #expect(host.content == before)
        #expect(vm.isAlive)
        try shutdown(vm)
        #expect(host.content == before)
    }

    /// A root that is read-only is never compared with the sidecar's copy, where a guest's JavaScript has put
    /// the link; and a mount in it can be written to. So the guest kernel shows no link to resolve, and the
    /// copy has one.
    @Test("a read-only root with a mount that can be written", arguments: ["/mnt/m/x", "/mnt"])
    func readOnlyRootWithMount(_ link: String) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let host = try HostFolder(folder.path)
        let before = host.content
        let vm = try realVM(
            json(
                #"{"rootFilesystem":{"mode":"read-only"},"mounts":[{"path":"/mnt/m","plugin":{"id":"memory"}}]}"#
            )
        )
        defer { finish(vm) }
        try vm.script(
            """
            const f=require('fs');for (const p of ['/mnt/m','/mnt']) try {if ('\(link)'==='/mnt') f.rmdirSync(p)} catch {}
            f.symlinkSync('\(folder.path)','\(link)')
            """
        )
        _ = failure { try vm.write("/mnt/m/x/new", "evil") }
        _ = failure { try vm.makeDirectory("/mnt/m/x/dir", recursive: true) }
        #expect(host.content == before)
        let names = try folder.names()
        #expect(names == ["keep", "other"])
    }
}

extension TemporaryFolder {
    func names() throws -> [String] { try AgentOSTestSupport.folder(path).sorted() }
}
