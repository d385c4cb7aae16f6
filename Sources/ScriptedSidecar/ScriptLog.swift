// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import Glibc

/// The file of JSON lines from which a test learns what the peer saw.
struct ScriptLog {
    private static let longestChunk: Int = 4096

    private var fd: Int32 = -1
    private let started: UInt64 = DelayQueue.now

    /// Without a path nothing is written.
    init(path: String?) throws(ScriptError) {
        guard let path, !path.isEmpty else { return }
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw ScriptError("cannot open log \(path): \(ScriptError.text(of: errno))") }
    }

    var isOn: Bool { fd >= 0 }

    /// What each line of one moment in the life of the peer begins with.
    private var milliseconds: JSONValue { .integer(Int64((DelayQueue.now - started) / 1_000_000)) }

    func start(_ surroundings: Surroundings) {
        guard isOn, case .object(let members) = surroundings.json else { return }
        // A peer that was killed in the middle of a line must not swallow this one.
        if lseek(fd, 0, SEEK_END) > 0 {
            _ = withUnsafeBytes(of: UInt8(ascii: "\n")) { RawFile.write($0, to: fd) }
        }
        write(.object([JSONMember("event", .string("start"))] + members))
    }

    func frame(_ frame: ProtocolFrame) {
        guard isOn else { return }
        write(.members(["event": .string("frame"), "ms": milliseconds, "frame": Self.json(of: frame)]))
    }

    func endOfFile(partial: Int) {
        write(.members(["event": .string("eof"), "ms": milliseconds, "partial": .integer(Int64(partial))]))
    }

    func exit(_ code: Int32) {
        write(.members(["event": .string("exit"), "code": .integer(Int64(code))]))
    }

    private func write(_ line: JSONValue) {
        guard isOn else { return }
        let bytes = JSONWriter.bytes(line) + [UInt8(ascii: "\n")]
        _ = bytes.withUnsafeBytes { RawFile.write($0, to: fd) }
    }

    /// A long chunk is told, not shown: a flood of them would take minutes and gigabytes.
    private static func json(of frame: ProtocolFrame) -> JSONValue {
        guard case .request(let inner) = frame, case .writeStdin(let request) = inner.payload,
            request.chunk.count > longestChunk
        else { return frame.json }
        var short = frame
        short.setChunk([])
        let told = JSONValue.members([
            "bytes": .integer(Int64(request.chunk.count)),
            "head": .array(request.chunk.prefix(16).map { .integer(Int64($0)) }),
        ])
        return replacing("payload", in: short.json) { replacing("chunk", in: $0) { _ in told } }
    }

    private static func replacing(
        _ name: String,
        in json: JSONValue,
        with new: (JSONValue) -> JSONValue
    ) -> JSONValue {
        guard case .object(let members) = json else { return json }
        return .object(members.map { $0.name == name ? JSONMember(name, new($0.value)) : $0 })
    }
}
