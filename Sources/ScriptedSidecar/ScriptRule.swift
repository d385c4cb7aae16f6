// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// When something is done, and what.
struct ScriptRule {
    private let trigger: String
    private let nth: Int?
    private let conditions: [JSONMember]
    let actions: [ScriptAction]
    private var matches: Int = 0

    init(_ json: JSONValue) throws(ScriptError) {
        let object = try ScriptObject(json, allowed: ["on", "nth", "where", "do"])
        trigger = try object.string("on")
        nth = try object.integer("nth")
        if let nth, nth < 1 { throw ScriptError("\"nth\" counts from 1, found \(nth)") }
        conditions = try Self.conditions(object)
        actions = try object.list("do", ScriptAction.init) ?? []
    }

    private static func conditions(_ object: ScriptObject) throws(ScriptError) -> [JSONMember] {
        guard object.has("where") else { return [] }
        guard case .object(let members) = try object.value("where") else {
            throw ScriptError("\"where\" must be an object")
        }
        return members
    }

    /// Whether the rule acts on this frame, start or end. Asked once each, since it counts.
    mutating func acts(on context: RequestContext) -> Bool {
        guard trigger == context.typeName || (context.isRequest && trigger == "*") else { return false }
        if !conditions.isEmpty {
            let payload = context.payloadJSON
            guard conditions.allSatisfy({ payload[$0.name] == $0.value }) else { return false }
        }
        matches += 1
        return nth == nil || nth == matches
    }
}
