// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Disposing a handle (sidecar-lifecycle.md 10)", .serialized)
struct DisposeTests {
    private func vmOwners(_ peer: ScriptedPeer, _ type: String) -> [String] {
        peer.frames.filter { $0["payload"]?["type"]?.stringValue == type }
            .compactMap { $0["ownership"]?["vm_id"]?.stringValue }
    }

    @Test("VMs are ended in the order of their creation, then the process (case 30)")
    func order() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let vms = try (0..<3).map { _ in try sidecar.createVM() }
        try sidecar.dispose()
        #expect(vmOwners(peer, "dispose_vm") == ["vm-1", "vm-2", "vm-3"])
        #expect(peer.hasEnded && peer.events("eof").count == 1 && peer.exits == [0])
        #expect(try sidecar.describe().hasSuffix(#""state":"disposed","activeVmCount":0}"#))
        for vm in vms {
            let error = try #require(failure { _ = try vm.exists("/x") })
            #expect(
                error.status == AOS_E_DISPOSED && error.message == "AgentOs has been disposed",
                "\(error)"
            )
            try vm.shutdown()
        }
        #expect(sidecar.vmCount == 0)
        try sidecar.dispose()
        #expect(peer.starts.count == 1)
    }

    @Test("what goes wrong is collected, and stops nothing (case 31)")
    func collected() throws {
        let text = "failed to terminate active guest executions for VM vm-1"
        // The first VM's disposal is tried again after a kill of what still runs in it.
        let rules = [
            ScriptedPeer.on("dispose_vm", #"{"reject":["execution_error","\#(text)"]}"#, nth: 1),
            ScriptedPeer.on("dispose_vm", #"{"reject":["execution_error","\#(text)"]}"#, nth: 2),
            ScriptedPeer.on("dispose_vm", #"{"reject":["invalid_state","boom"]}"#, nth: 4),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.sidecar()
        for _ in 0..<3 { _ = try sidecar.createVM() }
        let error = try #require(failure { try sidecar.dispose() })
        #expect(error.message == "execution_error: \(text); invalid_state: boom", "\(error)")
        #expect(error.kind == "aggregate" && error.status == AOS_E_REMOTE, "\(error)")
        #expect(vmOwners(peer, "dispose_vm") == ["vm-1", "vm-1", "vm-2", "vm-3"])
        #expect(sidecar.state == "disposed" && sidecar.vmCount == 0 && peer.hasEnded)
        try sidecar.dispose()
    }

    @Test("8 threads that dispose share one disposal and its outcome (case 32)")
    func concurrent() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("dispose_vm", #"{"delay":200},{"reject":["invalid_state","boom"]}"#))]"
        )
        let sidecar = try peer.sidecar()
        _ = try sidecar.createVM()
        let outcomes = Collected<String>()
        onThreads(8) { _ in
            let error = failure { try sidecar.dispose() }
            outcomes.append("\(error?.kind ?? "-") \(error?.message ?? "success") \(peer.isReaped)")
        }
        #expect(outcomes.all.count == 8)
        #expect(outcomes.all.allSatisfy { $0 == "aggregate invalid_state: boom true" }, "\(outcomes.all)")
        #expect(peer.requests("dispose_vm").count == 1 && peer.starts.count == 1)
    }

    @Test("a handle without a connection is disposed without one (case 33)")
    func unconnected() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        try sidecar.dispose(limit: second)
        #expect(sidecar.state == "disposed" && peer.log.isEmpty)
    }

    @Test("a handle whose process is dead is disposed all the same (case 34)")
    func dead() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        _ = try sidecar.createVM()
        kill(try #require(sidecar.processID), SIGKILL)
        #expect(eventually { sidecar.processID == nil })
        try sidecar.dispose()
        #expect(sidecar.state == "disposed" && sidecar.vmCount == 0)

        let racing = try peer.sidecar()
        _ = try racing.createVM()
        kill(try #require(racing.processID), SIGKILL)
        try racing.dispose()
        #expect(racing.state == "disposed" && peer.starts.count == 2)
    }

    @Test(
        "a process that ignores end of file is killed after the grace, without an error (case 35)",
        arguments: [nil, 400]
    )
    func stubborn(grace: Int64?) throws {
        let peer = ScriptedPeer("[]", more: "\"ignoreEOF\":true")
        let sidecar = try peer.sidecar(["stopGraceMs": grace.map { .integer($0) }])
        _ = try sidecar.createVM()
        let time = try duration { try sidecar.dispose() }
        let expected = Duration.milliseconds(grace ?? 5_000)
        #expect(time > expected - .milliseconds(50) && time < expected + .seconds(1.5), "\(time)")
        #expect(peer.hasEnded && peer.exits.isEmpty)
    }

    @Test("a status of its own other than 0 is an error, with what it said (case 35)")
    func badExit() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("eof", #"{"stderr":"bad\n"},{"exit":1}"#))]")
        let sidecar = try peer.sidecar()
        _ = try sidecar.createVM()
        let error = try #require(failure { try sidecar.dispose() })
        #expect(error.message == "native sidecar exited with code 1\nstderr:\nbad", "\(error)")
        #expect(error.status == AOS_E_SIDECAR && error.exitCode == 1, "\(error)")
        #expect(sidecar.state == "disposed")
        try sidecar.dispose()
    }

    @Test("what waits for an answer ends when the handle is disposed (10.3)")
    func pending() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/never", #"{"nothing":true}"#))]")
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let closed = try sidecar.subscribe()
        let waiting = try (0..<10).map { _ in try vm.existsAsync("/never") }
        try sidecar.dispose()
        for op in waiting {
            let end = try sidecar.end(of: op)
            #expect(end.status == AOS_E_DISPOSED, "\(String(describing: end.error))")
        }
        let last = try sidecar.end(of: closed)
        #expect(last.kind == AOS_EV_CLOSED && last.status == AOS_OK)
    }

    @Test(
        "a blocking dispose inside a function of the same sidecar is refused, the asynchronous one is not (case 37)"
    )
    func insideACallback() throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let context = CallbackContext(sidecar)
        var completion = aos_completion()
        completion.struct_size = UInt32(MemoryLayout<aos_completion>.size)
        completion.deliver = AOS_DELIVER_THREAD
        completion.user_data = Unmanaged.passRetained(context).toOpaque()
        completion.fn = { data, _ in
            guard let data else { return }
            let context = Unmanaged<CallbackContext>.fromOpaque(data).takeUnretainedValue()
            let error = failure { try context.sidecar.dispose() }
            context.results.append(.init(error: error, op: try? context.sidecar.disposeAsync()))
        }
        completion.drop = { data in
            if let data { Unmanaged<CallbackContext>.fromOpaque(data).release() }
        }
        let path = "/x"
        try check { aos_fs_exists_async(sidecar.handle, vm.id, path, path.utf8.count, &completion, nil, $0) }
        #expect(eventually { !context.results.all.isEmpty })
        let result = try #require(context.results.all.first)
        #expect(result.error?.status == AOS_E_DEADLOCK, "\(String(describing: result.error))")
        #expect(
            result.error?.message == "cannot wait for dispose inside a callback",
            "\(String(describing: result.error))"
        )
        #expect(try sidecar.end(of: try #require(result.op)).status == AOS_OK)
        #expect(sidecar.state == "disposed" && peer.hasEnded)
    }

    @Test("the last release of a handle of its own disposes it in the background (decision 14)")
    func release() throws {
        let peer = ScriptedPeer()
        let options = JSONWriter.text(peer.options())
        var handle: OpaquePointer?
        try check { aos_sidecar_create(options, options.utf8.count, &handle, $0) }
        var vm: aos_id = 0
        try check { aos_vm_create(handle, nil, 0, 30 * second, &vm, $0) }
        let copy = aos_sidecar_retain(handle)
        aos_sidecar_release(handle)
        #expect(!peer.hasEnded)
        aos_sidecar_release(copy)
        #expect(eventually { peer.hasEnded })
        #expect(peer.requests("dispose_vm").count == 1 && peer.exits == [0])
    }

    @Test("the real sidecar is disposed with its VMs and programs (R6)", .enabled(if: RealSidecar.isThere))
    func real() throws {
        let sidecar = try RealSidecar.sidecar()
        let vm = try sidecar.createVM(RealSidecar.config())
        let process = try vm.spawn(["sleep", "60"])
        let pid = try #require(sidecar.processID)
        try sidecar.dispose()
        #expect(!isRunning(pid))
        let last = try process.finish().last
        #expect(last.kind == AOS_EV_COMPLETE)
        #expect(sidecar.state == "disposed" && sidecar.vmCount == 0)
    }
}

private final class CallbackContext: Sendable {
    struct Result: Sendable {
        let error: HostError?
        let op: aos_id?
    }
    let sidecar: HostSidecar
    let results: Collected<Result> = Collected()
    init(_ sidecar: HostSidecar) { self.sidecar = sidecar }
}
