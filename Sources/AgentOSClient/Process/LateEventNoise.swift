// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// Two texts that the sidecar itself puts on the stderr of a JavaScript program that ends while something is
/// sent to it (hazard X3): the program never wrote them.
///
/// Nearly every short program causes one, so they are compared as bytes.
enum LateEventNoise {
    private static let stream: StaticString =
        "[ERR_LATE_STREAM_EVENT] dropping StreamEvent after execution completed (event_type="
    private static let termination: StaticString =
        "[ERR_LATE_TERMINATE_EXECUTION] dropping TerminateExecution after execution completed"

    private static let longest = 199

    static func isNoise(_ block: ByteBlock) -> Bool {
        guard block.count <= longest else { return false }
        var rest = block.bytes[...]
        if skip(termination, of: &rest) { return rest.isEmpty }
        guard skip(stream, of: &rest) else { return false }
        let type = skip(of: &rest) {
            $0 == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
        }
        guard type > 0, skip(",", of: &rest) else { return false }
        skip(of: &rest) { $0 == UInt8(ascii: " ") }
        guard skip("payload_len=", of: &rest) else { return false }
        let digits = skip(of: &rest) { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return digits > 0 && skip(")", of: &rest) && rest.isEmpty
    }

    /// Moves behind `text` if that is what comes next.
    private static func skip(_ text: StaticString, of rest: inout Slice<UnsafeRawBufferPointer>) -> Bool {
        text.withUTF8Buffer { known in
            guard known.count <= rest.count, rest.starts(with: known) else { return false }
            rest = rest.dropFirst(known.count)
            return true
        }
    }

    /// How many bytes it moved on.
    @discardableResult
    private static func skip(of rest: inout Slice<UnsafeRawBufferPointer>, while isPart: (UInt8) -> Bool)
        -> Int
    {
        let count = rest.prefix(while: isPart).count
        rest = rest.dropFirst(count)
        return count
    }

    private static let programs: [StaticString] = ["node", "npm", "npx"]
    private static let extensions: [StaticString] = [".js", ".mjs", ".cjs"]

    /// Whether a command is run by the JavaScript runtime.
    static func concerns(_ command: String) -> Bool {
        let path = command.utf8
        let slash = path.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
        return programs.contains { $0.utf8CodeUnitCount == name.count && ends(name, with: $0) }
            || extensions.contains { ends(name, with: $0) }
    }

    private static func ends(_ name: Substring.UTF8View, with text: StaticString) -> Bool {
        text.withUTF8Buffer { name.suffix($0.count).elementsEqual($0) }
    }
}
