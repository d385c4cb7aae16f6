// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// The answer that a script gives to a request.
struct ScriptedAnswer {
    enum Content {
        case byDefault
        case payload(Template<ResponsePayload>)
        case rejection(code: String, message: String)
    }

    let content: Content
    let ownership: Template<OwnershipScope>?
    /// Text, for placeholders may stand in it.
    let id: String?

    init(_ object: ScriptObject) throws(ScriptError) {
        if object.has("answer") {
            content = .payload(try Template(object.value("answer")))
        } else if object.has("reject") {
            guard case .array(let parts) = try object.value("reject"), parts.count == 2,
                let code = parts[0].stringValue, let message = parts[1].stringValue
            else { throw ScriptError("\"reject\" must be [\"code\", \"message\"]") }
            content = .rejection(code: code, message: message)
        } else {
            content = .byDefault
        }
        ownership = try Self.ownership(object)
        id = try Self.id(object)
    }

    static func ownership(_ object: ScriptObject) throws(ScriptError) -> Template<OwnershipScope>? {
        guard object.has("ownership") else { return nil }
        return try Template(object.value("ownership"))
    }

    static func id(_ object: ScriptObject) throws(ScriptError) -> String? {
        guard object.has("id") else { return nil }
        if let number: Int64 = try? object.integer("id") { return String(number) }
        return try object.string("id")
    }

    static func number(_ text: String?, _ names: Placeholders) throws(ScriptError) -> Int64? {
        guard let text else { return nil }
        guard let number = Int64(names.filled(text)) else {
            throw ScriptError("\"id\" is no number: \(text)")
        }
        return number
    }
}
