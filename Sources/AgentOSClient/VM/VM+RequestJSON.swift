// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// The escape hatch: requests of the protocol in their JSON form, through our own functions where there is one.
///
/// Only what is served here is decoded: readers of the JSON form of every request would be a part of the library
/// that nobody uses.
extension VM {
    private static let ownFunctions: KeyValuePairs<String, String> = [
        "authenticate": "aos_sidecar_connect", "open_session": "aos_vm_create", "create_vm": "aos_vm_create",
        "configure_vm": "aos_vm_configure", "dispose_vm": "aos_vm_shutdown",
        "execute": "aos_process_exec or aos_process_spawn", "write_stdin": "aos_process_write_stdin",
        "close_stdin": "aos_process_close_stdin", "vm_fetch": "aos_net_fetch",
        "bootstrap_root_filesystem": "aos_vm_bootstrap", "snapshot_root_filesystem": "aos_vm_snapshot",
        "create_layer": "aos_layer_create", "seal_layer": "aos_layer_seal",
        "import_snapshot": "aos_layer_import", "export_snapshot": "aos_layer_export",
        "create_overlay": "aos_layer_overlay",
    ]

    /// The response's payload as JSON.
    package func requestJSON(_ document: String) throws(ClientError) -> Steps<String> {
        try check()
        let value: JSONValue
        do { value = try JSONReader.parse(document) } catch {
            throw .invalid("request_json: invalid JSON: \(error.text)")
        }
        guard case .object(let members) = value else {
            throw .invalid("request_json: expected an object for RequestPayload, found \(value.typeName)")
        }
        var names: Set<ByteKey> = []
        for member in members where !names.insert(ByteKey(member.name)).inserted {
            throw .invalid("request_json: \(member.name): given twice")
        }
        guard let member = value["type"] else {
            throw .invalid("request_json: missing field `type` of RequestPayload")
        }
        guard let type = member.stringValue else {
            throw .invalid("request_json: type: expected a string, found \(member.typeName)")
        }
        if let function = Self.ownFunctions.first(where: { $0.key.hasSameBytes(as: type) })?.value {
            throw Self.unsupported(type, "\(type) is what \(function) is for")
        }
        switch type {
        case "guest_filesystem_call":
            return try fileCall(try Self.read(value, GuestFilesystemCallRequest.init(json:), \.json))
        case "kill_process":
            let call = try Self.read(value, KillProcessRequest.init(json:), \.json)
            return killRequest(call.processId, try GuestSignal(call.signal)).map {
                Self.text(.processKilled(ProcessKilledResponse(processId: call.processId)))
            }
        case "get_process_snapshot":
            return raw(
                .getProcessSnapshot(try Self.read(value, GetProcessSnapshotRequest.init(json:), \.json))
            )
        case "get_signal_state":
            return raw(.getSignalState(try Self.read(value, GetSignalStateRequest.init(json:), \.json)))
        case "get_zombie_timer_count":
            return raw(
                .getZombieTimerCount(try Self.read(value, GetZombieTimerCountRequest.init(json:), \.json))
            )
        case "find_listener":
            return raw(.findListener(try Self.read(value, FindListenerRequest.init(json:), \.json)))
        case "find_bound_udp":
            return raw(.findBoundUdp(try Self.read(value, FindBoundUdpRequest.init(json:), \.json)))
        default:
            guard RequestLimits.types.contains(type) else {
                throw .invalid("request_json: type: unknown RequestPayload variant: \(type)")
            }
            throw Self.unsupported(type, "\(type) is not offered in this version")
        }
    }

    private static func unsupported(_ type: String, _ text: String) -> ClientError {
        ClientError(.unsupported, "request_json: \(text)") { $0.request = type }
    }

    /// A request's members, all of which must be its own.
    private static func read<Request>(
        _ value: JSONValue,
        _ make: (JSONValue) throws(JSONFormError) -> Request,
        _ json: (Request) -> JSONValue
    ) throws(ClientError) -> Request {
        let request: Request
        do throws(JSONFormError) { request = try make(value) } catch {
            throw .invalid("request_json: \(error.text)")
        }
        guard case .object(let members) = value else { return request }
        let own = JSONValue.object(members.filter { $0.name != "type" })
        if let name = own.memberMissing(from: json(request)) {
            throw .invalid(
                "request_json: unknown member \(name) of \(value["type"]?.stringValue ?? "the request")"
            )
        }
        return request
    }

    private func raw(_ payload: RequestPayload) -> Steps<String> {
        request(payload) { body in
            if case .payload(let response) = body { return Self.text(response) }
            return nil
        }
    }

    private static func text(_ response: ResponsePayload) -> String { JSONWriter.text(response.json) }

