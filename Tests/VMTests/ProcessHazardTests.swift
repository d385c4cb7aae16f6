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

    @Test("H20: a session is not opened for each VM")
    func sessions() throws {
        let sidecar = try RealSidecar.sidecar()
        try sidecar.connect()
        let pid = sidecar.processID
        for _ in 0..<30 { try sidecar.createVM().shutdown() }
        #expect(sidecar.processID == pid)
        let keeper = try sidecar.createVM()
        #expect(keeper.isAlive)
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
        let end = try process.finish()
        #expect(end.last.status == AOS_OK)
        #expect(end.last.value == 143)
        #expect(sidecar.vmCount == 0)
    }
}
