// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite(
    "Hazards of running programs and of many VMs (connection-vm-files.md 9: H19, H20, H22)",
    .enabled(if: RealSidecar.isThere)
)
struct ProcessHazardTests {
    @Test("H19, 11: an endless loop of a guest, alone and beside another VM", arguments: [false, true])
    func endless(_ withSibling: Bool) throws {
        let sidecar = try RealSidecar.sidecar()
        let vm = try sidecar.createVM()
        let sibling = withSibling ? try sidecar.createVM() : nil
        let process = try vm.spawn(["node", "-e", "console.log('go');for(;;){}"])
        _ = try process.waitForOutput("go")
        let start = ContinuousClock.now
        try vm.shutdown()
        #expect(ContinuousClock.now - start < .seconds(20))
        let next = try sidecar.createVM()
        #expect(next.isAlive)
        #expect(try next.script("console.log(1)").outputText == "1\n")
        if let sibling { #expect(sibling.isAlive) }
    }

    /// What goes to the sidecar goes by way of a file, for it tells nobody how many sessions it has.
    @Test("H20: a session is not opened for each VM, but for each that there is at a time")
    func sessions() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let copy = "\(folder.path)/sent"
        let relay = ["sh", "-c", "tee \"$0\" | \"$1\"", copy, try #require(RealSidecar.binary)]
        let sidecar = try HostSidecar(
            options: .members(["command": .array(relay.map { .string($0) })])
        )
        try sidecar.connect()
        let pid = sidecar.processID
        for _ in 0..<30 { try sidecar.createVM().shutdown() }
        #expect(sidecar.processID == pid)
        #expect(try sent(copy) == ["open_session": 1, "create_vm": 30, "dispose_vm": 30])
        let keepers = [try sidecar.createVM(), try sidecar.createVM()]
        #expect(try sent(copy) == ["open_session": 2, "create_vm": 32, "dispose_vm": 30])
        for keeper in keepers { #expect(keeper.isAlive) }
    }

    /// How many requests of these types are among the frames in a file.
    private func sent(_ path: String) throws -> [String: Int] {
        let bytes = try readFile(path)
        var counts: [String: Int] = [:]
        var start = 0
        while start + 4 <= bytes.count {
            let size = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            let payload = bytes[(start + 4)..<min(start + 4 + size, bytes.count)]
            start += 4 + size
            let frame = try payload.withUnsafeBytes { try FrameCodec.decode(payload: $0) }
            guard case .request(let request) = frame else { continue }
            let type = request.payload.typeName
            if ["open_session", "create_vm", "dispose_vm"].contains(type) { counts[type, default: 0] += 1 }
        }
        return counts
    }

    @Test("H22, 26: what a running program has made is seen")
    func running() throws {
        let vm = try realVM()
        defer { finish(vm) }
        let process = try vm.spawn([
            "node", "-e",
            """
            const f=require('fs');f.mkdirSync('/tmp/d');f.writeFileSync('/tmp/d/x','1');f.symlinkSync('d','/tmp/l');
            console.log('made');setInterval(()=>{},1000)
            """,
        ])
        _ = try process.waitForOutput("made")
        #expect(try vm.list("/tmp") == ["d", "l"])
        #expect(try vm.readText("/tmp/l/x") == "1")
        #expect(try vm.exists("/tmp/d/x"))
        try vm.write("/tmp/l/y", "2")
        #expect(try vm.list("/tmp/d") == ["x", "y"])
        try vm.remove("/tmp/d", recursive: true)
        #expect(try vm.exists("/tmp/d") == false)
    }

    @Test("10: a program that still runs at the shutdown gets its exit code")
    func runningAtShutdown() throws {
        let sidecar = try RealSidecar.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn(["node", "-e", "console.log('up');setInterval(()=>{},1000)"])
        _ = try process.waitForOutput("up")
        try vm.shutdown()
        // It was there before the shutdown returned.
        let end = try process.finish(limit: 0)
        #expect(end.last.status == AOS_OK)
        #expect(end.last.value == 143)
        #expect(sidecar.vmCount == 0)
    }
}
