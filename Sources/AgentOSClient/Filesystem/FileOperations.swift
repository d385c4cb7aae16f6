// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSWire

/// Files of a VM, as callers have them: local guards, then the questions of `PathGuard`, then the request.
extension VM {
    private static let frameReserve = 1024

    var guardsFiles: Bool { sidecar.options.fileGuards }

    /// A path that is sent as it is: what can be checked without a question is checked all the same.
    func unresolved(_ path: GuestPath) throws(ClientError) -> String {
        try checkMount(path.text)
        return path.text
    }

    /// All bytes of a file.
    package func readFile(_ path: String) -> Steps<ByteBlock> {
        inTurn(.beside, "readFile", path: path) { [self, given = path] () throws(ClientError) in
            let path = try GuestPath(path)
            guard guardsFiles else { return readFileRequest(try unresolved(path), given: given) }
            return resolve(path).then { [self] real throws(ClientError) in
                if let size = knownSize(real) {
                    try checkReadable(size, path)
                    return readFileRequest(real, given: given)
                }
                return statRequest(real).then { [self] stat throws(ClientError) in
                    try Self.checkType(stat, real, "read")
                    if !stat.isDirectory { try checkReadable(stat.size, path) }
                    return readFileRequest(real, given: given)
                }
            }
        }
    }

    /// The size of a file where it can be told without asking. A read-only root is not scanned, and mounts have
    /// their content elsewhere.
    private func knownSize(_ path: String) -> UInt64? {
        configuration.isReadOnly || mount(of: path) != nil ? nil : shadow.size(of: path)
    }

    /// An answer above the frame limit would end the sidecar (hazard H1), and its size in the worst case is
    /// that of base64.
    func checkReadable(_ size: UInt64, _ path: GuestPath) throws(ClientError) {
        let limit = readableSize(pathLength: path.text.utf8.count)
        guard size > UInt64(limit) else { return }
        throw ClientError(
            .tooLarge,
            "EFBIG: file of \(size) bytes does not fit one frame (limit \(limit)), read '\(path.given)'"
        ) { detail in
            detail.errno = "EFBIG"
            (detail.size, detail.limit) = (Int(clamping: size), limit)
        }
    }

    /// What a frame has for the content of a file.
    private func contentBudget(pathLength: Int) -> Int {
        connection.maximumFrameSize - Self.frameReserve - pathLength
    }

    private func readableSize(pathLength: Int) -> Int {
        max(contentBudget(pathLength: pathLength) / 4 * 3, 0)
    }

    /// Creates or replaces a file. `content` was encoded at the call.
    package func writeFile(_ path: String, _ content: FileBytes) -> Steps<Void> {
        // What a read could not take any more must not come between its question and itself.
        let always = readableSize(pathLength: GuestPath.maximumLength)
        let turn: TurnQueue.Turn = content.encoded.byteCount <= always ? .beside : .alone
        return inTurn(turn, "writeFile", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(writable: path)
            if path.hasTrailingSlash {
                throw ClientError.guest("EISDIR", "illegal operation on a directory, open '\(path.given)'")
            }
            try checkWritable(content.encoded, path)
            guard guardsFiles else { return writeFileRequest(try unresolved(path), content.encoded) }
            let write = resolveForWriting(path).then { [self] real in
                refuseSpecialFile(real, "write").then { [self] in writeFileRequest(real, content.encoded) }
            }
            guard record.hasProcesses else { return write }
            return write.recover { [self] error throws(ClientError) in
                // A program that runs has changed what the guest's kernel still thinks is there.
                guard error.detail.code != nil else { throw error }
                return refresh.then { write }
            }
        }
    }

    /// Refuses at once what cannot fit in any form, before it is copied or encoded.
    package func checkSize(_ count: Int, path: String) throws(ClientError) {
        let limit = contentBudget(pathLength: path.utf8.count)
        guard count > limit else { return }
        throw ClientError(
            .tooLarge,
            "EFBIG: \(count) bytes do not fit one frame (limit \(limit)), write '\(path)'"
        ) {
            detail in
            detail.errno = "EFBIG"
            (detail.operation, detail.path, detail.size, detail.limit) = ("writeFile", path, count, limit)
        }
    }

    func checkWritable(_ content: EncodedContent, _ path: GuestPath) throws(ClientError) {
        let budget = contentBudget(pathLength: path.text.utf8.count)
        guard content.accountedSize > budget else { return }
        // The text has the limit of the frame (filesystem.md 3.2). How many bytes of this sort fit is less: base64 takes
        // four for three, and some of a text more than one.
        let limit = content.isBase64 ? budget / 4 * 3 : budget * content.byteCount / content.accountedSize
        throw ClientError(
            .tooLarge,
            "EFBIG: \(content.byteCount) bytes do not fit one frame (limit \(budget)), write '\(path.given)'"
        ) { detail in
            detail.errno = "EFBIG"
            (detail.size, detail.limit) = (content.byteCount, limit)
        }
    }

