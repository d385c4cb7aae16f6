// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("VMs on the real sidecar (connection-vm-files.md 10, vm.md 17)", .enabled(if: RealSidecar.isThere))
struct RealVMTests {
    @Test("17: the file of instructions")
    func instructions() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let base = try vm.readText("/etc/agentos/instructions.md")
        #expect(base.hasPrefix("# agentOS"))
        expect(failure { try vm.write("/etc/agentos/instructions.md", "x") }, AOS_E_INVALID, errno: "EROFS")
        let second = try realVM(json(#"{"additionalInstructions":"CUSTOM_MARKER: x"}"#))
        defer { finish(second) }
        #expect(try second.readText("/etc/agentos/instructions.md") == base + "\nCUSTOM_MARKER: x")
        let own = Lower.export(#"{"path":"/etc/agentos/instructions.md","type":"file","content":"mine"}"#)
        let third = try realVM(Lower.root(own))
        defer { finish(third) }
        #expect(try third.readText("/etc/agentos/instructions.md") == "mine")
    }

    @Test("15: a read-only root of lowers without a base")
    func withoutBase() throws {
        let entries = #"{"path":"/a/f","type":"file","mode":"0755","content":"x"}"#
        let vm = try realVM(
            Lower.root(Lower.export(entries), more: #","mode":"read-only","disableDefaultBaseLayer":true"#)
        )
        defer { finish(vm) }
        #expect(try vm.readText("/a/f") == "x")
        #expect(try vm.exists("/etc/passwd") == false)
        #expect(try vm.stat("/tmp")["mode"] == .integer(0o41777))
        #expect(try vm.script("console.log(1)").outputText == "1\n")
    }

    @Test("22: commands of a pack run, and a variable of the configuration reaches them")
    func commands() throws {
        let vm = try realVM(RealSidecar.config(["metadata": .members(["env.COLOUR": .string("blue")])]))
        defer { finish(vm) }
        let run = try vm.run("echo hello")
        #expect(run.code == 0)
        #expect(run.outputText == "hello\n")
        #expect(try vm.run("echo $COLOUR $USER").outputText == "blue user\n")
        let variables = Set(try vm.run(argv: ["printenv"]).outputText.split(separator: "\n").map(String.init))
        #expect(
            variables.isSuperset(of: [
                "COLOUR=blue", "HOSTNAME=agent-os", "LANG=C.UTF-8", "PAGER=less", "HOME=/home/user",
            ])
        )
    }

    @Test("20, 22: a pack that is named as a package is found among the modules, with its commands (R21)")
    func packageName() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        for name in ["node_modules", "node_modules/@rivet-dev"] { mkdir("\(path)/\(name)", 0o755) }
        let pack = try #require(RealSidecar.packs.map { "\($0)/agent-os-coreutils" })
        #expect(Glibc.symlink(pack, "\(path)/node_modules/@rivet-dev/agent-os-coreutils") == 0)
        let vm = try realVM(
            json(
                "{\"moduleAccessCwd\":\"\(path)\",\"software\":[{\"package\":\"@rivet-dev/agent-os-coreutils\"}]}"
            )
        )
        defer { finish(vm) }
        #expect(try vm.run("echo x").outputText == "x\n")
        #expect(try vm.run("echo 'a b' | cat").outputText == "a b\n")
    }

    @Test("21: of commands with one name the first package's runs")
    func firstCommandWins() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        // A pack in front whose `cat` is another program: the one that real packs have as `echo`.
        let pack = try #require(RealSidecar.packs.map { "\($0)/agent-os-coreutils" })
        mkdir("\(folder.path)/front", 0o755)
        let commands = FileExistence.isDirectory("\(pack)/wasm") ? "\(pack)/wasm" : pack
        try writeFile("\(folder.path)/front/basename", readFile("\(commands)/echo"))
        func output(_ first: String, _ second: String) throws -> String {
            let vm = try realVM(
                json("{\"software\":[{\"package\":\"\(first)\"},{\"package\":\"\(second)\"}]}")
            )
            defer { finish(vm) }
            return try vm.run(argv: ["basename", "/a/b"]).outputText
        }
        #expect(try output(pack, "\(folder.path)/front") == "b\n")
        #expect(try output("\(folder.path)/front", pack) == "/a/b\n")
    }

