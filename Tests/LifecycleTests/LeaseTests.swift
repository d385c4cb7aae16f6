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
        // One in progress is no VM yet (8.2).
        #expect(sidecar.vmCount == 0)
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
        // Most of a creation, and most of a shutdown, is spent where the count must not show it yet.
        let rules = ["create_vm", "dispose_vm"].map {
            ScriptedPeer.on($0, #"{"delay":[0,6]},{"default":true}"#)
        }
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.sidecar()
        let bounds = Bounds(peer)
        let faults = Collected<String>()
        let samples = Collected<Int64>()
        onThreads(9) { index in
            if index == 8 {
                while !bounds.isOver(8) {
                    let (fault, count) = bounds.sample { sidecar.vmCount ?? -1 }
                    samples.append(count)
                    if let fault { faults.append(fault) }
                }
                return
            }
            defer { bounds.finish() }
            for _ in 0..<13 {
                do {
                    let vm = try sidecar.createVM()
                    bounds.created()
                    if (sidecar.vmCount ?? 0) < 1 { faults.append("a VM that does not count") }
                    bounds.ending()
                    try vm.shutdown()
                    bounds.ended()
                } catch { faults.append("\(error)") }
            }
        }
        #expect(faults.all.isEmpty, "\(faults.all.count): \(faults.all.prefix(3))")
        #expect(samples.all.count > 20 && samples.all.contains { $0 > 0 }, "\(samples.all.count)")
        #expect(sidecar.vmCount == 0)
        #expect(peer.isReaped)
    }

    @Test("the next VM comes while the last one goes: the process is kept for it, 1,000 times (case 27)")
    func comingWhileGoing() throws {
        let rounds = 1_000
        // The disposal of a VM is answered when the next VM is there, and the last one's at once. Whoever asked for
        // it hears of its arrival by an event that concerns nobody.
        let arrived = #"{"event":{"type":"structured","name":"arrived","detail":{}}}"#
        let disposed = #"{"answerRemembered":"d","answer":{"type":"vm_disposed","vm_id":"$vmId"}}"#
        let rules = [
            ScriptedPeer.on("dispose_vm", #"{"default":true}"#, nth: rounds + 1),
            ScriptedPeer.on("dispose_vm", #"{"remember":"d"},\#(arrived)"#),
            ScriptedPeer.on("create_vm", #"{"default":true}"#, nth: 1),
            ScriptedPeer.on("create_vm", #"{"default":true},\#(disposed)"#),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        var last = try sidecar.createVM()
        let process = try #require(sidecar.processID)
        var sameProcess = 0
        for round in 0..<rounds {
            let going = try last.shutdownAsync()
            try #require(eventually { sidecar.diagnostic("unknownEvents") == Int64(round + 1) })
            let vm = try sidecar.createVM()
            #expect(try sidecar.end(of: going).status == AOS_OK)
            #expect(try vm.exists("/x"), "round \(round)")
            #expect(sidecar.vmCount == 1)
            if sidecar.processID == process { sameProcess += 1 }
            last = vm
        }
        #expect(sameProcess == rounds)
        try last.shutdown()
        #expect(sidecar.vmCount == 0 && isReaped(process))
    }

    @Test("the next VM may come at any moment of the last one's going, 1,000 times (case 27)")
    func comingAtRandom() throws {
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

/// What is known of the number of VMs: from below what threads hold, from above what the peer has seen begun.
private final class Bounds: Sendable {
    private let peer: ScriptedPeer
    private let creations = Collected<Void>()
    private let endings = Collected<Void>()
    private let ends = Collected<Void>()
    private let finished = Collected<Void>()

    init(_ peer: ScriptedPeer) { self.peer = peer }

    func created() { creations.append(()) }
    func ending() { endings.append(()) }
    func ended() { ends.append(()) }
    func finish() { finished.append(()) }
    func isOver(_ threads: Int) -> Bool { finished.all.count == threads }

    /// A creation whose last request did not reach the peer is no VM, and one that has returned is one until its
    /// shutdown begins.
    func sample(_ count: () -> Int64) -> (fault: String?, count: Int64) {
        let held = creations.all.count
        let gone = ends.all.count
        let found = count()
        let least = held - endings.all.count
        let most = configured - gone
        let isIn = found >= max(0, Int64(least)) && found <= Int64(most)
        return (isIn ? nil : "\(found) is not in \(least)...\(most)", found)
    }

    /// Counted in the text of the log: reading it as JSON would take too long for each sample.
    private var configured: Int {
        let log = ((try? readFile(peer.logPath)) ?? []).map { CChar(bitPattern: $0) } + [0]
        return log.withUnsafeBufferPointer { text in
            var count = 0
            var place: UnsafePointer<CChar>? = text.baseAddress
            while let from = place, let found = strstr(from, #""type":"configure_vm""#) {
                count += 1
                place = UnsafePointer(found + 1)
            }
            return count
        }
    }
}
