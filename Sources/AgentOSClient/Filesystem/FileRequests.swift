// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Requests on files as the wire has them, one each. Whether one is safe to send is the business of the
/// guards.
extension VM {
    private func call<Output: Sendable>(
        _ operation: GuestFilesystemOperation,
        _ path: String,
        recursive: Bool = false,
        _ edit: (inout GuestFilesystemCallRequest) -> Void = { _ in },
        result: @escaping @Sendable (GuestFilesystemResultResponse) throws(ClientError) -> Output
    ) -> Steps<Output> {
        var request = GuestFilesystemCallRequest(operation: operation, path: path, recursive: recursive)
        edit(&request)
        return self.request(.guestFilesystemCall(request)) { body throws(ClientError) in
            if case .payload(.guestFilesystemResult(let answer)) = body { return try result(answer) }
            return nil
        }
    }

    func existsRequest(_ path: String) -> Steps<Bool> { call(.exists, path) { $0.exists ?? false } }

    func statRequest(_ path: String) -> Steps<GuestFilesystemStat> { status(.stat, path) }
    /// Of a link itself.
    func lstatRequest(_ path: String) -> Steps<GuestFilesystemStat> { status(.lstat, path) }

    private func status(_ operation: GuestFilesystemOperation, _ path: String) -> Steps<GuestFilesystemStat> {
        Steps.begin { [self] () throws(ClientError) in
            try agreeWithCopy(path)
            return call(operation, path) { result throws(ClientError) in
                guard let stat = result.stat else {
                    throw ClientError(.sidecar, "\(operation.jsonName) response missing stat payload")
                }
                return stat
            }
        }
    }

    func readDirRequest(_ path: String) -> Steps<[String]> { call(.readDir, path) { $0.entries ?? [] } }

    func realPathRequest(_ path: String) -> Steps<String> {
        call(.realpath, path) { result throws(ClientError) in
            guard let target = result.target else {
                throw ClientError(.sidecar, "realpath response missing target")
            }
            return target
        }
    }

    func readLinkRequest(_ path: String) -> Steps<String> {
        call(.readLink, path) { [self] result throws(ClientError) in
            guard let target = result.target else {
                throw ClientError(.sidecar, "readlink response missing target")
            }
            // Of a directory of the host the sidecar gives the place within the mount, not what the link says.
            guard target.beginsWithBytes(of: "/"), let mount = mount(of: path), mount.plugin == "host_dir"
            else {
                return target
            }
            let folder = GuestPath.split(path.behindBytes(of: mount.path)).parent
            return Self.relative(target, from: folder)
        }
    }

    /// A request that makes, removes or renames what stands at these paths. `kind` is what the sidecar's copy must not
    /// contradict.
    private func change(
        _ operation: GuestFilesystemOperation,
        _ path: String,
        _ kind: HostFile.Kind? = nil,
        to destination: String? = nil,
        recursive: Bool = false,
        _ edit: @escaping @Sendable (inout GuestFilesystemCallRequest) -> Void = { _ in }
    ) -> Steps<Void> {
        Steps<Void>.begin { [self] () throws(ClientError) in
            if operation != .link { try shadow.checkEntry(path) }
            try agreeWithCopy(path, kind)
            if let destination {
                try shadow.checkEntry(destination)
                try agreeWithCopy(destination)
            }
            return call(operation, path, recursive: recursive) { request in
                request.destinationPath = destination
                edit(&request)
            } result: { _ in
            }
        }
    }

    func createDirRequest(_ path: String) -> Steps<Void> {
        refuseInPlaceOfLowerFile(path).then { [self] in change(.createDir, path, .directory) }
    }

    func mkdirRequest(_ path: String) -> Steps<Void> {
        refuseInPlaceOfLowerFile(path).then { [self] in change(.mkdir, path, .directory, recursive: true) }
    }

    func removeFileRequest(_ path: String) -> Steps<Void> { change(.removeFile, path) }
    func removeDirRequest(_ path: String) -> Steps<Void> { change(.removeDir, path) }

    func renameRequest(_ path: String, to destination: String) -> Steps<Void> {
        change(.rename, path, to: destination)
    }

