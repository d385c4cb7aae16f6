// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

/// One line of a file of test vectors (Tests/Corpus/vectors).
struct Vector: Sendable, CustomTestStringConvertible {
    let line: JSONValue
    let frame: [UInt8]
    let testDescription: String

    init(_ line: JSONValue) throws {
        self.line = line
        frame = try #require(line["hex"]?.stringValue.flatMap { Hex.bytes($0) })
        testDescription = line["name"]?.stringValue ?? "?"
    }

    var payload: [UInt8] { Array(frame.dropFirst(FrameCodec.prefixSize)) }
    var isCanonical: Bool { line["canonical"] == .bool(true) }
    func text(_ member: String) -> String? { line[member]?.stringValue }

    static let frames: [Vector] = load("frames")
    static let canonical: [Vector] = frames.filter { $0.isCanonical }
    static let noncanonical: [Vector] = frames.filter { !$0.isCanonical }
    static let requests: [Vector] = frames.filter { $0.text("kind") == "request" }
    static let malformed: [Vector] = load("malformed")
    static let jsonFrames: [Vector] = load("json-frames")

    /// A file that cannot be read gives no vectors; the tests that count them fail then.
    private static func load(_ name: String) -> [Vector] {
        (try? JSONLines.read("Tests/Corpus/vectors/\(name).jsonl").map { try Vector($0) }) ?? []
    }
}

/// A file with one JSON document a line.
enum JSONLines {
    static func read(_ path: String) throws -> [JSONValue] {
        try Repository.bytes(path).split(separator: UInt8(ascii: "\n")).map {
            try JSONReader.parse(Array($0))
        }
    }
}

extension FrameCodec {
    /// One complete buffer, with the default limit.
    static func decode(_ frame: [UInt8], limit: Int = Dialect.defaultMaximumFrameSize) throws(FrameError)
        -> ProtocolFrame
    {
        let result = frame.withUnsafeBytes { bytes in
            Result { () throws(FrameError) in try decode(buffer: bytes, limit: limit) }
        }
        return try result.get()
    }

    static func decode(payload: [UInt8]) throws(FrameError) -> ProtocolFrame {
        let result = payload.withUnsafeBytes { bytes in
            Result { () throws(FrameError) in try decode(payload: bytes) }
        }
        return try result.get()
    }

    static func encode(_ frame: ProtocolFrame) throws(FrameError) -> [UInt8] {
        try encode(frame, limit: Dialect.defaultMaximumFrameSize)
    }
}

extension InboundFrame {
    static func decode(payload: [UInt8]) throws(FrameError) -> InboundFrame {
        let result = payload.withUnsafeBytes { bytes in
            Result { () throws(FrameError) in try decode(bytes) }
        }
        return try result.get()
    }
}

extension JSONFrameCodec {
    static func decode(text: String) throws(FrameError) -> ProtocolFrame {
        let result = Array(text.utf8).withUnsafeBytes { bytes in
            Result { () throws(FrameError) in try decode(bytes) }
        }
        return try result.get()
    }
}
