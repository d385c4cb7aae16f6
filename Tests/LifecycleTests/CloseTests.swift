// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Closing, and what flows until then (transport.md 9 and 11)", .serialized)
struct CloseTests {
    @Test("a process that exits at end of file is closed within 100 ms (case 38)")
    func quick() throws {
        let peer = ScriptedPeer()
        // Of several rounds the best one: others use the machine too.
        var best = Duration.seconds(60)
        for round in 1...5 {
            let sidecar = try peer.sidecar()
            try sidecar.connect()
            best = min(best, try duration { try sidecar.dispose() })
            #expect(peer.isReaped && peer.exits == [Int64](repeating: 0, count: round))
        }
        #expect(best < .milliseconds(100), "\(best)")
        #expect(peer.events("eof").count == 5)
        #expect(peer.events("eof").allSatisfy { $0["partial"]?.integerValue == 0 })
    }

    @Test("one that ignores it is killed, and that is a success (case 38)")
    func ignored() throws {
        let peer = ScriptedPeer("[]", more: "\"ignoreEOF\":true")
        let sidecar = try peer.sidecar(["stopGraceMs": .integer(300)])
        try sidecar.connect()
        let time = try duration { try sidecar.dispose() }
        #expect(time > .milliseconds(280) && time < .seconds(2), "\(time)")
        #expect(peer.isReaped && peer.events("eof").count == 1)

        let atOnce = try peer.sidecar(["stopGraceMs": .integer(0)])
        try atOnce.connect()
        let short = try duration { try atOnce.dispose() }
        #expect(short < .milliseconds(500), "\(short)")
        #expect(peer.isReaped)
    }

    @Test("one that ends badly is an error (case 38)")
    func bad() throws {
        let peer = ScriptedPeer("[]", more: "\"exitCode\":1")
        let sidecar = try peer.sidecar()
        try sidecar.connect()
        let error = try #require(failure { try sidecar.dispose() })
        #expect(error.message == "native sidecar exited with code 1" && error.exitCode == 1, "\(error)")
        let vm = try peer.sidecar().createVM()
        #expect(failure { try vm.shutdown() }?.message == "native sidecar exited with code 1")
    }

    @Test("one that ends by a signal after end of file is no error (11.2)")
    func signal() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("eof", #"{"signal":15}"#))]")
        let sidecar = try peer.sidecar()
        try sidecar.connect()
        try sidecar.dispose()
        #expect(peer.hasEnded)
    }

    @Test("one that floods its output at the end is read until it is through (11.2.3)")
    func flooding() throws {
        let event =
            #"{"event":{"type":"vm_lifecycle","state":"ready"},"ownership":{"scope":"vm","connection_id":"conn-1","session_id":"s","vm_id":"v"}}"#
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("eof", #"{"repeat":20000,"do":[\#(event)]},{"stderrFlood":1000000}"#))]"
        )
        let sidecar = try peer.sidecar()
        try sidecar.connect()
        try sidecar.dispose()
        #expect(peer.exits == [0])
    }

    @Test("a frame that is half written is finished before the end of file (case 39)")
    func halfWritten() throws {
        // No log, which takes longer than the VM's disposal has.
        let peer = ScriptedPeer()
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        let vm = try sidecar.createVM()
        let process = try #require(sidecar.processID)
        #expect(kill(process, SIGSTOP) == 0)
        defer { kill(process, SIGCONT) }
        let piece = [UInt8](repeating: 1, count: 500 << 10)
        let writes = try (0..<8).map { try vm.writeAsync("/w\($0)", piece) }
        #expect((sidecar.diagnostic("queuedBytes") ?? 0) > 0)
        // Shuts the VM down first, whose request stands behind all that.
        let op = try sidecar.disposeAsync()
        _ = try sidecar.take(op, limit: 100 * millisecond)
        #expect(kill(process, SIGCONT) == 0)
        #expect(try sidecar.end(of: op).status == AOS_OK)
        // A frame that is torn by the end makes the peer exit with 1, which would be an error of the
        // disposal.
        #expect(!isRunning(process))
        for write in writes {
            let status = try sidecar.end(of: write).status
            #expect([AOS_OK, AOS_E_DISPOSED].contains(status))
        }
    }

