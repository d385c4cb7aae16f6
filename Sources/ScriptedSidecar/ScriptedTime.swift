// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// A time of a script: fixed, or anywhere between two bounds.
struct ScriptedTime {
    private let shortest: UInt64
    private let longest: UInt64

    /// Milliseconds, or `[from, to]`.
    init(_ json: JSONValue) throws(ScriptError) {
        if case .array(let bounds) = json {
            guard bounds.count == 2 else { throw ScriptError("expected milliseconds or [from, to]") }
            shortest = try Self.nanoseconds(bounds[0])
            longest = try Self.nanoseconds(bounds[1])
            guard shortest <= longest else { throw ScriptError("[from, to] must not fall") }
        } else {
            shortest = try Self.nanoseconds(json)
            longest = shortest
        }
    }

    private static func nanoseconds(_ json: JSONValue) throws(ScriptError) -> UInt64 {
        switch json {
        case .integer(let number) where number >= 0 && number < 1_000_000_000_000: UInt64(number) * 1_000_000
        case .double(let number) where number >= 0 && number < 1e12: UInt64(number * 1e6)
        default: throw ScriptError("milliseconds must be a number from 0, found \(JSONWriter.text(json))")
        }
    }

    func nanoseconds(using random: inout RepeatableRandom) -> UInt64 {
        shortest == longest ? shortest : UInt64.random(in: shortest...longest, using: &random)
    }
}