    func symlinkRequest(_ path: String, text: String) -> Steps<Void> {
        change(.symlink, path) { $0.target = text }
    }

    func linkRequest(_ existing: String, newPath: String) -> Steps<Void> {
        change(.link, existing, .file, to: newPath)
    }

    /// A request that changes what is there already.
    private func adjust(
        _ operation: GuestFilesystemOperation,
        _ path: String,
        _ kind: HostFile.Kind? = nil,
        _ edit: @escaping @Sendable (inout GuestFilesystemCallRequest) -> Void
    ) -> Steps<Void> {
        Steps<Void>.begin { [self] () throws(ClientError) in
            try agreeWithCopy(path, kind)
            return call(operation, path, edit) { _ in }
        }
    }

    func chmodRequest(_ path: String, _ mode: UInt32) -> Steps<Void> {
        adjust(.chmod, path) { $0.mode = mode }
    }

    func chownRequest(_ path: String, uid: UInt32, gid: UInt32) -> Steps<Void> {
        adjust(.chown, path) { ($0.uid, $0.gid) = (uid, gid) }
    }

    func utimesRequest(_ path: String, accessed: UInt64, modified: UInt64) -> Steps<Void> {
        adjust(.utimes, path) { ($0.atimeMs, $0.mtimeMs) = (accessed, modified) }
    }

    func truncateRequest(_ path: String, _ length: UInt64) -> Steps<Void> {
        Steps<Void>.begin { [self] () throws(ClientError) in
            try shadow.checkWrite(path)
            return adjust(.truncate, path, .file) { $0.len = length }
        }
    }

    /// The content lies in a block of its own already, decoded where the frame was read. `given` is the path as the
    /// caller has it.
    func readFileRequest(_ path: String, given: String) -> Steps<ByteBlock> {
        let request = GuestFilesystemCallRequest(operation: .readFile, path: path, recursive: false)
        return self.request(.guestFilesystemCall(request)) { body throws(ClientError) in
            switch body {
            case .fileContent(.bytes(let block)): return block
            case .fileContent(.absent), .payload(.guestFilesystemResult):
                throw ClientError(.sidecar, "sidecar returned no file content for \(given)")
            case .fileContent(.invalidBase64):
                throw ClientError(.sidecar, "decoding base64 file content of \(given): invalid base64")
            default: return nil
            }
        }
    }

    /// Creates or replaces a file.
    func writeFileRequest(_ path: String, _ content: EncodedContent) -> Steps<Void> {
        if isLowerDirectory(path) {
            // Refused by the sidecar it would hide what the directory holds.
            return .fail(.guest("EISDIR", "illegal operation on a directory, open '\(path)'", kind: .kernel))
        }
        return isLowerLink(path) ? writeInPlaceOfLowerLink(path, content) : plainWriteRequest(path, content)
    }

    /// Sent in parts: the content is not copied into a frame.
    func plainWriteRequest(_ path: String, _ content: EncodedContent) -> Steps<Void> {
        Steps { [self] run, end in
            do throws(ClientError) {
                if let error = run.interruption { throw error }
                try check()
                try shadow.checkWrite(path)
                try agreeWithCopy(path, .file)
                let frame = FileWriteFrame(path: path, content: content)
                let parts: (head: [UInt8], tail: [UInt8])
                do throws(FrameError) {
                    parts = try frame.parts(owner, limit: connection.maximumFrameSize)
                } catch {
                    throw ClientError(.tooLarge, error.text) { $0.errno = "EFBIG" }
                }
                let turn = run.begin()
                let type = "guest_filesystem_call"
                let request = PendingRequest(
                    type: type,
                    expected: "guest_filesystem_result",
                    owner: owner,
                    limit: connection.options.limits.limit(of: type)
                ) { result in
                    run.end(turn)
                    end(
                        Connection.decoded(result, type) { body in
                            if case .payload(.guestFilesystemResult) = body { return () }
                            return nil
                        }
                    )
                }
                let id = connection.send(parts.head, [content.text, parts.tail], request)
                if let id { run.requestSent(turn, connection, id: id) }
            } catch {
                end(.failure(error))
            }
        }
    }
}
