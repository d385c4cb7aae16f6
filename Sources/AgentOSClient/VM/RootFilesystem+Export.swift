// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Exports of a root filesystem or a layer, the form that callers keep (filesystem.md 9.1).
extension RootFilesystem {
    static func exportJSON(_ entries: [RootFilesystemEntry]) throws(ClientError) -> String {
        var list: [JSONValue] = []
        for entry in entries { list.append(try export(entry)) }
        return JSONWriter.text(
            .members([
                "kind": .string(exportKind),
                "source": .members([
                    "format": .string(exportFormat),
                    "filesystem": .members(["entries": .array(list)]),
                ]),
            ])
        )
    }

    private static func export(_ entry: RootFilesystemEntry) throws(ClientError) -> JSONValue {
        let fallback: UInt32 =
            switch entry.kind {
            case .directory: 0o755
            case .symlink: 0o777
            case .file: 0o644
            }
        let mode = "0" + String((entry.mode ?? fallback) & 0o7777, radix: 8)
        var members: [JSONMember] = [
            JSONMember("path", .string(entry.path)), JSONMember("type", .string(entry.kind.jsonName)),
            JSONMember("mode", .string(mode)), JSONMember("uid", .number(entry.uid ?? 0)),
            JSONMember("gid", .number(entry.gid ?? 0)),
        ]
        switch entry.kind {
        case .file:
            members.append(JSONMember("content", .string(entry.content ?? "")))
            members.append(JSONMember("encoding", .string((entry.encoding ?? .utf8).jsonName)))
        case .symlink:
            guard let target = entry.target else {
                throw ClientError(
                    .sidecar,
                    "sidecar root snapshot for \(entry.path) is missing a symlink target"
                )
            }
            members.append(JSONMember("target", .string(target)))
        case .directory: break
        }
        return .object(members)
    }

    /// The entries of an export that a caller gives, checked.
    static func entries(export document: String) throws(ClientError) -> [RootFilesystemEntry] {
        let value: JSONValue
        do { value = try JSONReader.parse(document) } catch {
            throw .invalid("export_json: invalid JSON: \(error.text)")
        }
        guard value["kind"]?.stringValue == exportKind,
            value["source"]?["format"]?.stringValue == exportFormat
        else { throw .invalid("export_json: Invalid snapshot export") }
        guard case .entries(let entries) = try layer(value, "export_json") else {
            throw .invalid("export_json: Invalid snapshot export")
        }
        return entries
    }
}
