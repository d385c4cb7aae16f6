// SPDX-License-Identifier: Apache-2.0
internal import AgentOSTransport

/// A signal as the sidecar takes it: `SIG` and a name, or a number without one (process.md 9.1).
struct GuestSignal: Equatable, Sendable {
    let text: String
    static let kill: GuestSignal = GuestSignal(unchecked: "SIGKILL")
    static let terminate: GuestSignal = GuestSignal(unchecked: "SIGTERM")

    /// Signal 0, which is never sent: it asks whether the process is there.
    var isQuestion: Bool { text == "0" }

    private init(unchecked text: String) { self.text = text }

    /// Names with or without `SIG` in any case, or a number from 0 to 31. Fails with the sidecar's own texts.
    init(_ given: String) throws(ClientError) {
        let trimmed = String(given.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        guard !trimmed.isEmpty else { throw .invalid("kill_process requires a non-empty signal") }
        var name = trimmed.uppercased()
        if let number = Int(trimmed), (0...31).contains(number),
            trimmed.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        {
            text = number == 0 ? "0" : SignalName.text(Int32(number))
            return
        }
        if name.hasPrefix("SIG") { name = String(name.dropFirst(3)) }
        let aliases = ["IOT": "ABRT", "POLL": "IO"]
        name = aliases[name] ?? name
        guard !name.isEmpty, SignalName.names.contains(name) else {
            throw .invalid("unsupported kill_process signal \(given)")
        }
        text = "SIG" + name
    }
}
