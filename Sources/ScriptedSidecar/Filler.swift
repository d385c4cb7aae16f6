// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Bytes that a script gives in short: by count, as text or in hexadecimal.
enum Filler {
    case bytes([UInt8])
    case text(String)

    var isConstant: Bool {
        guard case .text(let text) = self else { return true }
        return !Placeholders.occur(in: .string(text))
    }

    func bytes(_ names: Placeholders) -> [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .text(let text): Array(names.filled(text).utf8)
        }
    }

    static func bytes(hexadecimal text: String) throws(ScriptError) -> [UInt8] {
        var bytes: [UInt8] = []
        var high: Int?
        for character in text where !character.isWhitespace {
            guard let digit = character.hexDigitValue else {
                throw ScriptError("no hexadecimal digit: \(character)")
            }
            if let first = high {
                bytes.append(UInt8(first << 4 | digit))
                high = nil
            } else {
                high = digit
            }
        }
        guard high == nil else { throw ScriptError("odd number of hexadecimal digits") }
        return bytes
    }

    /// The JSON with its short forms written out; that of `chunk` is taken out and an empty array left.
    static func expand(_ json: JSONValue, chunk: inout Filler?) throws(ScriptError) -> JSONValue {
        switch json {
        case .array(let elements):
            var expanded: [JSONValue] = []
            for element in elements { expanded.append(try expand(element, chunk: &chunk)) }
            return .array(expanded)
        case .object(let members):
            if let bytes = try counted(json) { return .string(String(decoding: bytes, as: UTF8.self)) }
            var expanded: [JSONMember] = []
            for member in members {
                if member.name == "chunk", case .object = member.value {
                    chunk = try filler(ScriptObject(member.value))
                    expanded.append(JSONMember(member.name, .array([])))
                } else {
                    expanded.append(JSONMember(member.name, try expand(member.value, chunk: &chunk)))
                }
            }
            return .object(expanded)
        default: return json
        }
    }

    private static func filler(_ object: ScriptObject) throws(ScriptError) -> Filler {
        if let bytes = try counted(object.json) { return .bytes(bytes) }
        try object.allow(["text", "hex"])
        return object.has("hex")
            ? .bytes(try bytes(hexadecimal: object.string("hex"))) : .text(try object.string("text"))
    }

    /// The bytes of `{"bytes":n,"fill":".."}`; nil for anything else.
    private static func counted(_ json: JSONValue) throws(ScriptError) -> [UInt8]? {
        let object = try ScriptObject(json)
        guard object.names.count == 2, object.has("bytes"), object.has("fill") else { return nil }
        let count = try object.count("bytes")
        let pattern = Array(try object.string("fill").utf8)
        guard let first = pattern.first else { throw ScriptError("\"fill\" is empty") }
        if pattern.count == 1 { return [UInt8](repeating: first, count: count) }
        return (0..<count).map { pattern[$0 % pattern.count] }
    }
}
