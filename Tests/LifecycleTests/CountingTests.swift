// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import Testing

@Suite(
    "What is counted in a process of its own: events, descriptors, threads, children, memory",
    .serialized,
    .enabled(if: ChildHost.isThere)
)
struct CountingTests {
    /// All that the host held beyond its start is gone, and was soon.
    private func expectSettled(_ run: HostRun) {
        // A request whose answer ends the connection before the call that sent it returns leaves its timer
        // behind, and with it the I/O thread and its two descriptors, for as long as the request's limit.
        #expect(run.value("after")?.hasSuffix(": settled") == true, "\(run)")
    }

    @Test(
        "1,000 operations in flight and the sidecar killed: 1,000 ends, exactly once, and nothing left (case 17, 10.3)"
    )
    func inFlight() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.on("guest_filesystem_call", #"{"nothing":true}"#))]")
        let run = try ChildHost.run(
            ["in-flight", "5"],
            options: peer.plainOptions()
        )
        #expect(run.succeeded, "\(run)")
        let rounds = run.values("round")
        #expect(rounds.count == 5)
        let text =
            "once 1000 good 0 extra 0 AOS_E_SIDECAR sidecar transport disconnected: sidecar process exited with signal SIGKILL"
        #expect(rounds.allSatisfy { $0.hasSuffix(text) }, "\(run)")
        #expect(run.values("next").allSatisfy { $0 == "process is another 1" }, "\(run)")
        expectSettled(run)
        #expect(peer.processIDs.count == 10)
        #expect(eventually { peer.hasEnded })
    }

    @Test("the same with answers under way: some succeed, none is lost or told twice")
    func inFlightWithAnswers() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.on("guest_filesystem_call", #"{"delay":[0,30]},{"default":true}"#))]"
        )
        let run = try ChildHost.run(
            ["in-flight", "10"],
            options: peer.plainOptions()
        )
        #expect(run.succeeded, "\(run)")
        #expect(
            run.values("round").count == 10
                && run.values("round").allSatisfy { $0.contains("once 1000 ") && $0.contains("extra 0") }
        )
    }

    @Test("1,000 operations in flight and the real sidecar killed", .enabled(if: RealSidecar.isThere))
    func inFlightReal() throws {
        let options = JSONValue.members(["command": .array([.string(RealSidecar.binary ?? "")])])
        let run = try ChildHost.run(["in-flight", "3"], options: options)
        #expect(run.succeeded, "\(run)")
        #expect(
            run.values("round").count == 3
                && run.values("round").allSatisfy { $0.contains("once 1000 ") && $0.contains("extra 0") }
        )
    }

    @Test("1,000 starts and closes: descriptors, threads, children and directories as before (case 40)")
    func startAndClose() throws {
        let peer = ScriptedPeer()
        let options = withoutLog(peer.plainOptions())
        let run = try ChildHost.run(
            ["start-and-close", "1000"],
            options: options,
            limit: .seconds(300)
        )
        #expect(run.succeeded, "\(run)")
        expectSettled(run)
        #expect((run.number("growth") ?? .max) < 2048, "\(run)")
    }

    @Test("500 VMs come and go in one process: nothing grows")
    func comeAndGo() throws {
        let peer = ScriptedPeer()
        let options = withoutLog(peer.plainOptions())
        let run = try ChildHost.run(["come-and-go", "500"], options: options)
        #expect(run.succeeded, "\(run)")
    }

    @Test(
        "1 GiB of writes to a sidecar that stands still: refused past 32 MiB, blocking waits, all in order (case 36, R22)"
    )
    func stopped() throws {
        let peer = ScriptedPeer()
        let run = try ChildHost.run(
            ["stopped"],
            options: withoutLog(peer.plainOptions()),
            limit: .seconds(300)
        )
        #expect(run.succeeded, "\(run)")
        let accepted = try #require(run.number("accepted"))
        #expect(accepted > 16 << 10 && accepted <= 32 << 10, "\(run)")
        #expect(run.value("refused")?.hasSuffix(" AOS_E_BUSY") == true, "\(run)")
        #expect(run.value("blocking-waits") == "1", "\(run)")
        #expect(run.value("completed") == "1 good 1 in-order 1 blocking AOS_OK", "\(run)")
        // The bound itself, and a little for the records; a call takes microseconds, on a busy machine some
        // more.
        #expect((run.number("growth") ?? .max) < 48 << 10, "\(run)")
        #expect((run.number("longest") ?? .max) < 1000, "\(run)")
    }
}