    /// What a path leads to, links followed, as JSON.
    package func statJSON(_ path: String) -> Steps<String> {
        guardedStat(path).map { JSONWriter.text($0.publicJSON) }
    }

    func guardedStat(_ path: String) -> Steps<GuestFilesystemStat> {
        inTurn(.beside, "stat", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            guard guardsFiles else { return statRequest(try unresolved(path)) }
            return resolve(path).then { [self] real in statRequest(real) }
        }
    }

    /// Whether something is there; a link to nothing is something.
    package func exists(_ path: String) -> Steps<Bool> {
        inTurn(.beside, "exists", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            guard guardsFiles else { return existsRequest(try unresolved(path)) }
            return resolve(path).map { _ in true }.recover { [self] error throws(ClientError) in
                switch error.detail.errno {
                case "ENOENT", "ENOTDIR":
                    return readLinkRequest(path.text).map { _ in true }.recover { error throws(ClientError) in
                        guard error.detail.errno != nil else { throw error }
                        return .done(false)
                    }
                // What may not be seen, or made to be seen, is not there (hazard H14).
                case "EACCES", "EROFS": return .done(false)
                default: throw error
                }
            }
        }
    }

    /// The names in a directory, as a JSON array in the sidecar's order.
    package func readDirJSON(_ path: String) -> Steps<String> {
        guardedReadDir(path).map { names in JSONWriter.text(.array(names.map { .string($0) })) }
    }

    func guardedReadDir(_ path: String) -> Steps<[String]> {
        inTurn(.beside, "readdir", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(path)
            guard guardsFiles else { return readDirRequest(try unresolved(path)) }
            // Listed through a link, what only a lower layer has would be left out.
            return resolve(path).then { [self] real in readDirRequest(real) }
        }
    }

    /// Makes a directory. `recursive`: also its parents, and one that exists is success.
    package func makeDirectory(_ path: String, recursive: Bool) -> Steps<Void> {
        inTurn(.beside, "mkdir", path: path) { [self] () throws(ClientError) in
            let path = try GuestPath(writable: path, asksForProc: !recursive)
            if recursive, path.isRoot { return .done(()) }
            guard recursive else {
                guard guardsFiles else { return createDirRequest(try unresolved(path)) }
                return resolveParent(path, makingIt: true).then { [self] real throws(ClientError) in
                    if mount(of: real)?.path.hasSameBytes(as: real) == true {
                        throw ClientError.guest("EEXIST", "file exists, mkdir '\(real)'", kind: .kernel)
                    }
                    return refuseDevice(real).then { [self] in createDirRequest(real) }
                }
            }
            guard guardsFiles else { return makeTree(try unresolved(path)) }
            let fresh = refresh(beforeMaking: .directory, at: path.text)
            return resolve(path, behind: fresh).then { [self] real throws(ClientError) in
                try checkChange(real)
                return refuseDevice(real).then { [self] in makeTree(real) }
            }.recover { [self] error throws(ClientError) in
                guard error.detail.errno == "ENOENT", error.detail.code != nil else { throw error }
                return resolveForWriting(path, making: .directory).then { [self] real in
                    refuseDevice(real).then { [self] in makeTree(real) }
                }
            }
        }
    }

    /// A directory in the place of a device file ends the sidecar once that file was written.
    ///
    /// `realpath` tells what is there: a device has no link to read, and its `lstat` may be another's.
    func refuseDevice(_ path: String) -> Steps<Void> {
        guard path.lies(below: "/dev") else { return .done(()) }
        let refusal = ClientError.guest("EEXIST", "file exists: \(path)", kind: .kernel)
        return realPathRequest(path).map { _ in true }.recover { error throws(ClientError) in
            guard error.detail.errno == "ENOENT" else { throw error }
            return .done(false)
        }.then { [self] exists in
            guard exists else { return .done(()) }
            return readDirRequest(path).map { _ in }.recover { error throws(ClientError) in
                // Anything else, such as a lost sidecar, says nothing about what is there.
                throw ["ENOENT", "ENOTDIR"].contains(error.detail.errno) ? refusal : error
            }
        }
    }

    private func makeTree(_ path: String) -> Steps<Void> {
        mkdirRequest(path).recover { [self] error throws(ClientError) in
            switch error.detail.errno {
            case "EEXIST":
                return statRequest(path).map { stat throws(ClientError) in
                    if !stat.isDirectory { throw error }
                }
            // Where nothing can be made, a directory that is there already is success all the same.
            case "EROFS":
                return kind(of: path).map { kind throws(ClientError) in
                    if !kind.isDirectory { throw error }
                }
            default: throw error
            }
        }
    }
}

/// File content as it crosses the wire, made once when the caller hands it over.
package struct FileBytes: Sendable {
    static let none = FileBytes(UnsafeRawBufferPointer(start: nil, count: 0))

    let encoded: EncodedContent

    package init(_ bytes: UnsafeRawBufferPointer) { encoded = EncodedContent(bytes) }

    /// What it takes from the budget of a connection.
    package var size: Int { encoded.text.count }
}
