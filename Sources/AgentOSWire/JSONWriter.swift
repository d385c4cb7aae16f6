// SPDX-License-Identifier: Apache-2.0

/// Writes JSON as the reference codec does: no white space, raw non-ASCII, lower-case `\u00xx`, `/` as it is.
package struct JSONWriter: ~Copyable {
    package enum MemberOrder: Sendable { case asGiven, byBytes }

    private let order: MemberOrder
    package private(set) var bytes: [UInt8] = []

    package init(order: MemberOrder = .asGiven) { self.order = order }

    package static func text(_ value: JSONValue, order: MemberOrder = .asGiven) -> String {
        String(decoding: bytes(value, order: order), as: UTF8.self)
    }

    package static func bytes(_ value: JSONValue, order: MemberOrder = .asGiven) -> [UInt8] {
        var writer = JSONWriter(order: order)
        writer.write(value)
        return writer.bytes
    }

    package mutating func write(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let flag): append(flag ? "true" : "false")
        case .integer(let number): append(String(number))
        case .unsigned(let number): append(String(number))
        case .double(let number): append(Self.text(of: number))
        case .string(let text): string(text)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(element)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members): object(members)
        }
    }

    private mutating func object(_ members: [JSONMember]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, member) in (order == .byBytes ? JSONMember.sortedByBytes(members) : members).enumerated()
        {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            string(member.name)
            bytes.append(UInt8(ascii: ":"))
            write(member.value)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            // Most texts hold nothing to escape, and go in as one piece.
            var start = 0
            for index in utf8.indices where Self.isEscaped(utf8[index]) {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index]))
                escape(utf8[index])
                start = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x08: append("\\b")
        case 0x0C: append("\\f")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        case 0..<0x20:
            let digits = String(byte, radix: 16)
            append("\\u00" + (digits.utf8.count == 1 ? "0" : "") + digits)
        default: bytes += [UInt8(ascii: "\\"), byte]
        }
    }

    /// The shortest digits that read back as `number`, in the reference's layout: `100.0`, `1e+16`, `1e-7`.
    static func text(of number: Double) -> String {
        guard number.isFinite else { return "null" }
        var mantissa = number.magnitude.description
        var exponent = 0
        if let mark = mantissa.firstIndex(of: "e") {
            exponent = Int(mantissa[mantissa.index(after: mark)...]) ?? 0
            mantissa = String(mantissa[..<mark])
        }
        let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let fraction = parts.count > 1 && parts[1] != "0" ? parts[1] : ""
        var digits = Substring(parts[0] + fraction)
        var point = parts[0].count + exponent
        while digits.count > 1, digits.first == "0" {
            digits = digits.dropFirst()
            point -= 1
        }
        while digits.count > 1, digits.last == "0" { digits = digits.dropLast() }
        let sign = number.sign == .minus ? "-" : ""
        if digits == "0" { return sign + "0.0" }
        if point > 16 || point < -4 {
            let rest = digits.dropFirst()
            let shown = point - 1
            let mantissa = String(digits.prefix(1)) + (rest.isEmpty ? "" : "." + String(rest))
            return sign + mantissa + (shown < 0 ? "e" : "e+") + String(shown)
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + String(digits) }
        if digits.count <= point {
            return sign + String(digits) + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return sign + String(digits.prefix(point)) + "." + String(digits.dropFirst(point))
    }
}
