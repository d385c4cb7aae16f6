// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@Suite("Ownership (wire-protocol.md 6 and 11)")
struct OwnershipScopeTests {
    @Test("a scope is printed as the reference prints it")
    func debugText() {
        #expect(OwnershipScope.connection("c").debugText == #"Connection { connection_id: "c" }"#)
        #expect(OwnershipScope.testSession.debugText == #"Session { connection_id: "c", session_id: "s" }"#)
        #expect(OwnershipScope.testVM.debugText == #"Vm { connection_id: "c", session_id: "s", vm_id: "v" }"#)
        #expect(
            OwnershipScope.connection("a\"\\\n\r\t\0\u{1}\u{7F}'é").debugText
                == #"Connection { connection_id: "a\"\\\n\r\t\0\u{1}\u{7f}'é" }"#
        )
    }

    @Test("scopes are equal when every id has the same bytes")
    func equality() {
        #expect(OwnershipScope.testVM == .vm(VmOwnership(connectionId: "c", sessionId: "s", vmId: "v")))
        #expect(OwnershipScope.testVM != .vm(VmOwnership(connectionId: "x", sessionId: "s", vmId: "v")))
        #expect(OwnershipScope.testVM != .vm(VmOwnership(connectionId: "c", sessionId: "x", vmId: "v")))
        #expect(OwnershipScope.testVM != .vm(VmOwnership(connectionId: "c", sessionId: "s", vmId: "x")))
        #expect(OwnershipScope.testSession != .session(SessionOwnership(connectionId: "x", sessionId: "s")))
        #expect(OwnershipScope.testSession != .session(SessionOwnership(connectionId: "c", sessionId: "x")))
        #expect(OwnershipScope.testSession != .testVM)
        #expect(OwnershipScope.connection("\u{E9}") != .connection("e\u{301}"))
        #expect(OwnershipScope.connection("c") == .connection("c"))
    }
}