    /// Through the operation that is guarded.
    private func fileCall(_ call: GuestFilesystemCallRequest) throws(ClientError) -> Steps<String> {
        switch call.operation {
        case .readFile:
            return readFile(call.path).map { Self.text(.guestFilesystemResult(Self.content($0, call))) }
        case .writeFile:
            return writeFile(call.path, try Self.bytes(call)).map {
                Self.text(.guestFilesystemResult(Self.plain(call)))
            }
        case .exists:
            return exists(call.path).map { exists in
                var response = Self.plain(call)
                response.exists = exists
                return Self.text(.guestFilesystemResult(response))
            }
        case .stat, .lstat:
            let steps = call.operation == .stat ? guardedStat(call.path) : guardedLstat(call.path)
            return steps.map { stat in
                var response = Self.plain(call)
                response.stat = stat
                return Self.text(.guestFilesystemResult(response))
            }
        case .readDir:
            return guardedReadDir(call.path).map { names in
                var response = Self.plain(call)
                response.entries = names
                return Self.text(.guestFilesystemResult(response))
            }
        case .createDir, .mkdir:
            let recursive = call.operation == .mkdir && call.recursive
            return makeDirectory(call.path, recursive: recursive).map {
                Self.text(.guestFilesystemResult(Self.plain(call)))
            }
        case .removeFile, .removeDir:
            let wantsDirectory = call.operation == .removeDir
            return removeOne(call.path, directory: wantsDirectory).map {
                Self.text(.guestFilesystemResult(Self.plain(call)))
            }
        case .realpath, .readLink:
            let target = call.operation == .realpath ? realPath(call.path) : readLink(call.path)
            return target.map { target in Self.answer(call, target: target) }
        case .rename:
            let to = try Self.required(call.destinationPath, "destination_path", call)
            return rename(call.path, to: to).map { Self.answer(call, target: to) }
        case .link:
            let to = try Self.required(call.destinationPath, "destination_path", call)
            return link(call.path, to: to).map { Self.answer(call, target: to) }
        case .symlink:
            let text = try Self.required(call.target, "target", call)
            return symlink(text, at: call.path).map { Self.answer(call, target: text) }
        case .chmod, .chown, .utimes, .truncate:
            return try attributes(call).map { Self.answer(call) }
        }
    }

    private func attributes(_ call: GuestFilesystemCallRequest) throws(ClientError) -> Steps<Void> {
        switch call.operation {
        case .chmod: return changeMode(call.path, try Self.required(call.mode, "mode", call))
        case .chown:
            let uid = try Self.required(call.uid, "uid", call)
            return changeOwner(call.path, uid: uid, gid: try Self.required(call.gid, "gid", call))
        case .utimes:
            let accessed = try Self.required(call.atimeMs, "atime_ms", call)
            let modified = try Self.required(call.mtimeMs, "mtime_ms", call)
            return changeTimes(call.path, accessed: accessed, modified: modified)
        default: return truncate(call.path, to: try Self.required(call.len, "len", call))
        }
    }

    private static func required<Value>(
        _ value: Value?,
        _ name: String,
        _ call: GuestFilesystemCallRequest
    ) throws(ClientError) -> Value {
        guard let value else {
            throw .invalid("request_json: guest filesystem \(call.operation.jsonName) requires \(name)")
        }
        return value
    }

    private static func answer(_ call: GuestFilesystemCallRequest, target: String? = nil) -> String {
        var response = plain(call)
        response.target = target
        return text(.guestFilesystemResult(response))
    }

    private static func plain(_ call: GuestFilesystemCallRequest) -> GuestFilesystemResultResponse {
        GuestFilesystemResultResponse(operation: call.operation, path: call.path)
    }

    private static func content(_ block: ByteBlock, _ call: GuestFilesystemCallRequest)
        -> GuestFilesystemResultResponse
    {
        let encoded = EncodedContent(block.bytes)
        var response = plain(call)
        response.content = String(decoding: encoded.text, as: UTF8.self)
        response.encoding = encoded.isBase64 ? .base64 : .utf8
        return response
    }

    private static func bytes(_ call: GuestFilesystemCallRequest) throws(ClientError) -> FileBytes {
        guard let content = call.content else {
            throw .invalid("guest filesystem write_file for \(call.path) requires content")
        }
        guard call.encoding == .base64 else {
            return Array(content.utf8).withUnsafeBytes { FileBytes($0) }
        }
        guard let decoded = EncodedContent.decodeBase64(content) else {
            throw .invalid("invalid base64 guest filesystem content for \(call.path)")
        }
        return decoded.withUnsafeBytes { FileBytes($0) }
    }
}
