// SPDX-License-Identifier: Apache-2.0
package import AgentOSBare

/// Why bytes are not a frame, or a frame may not be sent. The texts are the reference codec's
/// (wire-protocol.md 10).
package enum FrameError: Error, Equatable, Sendable {
    case truncated(actual: Int)
    case lengthMismatch(declared: Int, actual: Int)
    case tooLarge(size: Int, limit: Int)
    /// The peer speaks another protocol, or another version of ours.
    case unsupportedSchema(name: String, version: UInt16)
    case zeroRequestID
    case wrongDirection(id: Int64, mustBePositive: Bool)
    case emptyOwnership(field: String)
    case emptyAuthToken
    case wrongScope(required: String, actual: String)
    case undecodable(BareError)
    case undecodableJSON(String)
    case trailingBytes(Int)
    case outOfMemory

    package var text: String {
        switch self {
        case .truncated(let actual): "protocol frame is truncated: only \(actual) bytes provided"
        case .lengthMismatch(let declared, let actual):
            "protocol frame length prefix mismatch: declared \(declared) bytes, got \(actual)"
        case .tooLarge(let size, let limit): "protocol frame is \(size) bytes, limit is \(limit)"
        case .unsupportedSchema(let name, let version):
            "unsupported protocol schema \(name)@\(version); expected \(Dialect.name)@\(Dialect.version)"
        case .zeroRequestID: "protocol request identifiers must be non-zero"
        case .wrongDirection(let id, let positive):
            "protocol request id \(id) must be \(positive ? "positive" : "negative")"
        case .emptyOwnership(let field): "protocol ownership field `\(field)` cannot be empty"
        case .emptyAuthToken: "authenticate requests require a non-empty auth token"
        case .wrongScope(let required, let actual):
            "protocol frame requires \(required) ownership but carried \(actual)"
        case .undecodable(let error): "protocol frame deserialization failed: \(error.detail)"
        case .undecodableJSON(let detail): "protocol frame deserialization failed: \(detail)"
        case .trailingBytes(let count): "protocol frame deserialization failed: trailing \(count) byte(s)"
        case .outOfMemory: "protocol frame deserialization failed: out of memory"
        }
    }

    /// The name of the reference codec's error kind.
    package var kind: String {
        switch self {
        case .truncated: "TruncatedFrame"
        case .lengthMismatch: "LengthPrefixMismatch"
        case .tooLarge: "FrameTooLarge"
        case .unsupportedSchema: "UnsupportedSchema"
        case .zeroRequestID: "InvalidRequestId"
        case .wrongDirection: "InvalidRequestDirection"
        case .emptyOwnership: "EmptyOwnershipField"
        case .emptyAuthToken: "EmptyAuthToken"
        case .wrongScope: "InvalidOwnershipScope"
        case .undecodable, .undecodableJSON, .trailingBytes, .outOfMemory: "DeserializeFailure"
        }
    }
}
