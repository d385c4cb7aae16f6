// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// What stands below a directory of the host, parents before what is in them.
struct HostTree {
    struct Entry {
        /// Below the root; empty for the root itself.
        let path: String
        let kind: HostDirectory.Entry.Kind
        let size: UInt64
        let mode: UInt32
        let modified: UInt64
        /// Of a link.
        let text: String?
    }

    private(set) var entries: [Entry] = []
    /// What is neither file, directory nor link.
    private(set) var skipped: [String] = []

    /// A directory under way, with those in it that are still to be entered: of a wide tree few are open at once.
    private struct Folder {
        let path: String
        let handle: HostDirectory
        var rest: [String]
    }

    /// Goes through a directory; links are not entered. Nothing is sent for a tree that the VM could not take.
    init(_ root: String, exclude: Set<ByteKey>, _ worker: Worker) throws(ClientError) {
        var folders = [try read("", try Self.open(root), root, exclude)]
        while var folder = folders.popLast() {
            try worker.check()
            guard let name = folder.rest.popLast() else { continue }
            folders.append(folder)
            let path = Self.join(folder.path, name)
            folders.append(
                try read(path, try Self.enter(folder.handle, name, "\(root)/\(path)"), root, exclude)
            )
        }
    }

    private mutating func read(
        _ path: String,
        _ handle: HostDirectory,
        _ root: String,
        _ exclude: Set<ByteKey>
    ) throws(ClientError) -> Folder {
        var folder = Folder(path: path, handle: handle, rest: [])
        for entry in try Self.list(handle, "\(root)/\(path)") where !exclude.contains(ByteKey(entry.name)) {
            let place = Self.join(path, entry.name)
            do throws(ClientError) { _ = try GuestPath(writable: "/" + place) } catch {
                let shown = "\(root)/\(place)"
                throw ClientError(error.kind, "\(error.message), host path \(String(reflecting: shown))") {
                    $0 = error.detail
                    $0.path = shown
                }
            }
            guard entry.kind != .other else {
                skipped.append(place)
                continue
            }
            var text: String?
            if entry.kind == .link { text = try Self.text(handle, entry.name, "\(root)/\(place)") }
            entries.append(
                Entry(
                    path: place,
                    kind: entry.kind,
                    size: entry.size,
                    mode: entry.mode,
                    modified: entry.modified,
                    text: text
                )
            )
            if entry.kind == .directory { folder.rest.append(entry.name) }
        }
        return folder
    }

    private static func join(_ folder: String, _ name: String) -> String {
        folder.isEmpty ? name : "\(folder)/\(name)"
    }

    var bytes: UInt64 { entries.reduce(0) { $0 + ($1.kind == .file ? $1.size : 0) } }

    static func open(_ path: String) throws(ClientError) -> HostDirectory {
        do throws(SystemError) { return try HostDirectory.open(path) } catch { throw failure(path, error) }
    }

    /// The directory that a path is in, and its name there.
    static func openParent(of path: String) throws(ClientError) -> (HostDirectory, name: String) {
        let (folder, name) = GuestPath.split(path)
        return (try open(path.utf8.contains(UInt8(ascii: "/")) ? folder : "."), name)
    }

    private static func list(_ folder: HostDirectory, _ path: String) throws(ClientError)
        -> [HostDirectory.Entry]
    {
        do throws(SystemError) { return try folder.entries() } catch { throw failure(path, error) }
    }

    private static func text(_ folder: HostDirectory, _ name: String, _ path: String) throws(ClientError)
        -> String
    {
        do throws(SystemError) { return try folder.linkText(name) } catch { throw failure(path, error) }
    }

    private static func enter(_ folder: HostDirectory, _ name: String, _ path: String) throws(ClientError)
        -> HostDirectory
    {
        do throws(SystemError) { return try folder.directory(name) } catch { throw failure(path, error) }
    }

    /// An error of the host's own filesystem.
    static func failure(_ path: String, _ error: SystemError) -> ClientError {
        ClientError(.invalidArgument, "\(error.name): \(error.text), host path '\(path)'") {
            $0.errno = error.name
            $0.path = path
        }
    }
}

/// What a transfer of a tree is to do.
package struct TransferOptions: Sendable {
    var exclude: Set<ByteKey> = []
    /// Permissions and times of files are carried over.
    var attributes: Bool = true

    package init(document: String?) throws(ClientError) {
        let object = try ConfigurationObject(document: document, allowed: ["exclude", "attributes"])
        exclude = Set(try object.strings("exclude")?.map { ByteKey($0) } ?? [])
        attributes = try object.bool("attributes") ?? true
    }
}
