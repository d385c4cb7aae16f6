// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// The escape hatch: any request of the protocol in its JSON form, through our own functions where there is
/// one.
extension VM {
    private static let ownFunctions: KeyValuePairs<String, String> = [
        "authenticate": "aos_sidecar_connect", "open_session": "aos_vm_create", "create_vm": "aos_vm_create",
        "configure_vm": "aos_vm_configure", "dispose_vm": "aos_vm_shutdown",
        "execute": "aos_process_exec or aos_process_spawn", "write_stdin": "aos_process_write_stdin",
        "close_stdin": "aos_process_close_stdin",
    ]

    /// The response's payload as JSON.
    package func requestJSON(_ document: String) throws(ClientError) -> Steps<String> {
        try check()
        let value: JSONValue
        do { value = try JSONReader.parse(document) } catch {
            throw .invalid("request_json: invalid JSON: \(error.text)")
        }
        let payload: RequestPayload
        do { payload = try RequestPayload(json: value) } catch {
            throw .invalid("request_json: \(error.text)")
        }
        if let name = value.memberMissing(from: payload.json) {
            throw .invalid("request_json: unknown member \(name) of \(payload.typeName)")
        }
        if let function = Self.ownFunctions.first(where: { $0.key == payload.typeName })?.value {
            throw ClientError(.unsupported, "request_json: \(payload.typeName) is what \(function) is for") {
                $0.request = payload.typeName
            }
        }
        switch payload {
        case .guestFilesystemCall(let call): return try fileCall(call)
        case .killProcess(let call):
            let signal = try GuestSignal(call.signal)
            return killRequest(call.processId, signal).map {
                Self.text(.processKilled(ProcessKilledResponse(processId: call.processId)))
            }
        case .getProcessSnapshot, .getSignalState, .getZombieTimerCount, .findListener, .findBoundUdp:
            return raw(payload)
        default:
            throw ClientError(
                .unsupported,
                "request_json: \(payload.typeName) is not offered in this version"
            ) {
                $0.request = payload.typeName
            }
        }
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
        case .stat:
            return guardedStat(call.path).map { stat in
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
            let path = try GuestPath(call.path)
            let target =
                call.operation == .realpath
                ? resolve(path) : refresh.then { [self] in readLinkRequest(path.text) }
            return target.map { target in
                var response = Self.plain(call)
                response.target = target
                return Self.text(.guestFilesystemResult(response))
            }
        default:
            throw ClientError(
                .unsupported,
                "request_json: the file operation \(call.operation.jsonName) is not offered in this version"
            )
        }
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
