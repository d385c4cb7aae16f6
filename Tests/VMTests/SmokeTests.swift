// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("A VM at work")
struct SmokeTests {
    @Test("defaults are sent in order and one at a time (vm.md 17.1)")
    func defaults() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        #expect(peer.requestTypes == ["authenticate", "open_session", "create_vm", "configure_vm"])
        try vm.shutdown()
        #expect(peer.wait { !$0.events("exit").isEmpty })
        #expect(sidecar.vmCount == 0)
    }

    @Test("a file survives the real sidecar byte for byte", .enabled(if: RealSidecar.isThere))
    func realFile() throws {
        let vm = try RealSidecar.sidecar().createVM(RealSidecar.config())
        let bytes = (0..<2000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try vm.write("/tmp/x", bytes)
        #expect(try vm.read("/tmp/x") == bytes)
        #expect(try vm.run("echo hello").outputText == "hello\n")
        #expect(vm.isAlive)
    }
}