    @Test("what is queued is dropped by a close, what is begun is finished (11.2)")
    func dropped() throws {
        // The VM's disposal has no time: the handle closes with a full queue. No log, whose writing would
        // take longer than the second that the begun frame has.
        let peer = ScriptedPeer()
        guard case .object(let members) = withoutLog(peer.plainOptions()) else { return }
        let more = JSONValue.members([
            "deadlines": .members(["dispose_vm": .integer(150)]), "stopGraceMs": .integer(3_000),
        ])
        guard case .object(let added) = more else { return }
        let sidecar = try HostSidecar(options: .object(members + added))
        let vm = try sidecar.createVM()
        try sidecar.connect()
        let process = try #require(sidecar.processID)
        #expect(kill(process, SIGSTOP) == 0)
        defer { kill(process, SIGCONT) }
        let piece = [UInt8](repeating: 1, count: 500 << 10)
        let writes = try (0..<12).map { try vm.writeAsync("/w\($0)", piece) }
        let op = try sidecar.disposeAsync()
        for write in writes {
            let end = try sidecar.end(of: write, limit: 2 * second)
            #expect(end.status == AOS_E_DISPOSED, "\(String(describing: end.error))")
        }
        #expect(kill(process, SIGCONT) == 0)
        // Not asked in time, but ended with its process all the same.
        var error: HostError?
        let time = try duration { error = try sidecar.end(of: op).error }
        #expect(error?.status == AOS_E_DEADLINE, "\(String(describing: error))")
        // With status 0: a torn frame would make it 1. The begun frame has a second, which a busy peer may
        // need up.
        let text = "timed out waiting for sidecar response to dispose_vm"
        let isTorn = error?.message.hasPrefix(text + "; native sidecar exited with code 1") == true
        #expect(
            error?.message == text || (isTorn && time > .milliseconds(800)),
            "\(time) \(String(describing: error))"
        )
        #expect(!isRunning(process))
    }

    @Test("8 threads that close share one close, and none returns before the reaping (case 40)")
    func concurrent() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("eof", #"{"sleep":200}"#))]")
        let sidecar = try peer.sidecar()
        try sidecar.connect()
        let process = try #require(sidecar.processID)
        let outcomes = Collected<String>()
        onThreads(8) { _ in
            let error = failure { try sidecar.dispose() }
            outcomes.append("\(error?.message ?? "success"), still there: \(kill(process, 0) == 0)")
        }
        #expect(outcomes.all.allSatisfy { $0 == "success, still there: false" }, "\(outcomes.all)")
        #expect(peer.events("eof").count == 1 && peer.starts.count == 1)
    }

    @Test("handles are used, lost and disposed by many threads at once")
    func everyThreadAtOnce() throws {
        let peer = ScriptedPeer()
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        let faults = Collected<String>()
        onThreads(8) { thread in
            for round in 0..<20 {
                do {
                    let vm = try sidecar.createVM(limit: 20 * second)
                    if thread == 0, round % 4 == 3, let process = sidecar.processID { kill(process, SIGKILL) }
                    _ = try? vm.exists("/x", limit: 5 * second)
                    try? vm.shutdown(limit: 20 * second)
                } catch let error as HostError where error.status == AOS_E_SIDECAR {
                    // Killed under it.
                } catch { faults.append("\(thread) \(round): \(error)") }
                _ = try? sidecar.describe()
                _ = try? sidecar.diagnostics()
            }
        }
        #expect(faults.all.isEmpty, "\(faults.all.prefix(3))")
        #expect(eventually { sidecar.vmCount == 0 })
        #expect(eventually { sidecar.processID == nil })
        let vm = try sidecar.createVM()
        #expect(try vm.exists("/x"))
    }
}
