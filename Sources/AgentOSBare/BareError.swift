// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not a value of the expected type.
public enum BareError: Error, Equatable, Sendable {
    case unexpectedEnd(offset: Int)
    case invalidUTF8(offset: Int)
    case invalidVarint(offset: Int)
    case unknownTag(type: String, tag: UInt64, offset: Int)
    /// A text whose own grammar is broken, such as a JSON document inside a string.
    case invalidText(detail: String, offset: Int)

    /// The reference codec's own words (wire-protocol.md 10).
    public var detail: String {
        switch self {
        case .unexpectedEnd: "unexpected end of input"
        case .invalidUTF8: "invalid utf-8 in string"
        case .invalidVarint: "continuation bit indicated an invalid variable-length integer"
        case .unknownTag(let type, let tag, _): "unknown \(type) tag: \(tag)"
        case .invalidText(let detail, _): detail
        }
    }

    public var offset: Int {
        switch self {
        case .unexpectedEnd(let offset), .invalidUTF8(let offset), .invalidVarint(let offset): offset
        case .unknownTag(_, _, let offset), .invalidText(_, let offset): offset
        }
    }
}
