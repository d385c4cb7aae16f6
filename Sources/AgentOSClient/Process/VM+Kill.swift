// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Signals, and ends that are certain.
extension VM {
    /// Between two SIGKILLs (process.md 8.5, which gives up after five; a program that waits for others may do so longer).
    private static let killPeriod: UInt64 = 1_000_000_000

    /// A signal, past the writes that wait. SIGKILL is repeated until the process has ended (hazard X7).
    package func kill(_ process: ProcessRecord, signal name: String) throws(ClientError) -> Steps<Void> {
        let signal = try GuestSignal(name)
        try check()
        guard !process.hasEnded else { return .done(()) }
        return afterStart(process).then { [self] in
            killRequest(process.processID, signal).recover { error throws(ClientError) in
                guard Self.isGone(error) else { throw error }
                return .done(())
            }
        }.map { [self] in
            if !signal.isQuestion { process.wasSent(signal: signal.text) }
            if signal == .kill { pursue(process, isHitAlready: true) }
        }.recover { error throws(ClientError) in
            guard error.kind == .processNotFound else { throw error }
            return .done(())
        }.during("kill")
    }

    /// SIGKILL, and the end that it brings within `grace` nanoseconds. Whoever waits is let go then, but the process is
    /// not: it is killed whenever it runs.
    func killUntilEnd(_ process: ProcessRecord, grace: UInt64) -> Steps<ProcessEnd> {
        Steps<ProcessEnd>.begin { [self] in
            process.wasSent(signal: "SIGKILL")
            pursue(process)
            return .wait(for: process.end, atMost: max(grace, 1), timeout: ClientError(.timeout, ""))
        }.recover { [self] error throws(ClientError) in
            guard error.kind == .timeout, error.message.isEmpty else { throw error }
            let error = ClientError(
                .timeout,
                "the process did not end within \(grace / 1_000_000) ms after SIGKILL"
            )
            record.remove(process)
            process.lost(error)
            throw error
        }
    }

    /// SIGKILL until the sidecar has no such process any more. One that comes before the program runs is lost, and a
    /// program may wait for others to end before it does (hazard X7).
    func pursue(_ process: ProcessRecord, isHitAlready: Bool = false) {
        guard process.beginPursuit() else { return }
        if isHitAlready { waitAndStrike(process) } else { strike(process) }
    }

    private func strike(_ process: ProcessRecord) {
        killRequest(process.processID, .kill).run(StepRun()) { [self] result in
            // Another refusal says that it is gone, or its VM is, or the sidecar.
            if case .failure(let error) = result, error.kind != .timeout { return }
            waitAndStrike(process)
        }
    }

    private func waitAndStrike(_ process: ProcessRecord) {
        let pause =
            process.hasEnded
            ? .pause(Self.killPeriod)
            : Steps<ProcessEnd>.wait(
                for: process.end,
                atMost: Self.killPeriod,
                timeout: ClientError(.timeout, "")
            )
            .map { _ in }.recover { _ in .done(()) }
        pause.run(StepRun()) { [self] _ in
            if connection.isUsable, !process.isOver { strike(process) }
        }
    }
}
