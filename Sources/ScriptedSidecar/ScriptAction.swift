// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// One thing that a rule does; `Script` says what each means.
enum ScriptAction {
    case answer(ScriptedAnswer)
    case remember(String)
    case answerRemembered(String, ScriptedAnswer)
    case event(Template<EventPayload>, ownership: Template<OwnershipScope>?)
    case callback(Template<SidecarRequestPayload>, id: String?, ownership: Template<OwnershipScope>?)
    case frame(Template<ProtocolFrame>)
    case raw([UInt8])
    case text(String)
    case standardError(String)
    case floodStandardError(Int)
    case delay(ScriptedTime)
    case sleep(ScriptedTime)
    case repeated(Int, [ScriptAction])
    case hold
    case flush
    case drip(Int)
    case exit(Int32)
    case signal(Int32)
    case closeStandardOutput
    case closeStandardInput
    case nothing

    private static let names: [String] = [
        "answerRemembered", "default", "answer", "reject", "event", "callback", "frame", "hex", "text",
        "stderr",
        "stderrFlood", "delay", "sleep", "remember", "repeat", "hold", "flush", "drip", "exit", "signal",
        "closeStdout", "closeStdin", "nothing",
    ]

    init(_ json: JSONValue) throws(ScriptError) {
        let object = try ScriptObject(json)
        guard let name = Self.names.first(where: object.has) else {
            throw ScriptError(
                "unknown action \(JSONWriter.text(json)); accepted: \(Self.names.joined(separator: ", "))"
            )
        }
        try object.allow([name] + Self.companions(of: name))
        do { self = try Self.action(name, object) } catch { throw error.below(name) }
    }

    private static func companions(of name: String) -> [String] {
        switch name {
        case "answer", "reject", "callback": ["ownership", "id"]
        case "answerRemembered": ["answer", "reject", "ownership", "id"]
        case "event": ["ownership"]
        case "repeat": ["do"]
        default: []
        }
    }

    private static func action(_ name: String, _ object: ScriptObject) throws(ScriptError) -> ScriptAction {
        switch name {
        case "answerRemembered": return .answerRemembered(try object.string(name), try ScriptedAnswer(object))
        case "default", "answer", "reject": return .answer(try ScriptedAnswer(object))
        case "event":
            return .event(try Template(object.value(name)), ownership: try ScriptedAnswer.ownership(object))
        case "callback":
            let id = try ScriptedAnswer.id(object)
            return .callback(
                try Template(object.value(name)),
                id: id,
                ownership: try ScriptedAnswer.ownership(object)
            )
        case "frame": return .frame(try Template(object.value(name)))
        case "hex": return .raw(try Filler.bytes(hexadecimal: object.string(name)))
        case "text": return .text(try object.string(name))
        case "stderr": return .standardError(try object.string(name))
        case "stderrFlood": return .floodStandardError(try object.count(name))
        case "delay": return .delay(try ScriptedTime(object.value(name)))
        case "sleep": return .sleep(try ScriptedTime(object.value(name)))
        case "remember": return .remember(try object.string(name))
        case "repeat":
            return .repeated(try object.count(name), try object.list("do", ScriptAction.init) ?? [])
        case "drip": return .drip(try object.count(name))
        case "exit": return .exit(Int32(truncatingIfNeeded: try object.count(name)))
        case "signal": return .signal(Int32(truncatingIfNeeded: try object.count(name)))
        case "hold": return .hold
        case "flush": return .flush
        case "closeStdout": return .closeStandardOutput
        case "closeStdin": return .closeStandardInput
        default: return .nothing
        }
    }
}
