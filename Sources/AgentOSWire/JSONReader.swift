// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a JSON text, and where: lines and columns from 1, as people count them.
package struct JSONSyntaxError: Error, Equatable, Sendable {
    package let reason: String
    package let line: Int
    package let column: Int

    package var text: String { "\(reason) at line \(line) column \(column)" }
}

/// A strict parser of one JSON document (RFC 8259), with the limits of the reference's (wire-protocol.md 4).
package struct JSONReader: ~Copyable {
    /// Levels of arrays and objects. One more is an error, also a guard of our own stack.
    package static let maximumDepth: Int = 127

    private let bytes: UnsafeBufferPointer<UInt8>
    private var offset: Int = 0
    private var depth: Int = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    package static func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue {
        var text = text
        let result = text.withUTF8 { bytes in Result { () throws(JSONSyntaxError) in try parse(bytes) } }
        return try result.get()
    }

    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> JSONValue {
        try parse(bytes.assumingMemoryBound(to: UInt8.self))
    }

    package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(JSONSyntaxError) in try parse(buffer) }
        }
        return try result.get()
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) -> JSONValue {
        var reader = JSONReader(bytes)
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        guard reader.offset == bytes.count else { throw reader.error("trailing characters") }
        return value
    }

    private func error(_ reason: String, at position: Int? = nil) -> JSONSyntaxError {
        var line = 1
        var column = 0
        for byte in bytes[..<min(position ?? (offset + 1), bytes.count)] {
            if byte == 0x0A { (line, column) = (line + 1, 0) } else { column += 1 }
        }
        return JSONSyntaxError(reason: reason, line: line, column: column)
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        guard let byte = next else { throw error("EOF while parsing a value") }
        switch byte {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("expected value")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue
    {
        for index in 0..<text.utf8CodeUnitCount {
            guard next == text.utf8Start[index] else {
                throw error(next == nil ? "EOF while parsing a value" : "expected ident")
            }
            offset += 1
        }
        return value
    }

    private mutating func enter() throws(JSONSyntaxError) {
        depth += 1
        if depth > Self.maximumDepth { throw error("recursion limit exceeded") }
        offset += 1
        skipSpace()
    }

    private mutating func array() throws(JSONSyntaxError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if next == UInt8(ascii: "]") {
            offset += 1
        } else {
            while true {
                elements.append(try value())
                skipSpace()
                if try endsOrContinues(UInt8(ascii: "]"), in: "a list") { break }
            }
        }
        depth -= 1
        return .array(elements)
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONValue {
        try enter()
        var members: [JSONMember] = []
        if next == UInt8(ascii: "}") {
            offset += 1
        } else {
            while true {
                guard let byte = next else { throw error("EOF while parsing an object") }
                guard byte == UInt8(ascii: "\"") else { throw error("key must be a string") }
                let name = try string()
                skipSpace()
                guard next == UInt8(ascii: ":") else {
                    throw error(next == nil ? "EOF while parsing an object" : "expected `:`")
                }
                offset += 1
                skipSpace()
                members.append(JSONMember(name, try value()))
                skipSpace()
                if try endsOrContinues(UInt8(ascii: "}"), in: "an object") { break }
            }
        }
        depth -= 1
        return .object(members)
    }

    /// True behind the closing bracket, false behind a comma.
    private mutating func endsOrContinues(_ close: UInt8, in place: String) throws(JSONSyntaxError) -> Bool {
        guard let byte = next else { throw error("EOF while parsing \(place)") }
        if byte == close {
            offset += 1
            return true
        }
        guard byte == UInt8(ascii: ",") else {
            throw error("expected `,` or `\(Character(Unicode.Scalar(close)))`")
        }
        offset += 1
        skipSpace()
        if next == close { throw error("trailing comma") }
        return false
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        offset += 1
        let start = offset
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            offset += 1
        }
        guard let stop = next else { throw error("EOF while parsing a string") }
        if stop == UInt8(ascii: "\"") {
            defer { offset += 1 }
            return try text(bytes[start..<offset])
        }
        var content: [UInt8] = Array(bytes[start..<offset])
        while true {
            guard let byte = next else { throw error("EOF while parsing a string") }
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return try text(content)
            }
            guard byte >= 0x20 else {
                throw error("control character (\\u0000-\\u001F) found while parsing a string")
            }
            offset += 1
            if byte == UInt8(ascii: "\\") { try escape(into: &content) } else { content.append(byte) }
        }
    }

    private func text(_ utf8: some Collection<UInt8>) throws(JSONSyntaxError) -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw error("invalid unicode code point")
        }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = next else { throw error("EOF while parsing a string") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = UInt32(try hexadecimal())
            if scalar & 0xFC00 == 0xD800 {
                guard next == UInt8(ascii: "\\"), offset + 1 < bytes.count,
                    bytes[offset + 1] == UInt8(ascii: "u")
                else {
                    throw error("lone leading surrogate in hex escape")
                }
                offset += 2
                let low = UInt32(try hexadecimal())
                guard low & 0xFC00 == 0xDC00 else { throw error("lone leading surrogate in hex escape") }
                scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
            }
            guard let unicode = Unicode.Scalar(scalar) else {
                throw error("lone trailing surrogate in hex escape")
            }
            content.append(contentsOf: Character(unicode).utf8)
        default: throw error("invalid escape", at: offset)
        }
    }

    private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next else { throw error("EOF while parsing a string") }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("invalid escape")
            }
            value = value << 4 | UInt16(digit)
            offset += 1
        }
        return value
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = offset
        let negative = next == UInt8(ascii: "-")
        if negative { offset += 1 }
        let firstDigit = offset
        skipDigits()
        guard offset > firstDigit else {
            throw error(next == nil ? "EOF while parsing a value" : "invalid number")
        }
        if bytes[firstDigit] == UInt8(ascii: "0"), offset > firstDigit + 1 {
            throw error("invalid number", at: firstDigit + 2)
        }
        var isInteger = true
        if next == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            try requireDigits()
        }
        if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            try requireDigits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, text != "-0" {
            if let integer = Int64(text) { return .integer(integer) }
            if let unsigned = UInt64(text) { return .unsigned(unsigned) }
        }
        guard let double = Double(text), double.isFinite else {
            throw error("number out of range", at: offset)
        }
        return .double(double)
    }

    private mutating func skipDigits() {
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
    }

    private mutating func requireDigits() throws(JSONSyntaxError) {
        let start = offset
        skipDigits()
        if offset == start { throw error(next == nil ? "EOF while parsing a value" : "invalid number") }
    }
}
