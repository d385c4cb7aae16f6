// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare
internal import CAgentOSShims

/// The protocol that this library speaks: the seam behind which another one would be data.
package enum Dialect {
    package static let name: String = "agent-os-sidecar"
    package static let version: UInt16 = 1
    package static let bridgeVersion: UInt32 = 1
    /// Bytes of a frame's payload before the sidecar has told its own limit.
    package static let defaultMaximumFrameSize: Int = 1_048_576
    package static let schema: ProtocolSchema = ProtocolSchema(name: name, version: version)

    /// The schema as it stands in every frame: the length of its name, the name, the version.
    private static let encoded: StaticString = "\u{10}agent-os-sidecar\u{1}\0"
    package static let encodedSize: Int = 19

    /// Whether a payload has our schema behind a tag of one byte.
    static func begins(_ payload: UnsafeRawBufferPointer) -> Bool {
        guard payload.count > encodedSize, let base = payload.baseAddress else { return false }
        return aos_shim_same_bytes(base + 1, encoded.utf8Start, encodedSize) != 0
    }

    static func write(to writer: inout BareWriter) {
        writer.bytes.append(contentsOf: UnsafeBufferPointer(start: encoded.utf8Start, count: encodedSize))
    }

    /// Looks at a payload's first bytes, `tag, name, version`, before anything else is read, so that a
    /// sidecar of another dialect is called that and not a garbled frame (architecture decision 7).
    package static func check(_ payload: UnsafeRawBufferPointer) throws(FrameError) {
        if begins(payload), payload.first.map({ $0 < 0x80 }) == true { return }
        guard let found = peek(payload) else { return }
        if found.version != version || !found.name.hasSameBytes(as: name) {
            throw .unsupportedSchema(name: found.name, version: found.version)
        }
    }

    /// Schema name and version if the bytes look like a frame of this family; garbage does not.
    private static func peek(_ payload: UnsafeRawBufferPointer) -> (name: String, version: UInt16)? {
        var reader = BareReader(payload)
        guard (try? reader.uint()) != nil, let name = try? reader.str(), let version = try? reader.u16()
        else { return nil }
        let isName =
            !name.isEmpty && name.utf8.count <= 64
            && name.utf8.allSatisfy {
                $0 == 0x2D || $0 == 0x2E || $0 == 0x5F || (0x30...0x39).contains($0)
                    || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
            }
        return isName ? (name, version) : nil
    }
}

extension JSONText {
    /// What the reference's JSON reader takes for `client_capabilities` when they are left out.
    static let defaultClientCapabilities: JSONText = JSONText(
        .members([
            "fs": .members(["readTextFile": .bool(true), "writeTextFile": .bool(true)]),
            "terminal": .bool(true),
        ])
    )
}
