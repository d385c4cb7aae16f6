// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSWire

/// Files that do not fit one frame (filesystem.md 3.3), by a program in the VM.
extension VM {
    /// Bytes of one part: always fits a frame, and is quick.
    private static let partSize = 700_000
    /// Parts that are joined at once: what they take beside the file itself.
    private static let partsPerJoin = 48

    /// All bytes of a file of any size, at most `limit`.
    package func readLargeFile(_ path: String, limit: Int) -> Steps<ByteBlock> {
        Worker.steps("aos-transfer") { [self] worker throws(ClientError) in
            let given = try GuestPath(path)
            let real = try worker.wait(resolve(given))
            // The program would say so in words of the sidecar's host.
            if try worker.wait(inTurn(.beside, kind(of: real))).isDirectory {
                throw .guest("EISDIR", "illegal operation on a directory, read '\(path)'", kind: .kernel)
            }
            try worker.wait(inTurn(.beside, refuseSpecialFile(real, "read")))
            var stream = try FileStream(self, [real], worker)
            do throws(ClientError) {
                guard let item = try stream.next() else {
                    throw ClientError(.sidecar, "sidecar returned no file content for \(path)")
                }
                switch item {
                case .failure(_, let text): throw Self.guestError(text, path)
                case .directory: throw Self.guestError("EISDIR: illegal operation on a directory, read", path)
                case .file(let header):
                    guard header.size <= UInt64(limit) else {
                        throw Self.tooLarge(header.size, limit, path)
                    }
                    let block = try Self.collect(&stream, Int(header.size))
                    _ = try stream.next()
                    return block
                }
            } catch {
                stream.stop(error)
                throw error
            }
        }.during("readLargeFile", path: path)
    }

