// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire

/// Pieces of scripts for the scripted peer: what it says about the network of its VMs.
enum NetworkScript {
    static let port: UInt32 = 8080
    static let answer = "{\"default\":true}"

    static func delay(_ milliseconds: Int) -> String { "{\"delay\":\(milliseconds)}" }

    static func reject(_ code: String, _ message: String) -> String {
        "{\"reject\":[\"\(code)\",\"\(message)\"]}"
    }

    static func on(_ request: String, nth: Int? = nil, _ actions: String...) -> String {
        let count = nth.map { ",\"nth\":\($0)" } ?? ""
        return "{\"on\":\"\(request)\"\(count),\"do\":[\(actions.joined(separator: ","))]}"
    }

    static func peer(_ rules: String...) -> ScriptedPeer {
        ScriptedPeer("[\(rules.joined(separator: ","))]")
    }

    /// The answer to a fetch, by its JSON.
    static func response(_ document: String) -> String {
        "{\"answer\":{\"type\":\"vm_fetch_result\",\"response_json\":\(JSONWriter.text(.string(document)))}}"
    }

    /// The answer to a fetch that tells which one it was: its path is the body.
    static let echo = response(#"{"status":200,"body":"$path","bodyEncoding":"utf8"}"#)

    static let noListener = reject(
        "execution_error",
        "vm.fetch could not find a guest HTTP listener on port 9"
    )

    /// A VM whose server answers all requests with this document.
    static func vm(answering document: String = #"{"status":200}"#) throws -> (ScriptedPeer, HostVM) {
        let peer = peer(on("vm_fetch", response(document)))
        return (peer, try peer.sidecar().createVM())
    }

    static let noSignals = on(
        "kill_process",
        answer,
        #"{"event":{"type":"process_exited","process_id":"$processId","exit_code":143}}"#
    )
}

extension ScriptedPeer {
    var fetches: [JSONValue] { requests("vm_fetch") }
    var lastFetch: JSONValue? { fetches.last }

    /// The headers of the last fetch as the wire has them.
    var lastHeaders: JSONValue? {
        lastFetch?["headers_json"]?.stringValue.flatMap { try? JSONReader.parse($0) }
    }
}
