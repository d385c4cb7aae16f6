// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite(
    "Leases: which VMs a handle counts, and when its process ends (sidecar-lifecycle.md 8 and 9)",
    .serialized
)
struct LeaseTests {
    @Test("a disposed handle leases nothing and starts nothing (case 24, R7)")
    func disposed() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar(["sidecarId": .string("x")])
        try sidecar.dispose()
        let error = try #require(failure { _ = try sidecar.createVM() })
        #expect(error.status == AOS_E_DISPOSED && error.kind == "disposed")
        #expect(error.message == "Cannot lease VM from sidecar x while it is disposed")
        let connecting = try #require(failure { try sidecar.connect() })
        #expect(connecting.status == AOS_E_DISPOSED)
        #expect(peer.log.isEmpty)
    }

    @Test("a creation that dispose() overtakes fails, and its VM is ended (case 25)")
    func overtaken() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("configure_vm", #"{"delay":400},{"default":true}"#))]")
        let sidecar = try peer.sidecar(["sidecarId": .string("x")])
        let op = try sidecar.createVMAsync()
        #expect(peer.wait { !$0.requests("configure_vm").isEmpty })
        try sidecar.dispose()
        let end = try sidecar.end(of: op)
        #expect(end.status == AOS_E_DISPOSED)
        let texts = ["disposing", "disposed"].map { "Cannot lease VM from sidecar x while it is \($0)" }
        #expect(texts.contains(end.error?.message ?? ""), "\(String(describing: end.error))")
        #expect(peer.requests("dispose_vm").count == 1)
        #expect(sidecar.state == "disposed" && sidecar.vmCount == 0)
        #expect(peer.hasEnded)
    }

    @Test("each VM counts once (case 26)")
    func counts() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let first = try sidecar.createVM()
        let second = try sidecar.createVM()
        #expect(sidecar.vmCount == 2)
        try first.shutdown()
        #expect(sidecar.vmCount == 1)
        try first.shutdown()
        #expect(sidecar.vmCount == 1)
        try second.shutdown()
        #expect(sidecar.vmCount == 0)
        try second.shutdown()
        #expect(sidecar.vmCount == 0)
    }

    @Test("8 threads that create and end: the count is never out of bounds (case 26)")
    func interleavings() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        // Raised before a creation begins and lowered after a shutdown is complete: never below the true
        // number.
        let bound = Bound()
        let faults = Collected<String>()
        onThreads(9) { index in
            if index == 8 {
                while !bound.isOver {
                    let before = bound.highest
                    let count = sidecar.vmCount ?? -1
                    if count < 0 || count > max(before, bound.highest) { faults.append("\(count)") }
                }
                return
            }
            for _ in 0..<13 {
                do {
                    bound.add()
                    let vm = try sidecar.createVM()
                    if (sidecar.vmCount ?? 0) < 1 { faults.append("a VM that does not count") }
                    try vm.shutdown()
                    bound.remove()
                } catch { faults.append("\(error)") }
            }
            bound.finish()
        }
        #expect(faults.all.isEmpty, "\(faults.all.prefix(3))")
        #expect(sidecar.vmCount == 0)
        #expect(peer.hasEnded)
    }

    @Test("the next VM may come while the last one goes (case 27)")
    func comingWhileGoing() throws {
        let rules = ScriptedPeer.on("dispose_vm", #"{"delay":[1,5]},{"default":true}"#)
        let peer = ScriptedPeer("[\(rules)]")
        let sidecar = try peer.sidecar()
        var last = try sidecar.createVM()
        var sameProcess = 0
        let rounds = 1_000
        for round in 0..<rounds {
            let process = sidecar.processID
            let going = try last.shutdownAsync()
            let coming = try sidecar.createVMAsync()
            let created = try sidecar.end(of: coming)
            #expect(created.status == AOS_OK, "round \(round): \(String(describing: created.error))")
            let vm = HostVM(sidecar, aos_id(created.value))
            #expect(try sidecar.end(of: going).status == AOS_OK)
            #expect(try vm.exists("/x"), "round \(round)")
            #expect(sidecar.vmCount == 1)
            if process == sidecar.processID { sameProcess += 1 }
            last = vm
        }
        // It is asked for while the other is still there, as a rule: then the process is kept for it.
        #expect(sameProcess > rounds * 9 / 10)
        #expect(peer.processIDs.count == 1 + rounds - sameProcess)
    }

    @Test(
        "with the last VM the process ends by end of file, and the handle stays (cases 28 and 29)",
        arguments: [true, false]
    )
    func afterTheLast(isShared: Bool) throws {
        let peer = ScriptedPeer()
        let sidecar =
            isShared ? try HostSidecar.shared("lifecycle-last", options: peer.options()) : try peer.sidecar()
        for round in 1...3 {
            let vm = try sidecar.createVM()
            #expect(sidecar.vmCount == 1)
            try vm.shutdown()
            // Complete after its exit.
            #expect(peer.hasEnded)
            #expect(peer.processIDs.count == round)
            #expect(peer.events("eof").count == round)
            #expect(peer.events("eof").allSatisfy { $0["partial"]?.integerValue == 0 })
            #expect(peer.exits.count == round && peer.exits.allSatisfy { $0 == 0 })
            #expect(sidecar.state == "ready" && sidecar.vmCount == 0 && sidecar.processID == nil)
        }
        if isShared {
            #expect(
                try HostSidecar.shared("lifecycle-last", options: peer.options()).handle == sidecar.handle
            )
        }
    }

    @Test("a creation that comes during the close waits for it, and gets a process of its own (9)")
    func duringTheClose() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("eof", #"{"sleep":300}"#))]")
        let sidecar = try peer.sidecar()
        let going = try sidecar.createVM().shutdownAsync()
        #expect(peer.wait { !$0.events("eof").isEmpty })
        let vm = try sidecar.createVM()
        #expect(try sidecar.end(of: going).status == AOS_OK)
        #expect(peer.processIDs.count == 2)
        #expect(try vm.exists("/x"))
        #expect(peer.exits == [0])
    }

    @Test("a failed creation leaves nothing: no VM, no process, no lease (L13)")
    func failedCreation() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("configure_vm", #"{"reject":["invalid_state","no such thing"]}"#))]"
        )
        let sidecar = try peer.sidecar()
        for round in 1...3 {
            let error = try #require(failure { _ = try sidecar.createVM() })
            #expect(error.status == AOS_E_REMOTE && error.code == "invalid_state")
            #expect(peer.requests("dispose_vm").count == round)
            #expect(eventually { peer.hasEnded })
        }
        #expect(sidecar.vmCount == 0 && sidecar.state == "ready")
    }

    @Test("a VM whose process ended by itself is let go without an error, however soon (7.5, vm.md 12.3)")
    func lostVM() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/die", #"{"exit":3}"#))]")
        let sidecar = try peer.plainSidecar()
        var errors: [HostError] = []
        for _ in 0..<50 {
            let vm = try sidecar.createVM()
            #expect(failure { _ = try vm.exists("/die") }?.status == AOS_E_SIDECAR)
            if let error = failure(of: { try vm.shutdown() }) { errors.append(error) }
        }
        #expect(sidecar.vmCount == 0)
        // The answers fail before the handle knows: a shutdown in between takes the connection for a healthy
        // one.
        #expect(errors.isEmpty, "\(errors.count): \(String(describing: errors.first))")
    }

    @Test(
        "two VMs of the default kind share a handle and keep their files apart (8.4)",
        .enabled(if: RealSidecar.isThere)
    )
    func real() throws {
        let sidecar = try RealSidecar.sidecar()
        let first = try sidecar.createVM()
        let second = try sidecar.createVM()
        #expect(sidecar.vmCount == 2)
        try first.write("/tmp/x", "first")
        try second.write("/tmp/x", "second")
        #expect(try first.readText("/tmp/x") == "first")
        #expect(try second.readText("/tmp/x") == "second")
        let process = try #require(sidecar.processID)
        try first.shutdown()
        #expect(sidecar.vmCount == 1)
        #expect(try second.readText("/tmp/x") == "second")
        try second.shutdown()
        try second.shutdown()
        #expect(sidecar.vmCount == 0 && !isRunning(process))
        #expect(try sidecar.createVM().isAlive)
    }
}

/// An upper bound of the number of VMs: what threads have begun to create and not finished to end.
private final class Bound: Sendable {
    private let state = Collected<Int>()
    var highest: Int64 { Int64(state.all.filter { $0 != 0 }.reduce(0, +)) }
    var isOver: Bool { state.all.count { $0 == 0 } == 8 }
    func add() { state.append(1) }
    func remove() { state.append(-1) }
    func finish() { state.append(0) }
}