    private static func collect(_ stream: inout FileStream, _ size: Int) throws(ClientError) -> ByteBlock {
        let block = try ByteBlock.filled(capacity: size) { (target) throws(ClientError) -> Int in
            var offset = 0
            try stream.content(UInt64(size)) { piece in
                UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: piece)
                offset += piece.count
            }
            return offset
        }
        guard let block else { throw ClientError(.noMemory, "no memory for a file of \(size) bytes") }
        return block
    }

    private static func tooLarge(_ size: UInt64, _ limit: Int, _ path: String) -> ClientError {
        ClientError(
            .tooLarge,
            "EFBIG: file of \(size) bytes is larger than the limit of \(limit), read '\(path)'"
        ) {
            $0.errno = "EFBIG"
            ($0.size, $0.limit) = (Int(clamping: size), limit)
        }
    }

    /// What a guest's own functions say, as an error of the sidecar.
    static func guestError(_ text: String, _ path: String) -> ClientError {
        ClientError(.kernel, text) {
            $0.errno = ErrorNumber.token(of: text)
            $0.path = path
        }
    }

    /// Creates or replaces a file of any size, at once: until it is whole there is what was there before.
    package func writeLargeFile(_ path: String, _ content: ByteBlock, _ meter: ProgressMeter) -> Steps<Void> {
        Worker.steps("aos-transfer") { [self] worker throws(ClientError) in
            meter.expect(entries: 1, bytes: content.count)
            try writeLarge(path, size: UInt64(content.count), worker, meter) { offset, count in
                Array(content.bytes[Int(offset)..<(Int(offset) + count)])
            }
            meter.add(entries: 1, path: path)
        }.during("writeLargeFile", path: path)
    }

    /// The same from whatever has the bytes: parts are written as files of their own, and joined in the VM.
    func writeLarge(
        _ path: String,
        size: UInt64,
        _ worker: Worker,
        _ meter: ProgressMeter,
        _ bytes: (_ offset: UInt64, _ count: Int) throws(ClientError) -> [UInt8]
    ) throws(ClientError) {
        let given = try GuestPath(writable: path)
        if given.hasTrailingSlash {
            throw .guest("EISDIR", "illegal operation on a directory, open '\(path)'")
        }
        let target = try worker.wait(inTurn(.beside, placeOfLarge(given))).path
        try shadow.checkWrite(target)
        // What the joining program writes there nobody sees: such a root is never looked at again.
        if configuration.isReadOnly, let mount = mount(of: target), mount.plugin != "host_dir" {
            throw .guest(
                "EROFS",
                "a read-only root: below \(mount.path) only files of one frame can be written, open '\(path)'"
            )
        }
        // The parts would stay.
        try worker.wait(inTurn(.beside, checkMayRemove(beside: target)))
        let folder = GuestPath.join(GuestPath.split(target).parent, TemporaryName.next("parts"))
        let whole = GuestPath.join(folder, "whole")
        do throws(ClientError) {
            let make = mkdirRequest(folder).recover { error throws(ClientError) in
                guard error.detail.errno == "EROFS" else { throw error }
                throw ClientError.guest("EROFS", "read-only filesystem, open '\(path)'", kind: .kernel)
            }
            try worker.wait(inTurn(.beside, make))
            var offset: UInt64 = 0
            repeat {
                let count = try writeParts(folder, from: offset, of: size, worker, meter, bytes)
                offset = try join(folder, count, whole, offset, worker)
            } while offset < size
            // What stands there now may not be what stood there at the beginning.
            let rename = placeOfLarge(given).then { [self] place in
                keepAttributes(of: place.path, place.kind, for: whole).then { [self] in
                    renamed(
                        Renaming(
                            source: whole,
                            destination: place.path,
                            kind: .file,
                            replaced: place.kind,
                            isNothing: false
                        )
                    )
                }
            }
            try worker.wait(inTurn(.alone, rename))
            try worker.wait(inTurn(.alone, removeDirRequest(folder)))
        } catch {
            // What was begun is of no use to anybody.
            _ = try? worker.waitShielded(
                remove(folder, recursive: true).recover { [self] _ in removeDirRequest(folder) }
            )
            throw error
        }
    }

    private func placeOfLarge(_ path: GuestPath) -> Steps<(path: String, kind: Kind)> {
        resolveForWriting(path).then { [self] target in
            kind(of: target).map { kind throws(ClientError) in
                if kind.isDirectory {
                    throw ClientError.guest(
                        "EISDIR",
                        "illegal operation on a directory, open '\(path.given)'",
                        kind: .kernel
                    )
                }
                return (target, kind)
            }
        }
    }

    /// Who writes a file anew does not expect others to read it who could not before.
    private func keepAttributes(of path: String, _ kind: Kind, for whole: String) -> Steps<Void> {
        guard case .file = kind else { return .done(()) }
        return lstatRequest(path).then { [self] old in
            lstatRequest(whole).then { [self] new in
                let isOwned = (old.uid, old.gid) == (new.uid, new.gid)
                let mode = takable(old.mode & 0o7777, isDirectory: false)
                let own: Steps<Void> = isOwned ? .done(()) : chownRequest(whole, uid: old.uid, gid: old.gid)
                // Behind the owner: a new one may take bits away.
                return own.then { [self] in
                    isOwned && mode == new.mode & 0o7777 ? .done(()) : chmodRequest(whole, mode)
                }
            }
        }
    }

    /// A part of its own name: should its folder be gone, it is not made anew.
    private func writePart(_ folder: String, _ number: Int, _ content: EncodedContent) -> Steps<Void> {
        inTurn(
            .beside,
            readDirRequest(folder).then { [self] _ in
                writeFileRequest(GuestPath.join(folder, String(number)), content)
            }
        )
    }

    /// How many parts were written, several at a time.
    private func writeParts(
        _ folder: String,
        from start: UInt64,
        of size: UInt64,
        _ worker: Worker,
        _ meter: ProgressMeter,
        _ bytes: (_ offset: UInt64, _ count: Int) throws(ClientError) -> [UInt8]
    ) throws(ClientError) -> Int {
        var waits: [WorkerWait<Void>] = []
        var offset = start
        var count = 0
        while offset < size, count < Self.partsPerJoin {
            let part = try bytes(offset, Int(min(UInt64(Self.partSize), size - offset)))
            guard !part.isEmpty else { throw .invalid("the content became shorter while it was sent") }
            let encoded = part.withUnsafeBytes { FileBytes($0).encoded }
            waits.append(worker.begin(writePart(folder, count, encoded)))
            if waits.count >= 4 { try waits.removeFirst().value() }
            meter.add(bytes: part.count)
            offset += UInt64(part.count)
            count += 1
        }
        for wait in waits { try wait.value() }
        return count
    }

    /// The size of the target behind it.
    private func join(
        _ folder: String,
        _ count: Int,
        _ target: String,
        _ offset: UInt64,
        _ worker: Worker
    ) throws(ClientError) -> UInt64 {
        let stream = try GuestStream.start(
            self,
            [GuestPrograms.joiner, target, folder, String(count), String(offset)],
            worker
        )
        var text: [UInt8] = []
        while let chunk = stream.next() { text += chunk.bytes }
        try stream.checkEnd("joining the parts of a large file")
        try worker.check()
        guard let size = UInt64(String(decoding: text, as: UTF8.self)), size > offset || count == 0 else {
            throw ClientError(.sidecar, "joining the parts of a large file gave no size")
        }
        for part in 0..<count {
            try worker.wait(inTurn(.alone, removeFileRequest(GuestPath.join(folder, String(part)))))
        }
        return size
    }
}
