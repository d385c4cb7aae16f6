// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire

/// Pieces of scripts for the scripted peer: what the programs of its VMs do.
enum ProcessScript {
    /// A chunk of output of the current request's process.
    static func output(_ text: String, _ channel: String = "stdout") -> String {
        output(chunk: "{\"text\":\(JSONWriter.text(.string(text)))}", channel)
    }

    static func output(hex: String) -> String { output(chunk: "{\"hex\":\"\(hex)\"}", "stdout") }

    /// So many bytes of the repeated text.
    static func output(bytes: Int, fill: String, _ channel: String = "stdout") -> String {
        output(chunk: "{\"bytes\":\(bytes),\"fill\":\"\(fill)\"}", channel)
    }

    private static func output(chunk: String, _ channel: String) -> String {
        """
        {"event":{"type":"process_output","process_id":"$processId","channel":"\(channel)","chunk":\(chunk)}}
        """
    }

    static func exit(_ code: Int) -> String {
        """
        {"event":{"type":"process_exited","process_id":"$processId","exit_code":\(code)}}
        """
    }

    static let answer = "{\"default\":true}"
    static func delay(_ milliseconds: Int) -> String { "{\"delay\":\(milliseconds)}" }
    static func times(_ count: Int, _ actions: String...) -> String {
        "{\"repeat\":\(count),\"do\":[\(actions.joined(separator: ","))]}"
    }

    static func reject(_ code: String, _ message: String) -> String {
        "{\"reject\":[\"\(code)\",\"\(message)\"]}"
    }

    /// One rule. `nth` counts what matched it.
    static func on(_ request: String, nth: Int? = nil, command: String? = nil, _ actions: String...) -> String
    {
        let count = nth.map { ",\"nth\":\($0)" } ?? ""
        let condition = command.map { ",\"where\":{\"command\":\"\($0)\"}" } ?? ""
        return "{\"on\":\"\(request)\"\(count)\(condition),\"do\":[\(actions.joined(separator: ","))]}"
    }

    /// A signal ends a process, so that no test waits for the end of its VM.
    static let diesOfSignals = on("kill_process", answer, exit(143))

    /// A peer with these rules, before the one by which signals end its processes.
    static func peer(_ rules: String...) -> ScriptedPeer {
        ScriptedPeer("[\((rules + [diesOfSignals]).joined(separator: ","))]")
    }

    /// A peer with these rules alone.
    static func barePeer(_ rules: String...) -> ScriptedPeer {
        ScriptedPeer("[\(rules.joined(separator: ","))]")
    }
}

extension ScriptedPeer {
    /// Commands and arguments of the programs that it was asked to start.
    var commands: [[String]] {
        requests("execute").map { request in
            var words = [request["command"]?.stringValue ?? ""]
            if case .array(let arguments)? = request["args"] { words += arguments.compactMap(\.stringValue) }
            return words
        }
    }

    var signals: [String] { requests("kill_process").compactMap { $0["signal"]?.stringValue } }

    /// What was sent after the VM was made.
    var typesAfterCreation: [String] { Array(requestTypes.dropFirst(5)) }

    /// The bytes of the chunks that were written to stdin; long ones are known by their length alone.
    var chunkSizes: [Int] {
        requests("write_stdin").compactMap { request in
            switch request["chunk"] {
            case .array(let bytes)?: bytes.count
            case let short?: short["bytes"]?.integerValue.map { Int($0) }
            case nil: nil
            }
        }
    }

    var chunkTexts: [String] {
        requests("write_stdin").compactMap { request in
            guard case .array(let bytes)? = request["chunk"] else { return nil }
            return String(decoding: bytes.compactMap { $0.integerValue.map { UInt8($0) } }, as: UTF8.self)
        }
    }
}
