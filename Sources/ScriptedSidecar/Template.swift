// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// A value of a script. Read when the script is, unless placeholders stand in it: then at each use.
struct Template<Value: ScriptedValue> {
    private let json: JSONValue
    /// Apart from the JSON form, in which each byte would be a value of its own.
    private let chunk: Filler?
    private let constant: Value?

    init(_ json: JSONValue) throws(ScriptError) {
        var chunk: Filler?
        self.json = try Filler.expand(json, chunk: &chunk)
        self.chunk = chunk
        constant =
            Placeholders.occur(in: self.json) || chunk?.isConstant == false
            ? nil : try Self.read(self.json, chunk?.bytes(Placeholders()))
    }

    func value(_ names: Placeholders) throws(ScriptError) -> Value {
        if let constant { return constant }
        return try Self.read(names.filled(json), chunk?.bytes(names))
    }

    private static func read(_ json: JSONValue, _ chunk: [UInt8]?) throws(ScriptError) -> Value {
        var value: Value
        do { value = try Value(json: json) } catch { throw ScriptError(error.text) }
        if let chunk { value.setChunk(chunk) }
        return value
    }
}
