// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// What `$vmId` and the like stand for at one moment of a script.
struct Placeholders {
    var context: RequestContext?
    var counter: Int?

    /// Longer names first: `$i` would take the front of another.
    private static let names: [String] = [
        "$connectionId", "$sessionId", "$processId", "$vmId", "$path", "$i",
    ]

    private func value(of name: String) -> String? {
        switch name {
        case "$connectionId": context?.connectionID
        case "$sessionId": context?.sessionID
        case "$processId": context?.processID
        case "$vmId": context?.vmID
        case "$path": context?.path
        default: counter.map(String.init)
        }
    }

    static func occur(in json: JSONValue) -> Bool {
        switch json {
        case .string(let text): text.utf8.contains(UInt8(ascii: "$")) && names.contains { text.contains($0) }
        case .array(let elements): elements.contains(where: occur)
        case .object(let members): members.contains { occur(in: $0.value) }
        default: false
        }
    }

    func filled(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = Substring(text)
        while let mark = rest.firstIndex(of: "$") {
            result += rest[..<mark]
            rest = rest[mark...]
            let name = Self.names.first { rest.hasPrefix($0) } ?? "$"
            result += name == "$" ? name : value(of: name) ?? name
            rest = rest.dropFirst(name.count)
        }
        return result + rest
    }

    func filled(_ json: JSONValue) -> JSONValue {
        switch json {
        case .string(let text): .string(filled(text))
        case .array(let elements): .array(elements.map(filled))
        case .object(let members): .object(members.map { JSONMember($0.name, filled($0.value)) })
        default: json
        }
    }
}
