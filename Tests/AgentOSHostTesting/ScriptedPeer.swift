// SPDX-License-Identifier: Apache-2.0
internal import AgentOSTestSupport
package import AgentOSWire
internal import Glibc

/// The scripted peer as a sidecar, and the log of what reached it.
package final class ScriptedPeer: Sendable {
    /// Where its log grows.
    package let logPath: String
    private let script: String

    /// `rules` as Sources/ScriptedSidecar/Script.swift describes them; `more` are further members of the
    /// script.
    package init(_ rules: String = "[]", more: String = "") {
        script = "{\"rules\":\(rules)\(more.isEmpty ? "" : ",\(more)")}"
        logPath = "/tmp/agentos-script-\(getpid())-\(UInt64.random(in: 0..<UInt64.max)).log"
    }

    deinit { unlink(logPath) }

    package static var program: String { "\(Repository.products)/agentos-scripted-sidecar" }

    /// Options of a handle on it.
    package func options(_ more: KeyValuePairs<String, JSONValue?> = [:]) -> JSONValue {
        var members = [
            JSONMember("command", .array([.string(Self.program)])),
            JSONMember(
                "env",
                .members(["AGENTOS_SCRIPT": .string(script), "AGENTOS_SCRIPT_LOG": .string(logPath)])
            ),
        ]
        for (name, value) in more {
            if let value {
                members.removeAll { $0.name == name }
                members.append(JSONMember(name, value))
            }
        }
        return .object(members)
    }

    package func sidecar(_ more: KeyValuePairs<String, JSONValue?> = [:]) throws -> HostSidecar {
        try HostSidecar(options: options(more), peer: self)
    }

    /// All lines of the log so far.
    package var log: [JSONValue] {
        guard let bytes = try? readFile(logPath) else { return [] }
        return bytes.split(separator: 0x0A).compactMap { try? JSONReader.parse(Array($0)) }
    }

    package func events(_ name: String) -> [JSONValue] { log.filter { $0["event"]?.stringValue == name } }

    package var starts: [JSONValue] { events("start") }

    /// The payloads of the requests that it got, of one type or all.
    package func requests(_ type: String? = nil) -> [JSONValue] {
        frames.filter { $0["frame_type"]?.stringValue == "request" }.compactMap { $0["payload"] }
            .filter { type == nil || $0["type"]?.stringValue == type }
    }

    package var requestTypes: [String] { requests().compactMap { $0["type"]?.stringValue } }

    /// When requests of a type came, in ms since the start of the peer.
    package func times(of type: String) -> [Int64] {
        events("frame").filter { $0["frame"]?["payload"]?["type"]?.stringValue == type }
            .compactMap { $0["ms"]?.integerValue }
    }

    /// Whole frames in JSON form.
    package var frames: [JSONValue] { events("frame").compactMap { $0["frame"] } }

    /// Waits until `condition` holds for the log. False when it does not within the limit.
    package func wait(limit: Duration = .seconds(10), _ condition: (ScriptedPeer) -> Bool) -> Bool {
        let deadline = ContinuousClock.now + limit
        while !condition(self) {
            if ContinuousClock.now > deadline { return false }
            poll(nil, 0, 2)
        }
        return true
    }

    /// The process ids of the peers that were started, and which of them still run.
    package var processIDs: [Int32] { starts.compactMap { $0["pid"]?.integerValue.map { Int32($0) } } }
    package var runningProcessIDs: [Int32] { processIDs.filter { isRunning($0) } }
    /// Whether some were started and nothing is left of any, not even a zombie. For peers whose parent is this
    /// process.
    package var isReaped: Bool {
        let all = processIDs
        return !all.isEmpty && all.allSatisfy { AgentOSHostTesting.isReaped($0) }
    }
}

/// Whether there is no such process, and no zombie either.
package func isReaped(_ pid: Int32) -> Bool { kill(pid, 0) == -1 && errno == ESRCH }

/// Whether there is such a process, and it is no zombie.
package func isRunning(_ pid: Int32) -> Bool {
    guard let status = try? readFile("/proc/\(pid)/stat") else { return false }
    let rest = String(decoding: status, as: UTF8.self).split(separator: ")").last ?? ""
    return rest.split(separator: " ").first != "Z"
}

/// Waits until `condition` holds. False when it does not within the limit.
package func eventually(limit: Duration = .seconds(10), _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        if ContinuousClock.now > deadline { return false }
        poll(nil, 0, 2)
    }
    return true
}
