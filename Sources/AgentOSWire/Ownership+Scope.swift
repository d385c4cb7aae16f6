// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare

extension OwnershipScope: Equatable {
    package var ids: [(field: String, value: String)] {
        switch self {
        case .connection(let owner): [("connection_id", owner.connectionId)]
        case .session(let owner): [("connection_id", owner.connectionId), ("session_id", owner.sessionId)]
        case .vm(let owner):
            [("connection_id", owner.connectionId), ("session_id", owner.sessionId), ("vm_id", owner.vmId)]
        }
    }

    var hasEmptyID: Bool {
        switch self {
        case .connection(let owner): owner.connectionId.isEmpty
        case .session(let owner): owner.connectionId.isEmpty || owner.sessionId.isEmpty
        case .vm(let owner): owner.connectionId.isEmpty || owner.sessionId.isEmpty || owner.vmId.isEmpty
        }
    }

    /// Equal byte for byte.
    package static func == (left: OwnershipScope, right: OwnershipScope) -> Bool {
        switch (left, right) {
        case (.connection(let a), .connection(let b)): a.connectionId.hasSameBytes(as: b.connectionId)
        case (.session(let a), .session(let b)):
            a.connectionId.hasSameBytes(as: b.connectionId) && a.sessionId.hasSameBytes(as: b.sessionId)
        case (.vm(let a), .vm(let b)):
            a.vmId.hasSameBytes(as: b.vmId) && a.sessionId.hasSameBytes(as: b.sessionId)
                && a.connectionId.hasSameBytes(as: b.connectionId)
        default: false
        }
    }

    /// As the reference's tracker prints it, with Rust's escapes.
    package var debugText: String {
        let members = ids.map { "\($0.field): \(Self.quoted($0.value))" }.joined(separator: ", ")
        return "\(typeName.prefix(1).uppercased())\(typeName.dropFirst()) { \(members) }"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\0": result += "\\0"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    package static func connection(_ id: String) -> OwnershipScope {
        .connection(ConnectionOwnership(connectionId: id))
    }
}
