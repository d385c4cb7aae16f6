// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSWire

/// Many files in one operation, one after the other: a failure of one is its own, and every entry has a result
/// (filesystem.md 6).
extension VM {
    /// Writes files and makes the directories that they need. A JSON array of `{path, success, error?}`.
    package func writeFiles(
        _ files: [(path: String, content: FileBytes)],
        _ meter: ProgressMeter
    ) -> Steps<String> {
        let batch = FileBatch(meter, connection)
        return batch.run(files.map(\.path)) { [self] index in
            let (path, content) = files[index]
            return Steps<Void>.begin { [self] () throws(ClientError) in
                let folder = try GuestPath(writable: path).parent
                let parent: Steps<Void> =
                    folder == "/" || !batch.isNew(folder) ? .done(()) : makeDirectory(folder, recursive: true)
                return parent.then { [self] in
                    batch.made(folder)
                    return writeFile(path, content)
                }
            }.map { _ in content.encoded.byteCount }
        }.map { errors in
            JSONWriter.text(
                .array(
                    zip(files, errors).map { file, error in
                        .members([
                            "path": .string(file.path), "success": .bool(error == nil),
                            "error": error.map { .string($0) },
                        ])
                    }
                )
            )
        }
    }

    /// Reads files. Each content goes to `deliver` as it comes, and is counted in the window; a JSON array of `{path, size}` or `{path,
    /// error}` ends it.
    package func readFiles(
        _ paths: [String],
        _ meter: ProgressMeter,
        window: ByteWindow? = nil,
        deliver: @escaping @Sendable (_ index: Int, _ content: ByteBlock) -> Void
    ) -> Steps<String> {
        let sizes: Lock<[Int: Int]> = Lock([:])
        return FileBatch(meter, connection).run(paths) { [self] index in
            let room: Steps<Void> = window?.wait ?? .done(())
            return room.then { [self] in readFile(paths[index]) }.map { content in
                sizes.withLock { $0[index] = content.count }
                window?.take(content.count)
                deliver(index, content)
                return content.count
            }
        }.map { errors in
            let sizes = sizes.withLock { $0 }
            return JSONWriter.text(
                .array(
                    paths.indices.map { index in
                        .members([
                            "path": .string(paths[index]),
                            "size": sizes[index].map { .integer(Int64($0)) },
                            "error": errors[index].map { .string($0) },
                        ])
                    }
                )
            )
        }
    }
}

/// The state of one batch.
private final class FileBatch: Sendable {
    private let meter: ProgressMeter
    private let connection: Connection
    private let folders: Lock<Set<ByteKey>> = Lock([])

    init(_ meter: ProgressMeter, _ connection: Connection) {
        (self.meter, self.connection) = (meter, connection)
    }

    /// Whether a directory was not made in this batch yet.
    func isNew(_ folder: String) -> Bool { folders.withLock { !$0.contains(ByteKey(folder)) } }
    func made(_ folder: String) { folders.withLock { _ = $0.insert(ByteKey(folder)) } }

    /// Does each piece of work, which gives its bytes, and keeps what went wrong. Of an interrupted batch the
    /// entries that were not begun fail with that; when the sidecar is gone, all that are left with what was said of
    /// the first.
    func run(_ paths: [String], _ work: @escaping @Sendable (Int) -> Steps<Int>) -> Steps<[String?]> {
        let errors: Lock<[String?]> = Lock(Array(repeating: nil, count: paths.count))
        meter.expect(entries: paths.count, bytes: nil)
        return .loop(0) { [meter, connection] index in
            guard index < paths.count else { return .done(.done(errors.withLock { $0 })) }
            return work(index).map { bytes in
                meter.add(entries: 1, bytes: bytes, path: paths[index])
                return index + 1
            }.recover { error in
                let text = error.kind == .cancelled ? "cancelled" : error.batchMessage
                let isLost = error.kind == .sidecar && !connection.isUsable
                errors.withLock { errors in
                    for failed in index..<(isLost ? paths.count : index + 1) { errors[failed] = text }
                }
                return .done(isLost ? paths.count : index + 1)
            }.map { .again($0) }
        }
    }
}
