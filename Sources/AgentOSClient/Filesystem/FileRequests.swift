// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// Requests on files as the wire has them, one each. Whether one is safe to send is the business of the
/// guards.
extension VM {
    private func call(
        _ operation: GuestFilesystemOperation,
        _ path: String,
        recursive: Bool = false,
        _ edit: (inout GuestFilesystemCallRequest) -> Void = { _ in }
    ) -> Steps<GuestFilesystemResultResponse> {
        var request = GuestFilesystemCallRequest(operation: operation, path: path, recursive: recursive)
        edit(&request)
        return self.request(.guestFilesystemCall(request)) { body in
            if case .payload(.guestFilesystemResult(let result)) = body { return result }
            return nil
        }
    }

    func existsRequest(_ path: String) -> Steps<Bool> { call(.exists, path).map { $0.exists ?? false } }

    func statRequest(_ path: String) -> Steps<GuestFilesystemStat> {
        call(.stat, path).map { result throws(ClientError) in
            guard let stat = result.stat else {
                throw ClientError(.sidecar, "stat response missing stat payload")
            }
            return stat
        }
    }

    func readDirRequest(_ path: String) -> Steps<[String]> { call(.readDir, path).map { $0.entries ?? [] } }

    func realPathRequest(_ path: String) -> Steps<String> {
        call(.realpath, path).map { result throws(ClientError) in
            guard let target = result.target else {
                throw ClientError(.sidecar, "realpath response missing target")
            }
            return target
        }
    }

    func readLinkRequest(_ path: String) -> Steps<String> {
        call(.readLink, path).map { result throws(ClientError) in
            guard let target = result.target else {
                throw ClientError(.sidecar, "readlink response missing target")
            }
            return target
        }
    }

    func createDirRequest(_ path: String) -> Steps<Void> { call(.createDir, path).map { _ in } }
    func mkdirRequest(_ path: String) -> Steps<Void> { call(.mkdir, path, recursive: true).map { _ in } }
    func removeFileRequest(_ path: String) -> Steps<Void> { call(.removeFile, path).map { _ in } }
    func removeDirRequest(_ path: String) -> Steps<Void> { call(.removeDir, path).map { _ in } }

    func renameRequest(_ path: String, to destination: String) -> Steps<Void> {
        call(.rename, path) { $0.destinationPath = destination }.map { _ in }
    }

    /// The content lies in a block of its own already, decoded where the frame was read.
    func readFileRequest(_ path: String) -> Steps<FileContent> {
        let request = GuestFilesystemCallRequest(operation: .readFile, path: path, recursive: false)
        return self.request(.guestFilesystemCall(request)) { body in
            switch body {
            case .fileContent(let content): content
            case .payload(.guestFilesystemResult): .absent
            default: nil
            }
        }
    }

    /// Sent in parts: the content is not copied into a frame.
    func writeFileRequest(_ path: String, _ content: EncodedContent) -> Steps<Void> {
        Steps { [self] run, end in
            do throws(ClientError) {
                if let error = run.interruption { throw error }
                try check()
                let frame = FileWriteFrame(path: path, content: content)
                let parts: (head: [UInt8], tail: [UInt8])
                do throws(FrameError) {
                    parts = try frame.parts(ownership: ownership, limit: connection.maximumFrameSize)
                } catch {
                    throw ClientError(.tooLarge, error.text) { $0.errno = "EFBIG" }
                }
                let turn = run.begin()
                let type = "guest_filesystem_call"
                let id = connection.send([parts.head, content.text, parts.tail], type: type, ownership) {
                    result in
                    run.end(turn)
                    end(
                        Connection.decoded(result, type) { body in
                            if case .payload(.guestFilesystemResult) = body { return () }
                            return nil
                        }
                    )
                }
                if let id { run.requestSent(turn, connection, id: id) }
            } catch {
                end(.failure(error))
            }
        }
    }
}