    @Test("21: of a name in 002 and 010 the one of 002 runs")
    func numbersOfThreeDigits() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let pack = try #require(RealSidecar.packs.map { "\($0)/agent-os-coreutils" })
        let commands = FileExistence.isDirectory("\(pack)/wasm") ? "\(pack)/wasm" : pack
        let packs = (0..<12).map { "\(folder.path)/\($0)" }
        for path in packs { mkdir(path, 0o755) }
        try writeFile("\(packs[2])/probe", readFile("\(commands)/echo"))
        try writeFile("\(packs[10])/probe", readFile("\(commands)/basename"))
        let list = packs.map { "{\"package\":\"\($0)\"}" }.joined(separator: ",")
        let vm = try realVM(json("{\"software\":[\(list)]}"))
        defer { finish(vm) }
        let run = try vm.run(argv: ["probe", "/a/b"])
        #expect(run.outputText == "/a/b\n" && run.code == 0, "\(run.errorText)")
    }

    @Test(
        "4: the end of the last VM ends the process within a second and leaves nothing in the temporary directory"
    )
    func orderlyEnd() throws {
        let sidecar = try RealSidecar.sidecar()
        let vm = try sidecar.createVM()
        try vm.write("/tmp/f", "x")
        let pid = try #require(sidecar.processID)
        let variables = String(decoding: try readFile("/proc/\(pid)/environ"), as: UTF8.self).split(
            separator: "\0"
        )
        let temporary = try #require(variables.first { $0.hasPrefix("TMPDIR=") }?.dropFirst(7))
        #expect(try !folder(String(temporary)).isEmpty)
        let start = ContinuousClock.now
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(1))
        #expect(!isRunning(pid))
        #expect(eventually { (try? folder(String(temporary))) == nil })
        #expect(sidecar.state == "ready")
    }

    @Test("3: 300 questions at once, and the disposal behind them: all are answered, in order")
    func pipelined() throws {
        let vm = try realVM(guards: false)
        let pid = try #require(vm.sidecar.processID)
        var queue: OpaquePointer?
        try check { aos_queue_create(0, &queue, $0) }
        defer { aos_queue_release(queue) }
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = AOS_DELIVER_QUEUE
        completion.queue = queue
        for number in 0..<300 {
            completion.tag = UInt64(number)
            let path = number % 2 == 0 ? "/etc" : "/tmp"
            try check {
                aos_fs_realpath_async(vm.handle, vm.id, path, path.utf8.count, &completion, nil, $0)
            }
        }
        let disposal = try vm.sidecar.submit { aos_sidecar_dispose_async(vm.handle, nil, $0, $1) }
        var ends: [HostEvent] = []
        while ends.count < 300 {
            var event = aos_event()
            guard aos_queue_drain(queue, &event, 1, 0, 20 * second) == 1 else { break }
            ends.append(HostEvent(&event))
        }
        #expect(ends.map(\.tag) == (0..<300).map { UInt64($0) })
        #expect(ends.allSatisfy { $0.status == AOS_OK && $0.text == ($0.tag % 2 == 0 ? "/etc" : "/tmp") })
        #expect(try vm.sidecar.events(of: disposal).map(\.status) == [aos_status(AOS_OK)])
        #expect(!isRunning(pid))
    }

    @Test("asynchronous forms give what the blocking ones give")
    func asynchronous() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let (sidecar, handle, id) = (vm.sidecar, vm.handle, vm.id)
        func run(_ call: (UnsafeMutablePointer<aos_id>, UnsafeMutablePointer<OpaquePointer?>) -> aos_status)
            throws -> HostEvent
        {
            let events = try sidecar.events(of: try sidecar.submit(call))
            #expect(events.count == 1)
            let event = try #require(events.last)
            #expect(event.kind == AOS_EV_COMPLETE)
            return event
        }
        #expect(
            try run { aos_fs_mkdir_async(handle, id, "/tmp/d/e", 8, AOS_FS_RECURSIVE, nil, $0, $1) }.status
                == AOS_OK
        )
        #expect(
            try run { aos_fs_write_async(handle, id, "/tmp/d/f", 8, "text", 4, nil, $0, $1) }.status == AOS_OK
        )
        #expect(try run { aos_fs_read_async(handle, id, "/tmp/d/f", 8, nil, $0, $1) }.text == "text")
        let listing = try run { aos_fs_read_dir_async(handle, id, "/tmp/d", 6, nil, $0, $1) }
        #expect(listing.text == #"["e","f"]"#)
        #expect(listing.flags & AOS_EVF_JSON != 0)
        let stat = try run { aos_fs_stat_async(handle, id, "/tmp/d/f", 8, nil, $0, $1) }
        #expect(try JSONReader.parse(stat.text)["size"] == .integer(4))
        #expect(try run { aos_fs_exists_async(handle, id, "/tmp/d/f", 8, nil, $0, $1) }.value == 1)
        #expect(
            try run { aos_fs_remove_async(handle, id, "/tmp/d", 6, AOS_FS_RECURSIVE, nil, $0, $1) }.status
                == AOS_OK
        )
        #expect(try run { aos_fs_exists_async(handle, id, "/tmp/d", 6, nil, $0, $1) }.value == 0)
        let request = #"{"type":"get_zombie_timer_count"}"#
        let answer = try run { aos_request_json_async(handle, id, request, request.utf8.count, nil, $0, $1) }
        #expect(try JSONReader.parse(answer.text)["type"]?.stringValue == "zombie_timer_count")
        let failed = try run { aos_fs_read_async(handle, id, "/tmp/d", 6, nil, $0, $1) }
        #expect(failed.status == AOS_E_REMOTE)
        #expect(failed.error?.errno == "ENOENT")
    }

    @Test("permissions absent: files and programs work")
    func allowAll() throws {
        let vm = try realVM(RealSidecar.config())
        defer { finish(vm) }
        try vm.write("/tmp/f", "x")
        #expect(try vm.run("cat /tmp/f").outputText == "x")
        _ = try vm.run("echo made > /tmp/g")
        #expect(try vm.readText("/tmp/g") == "made\n")
    }
}
