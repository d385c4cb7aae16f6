// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// A file or a tree of a VM onto the host.
///
/// Each `read_file` would cost the sidecar a scan of all files, so that reading a tree costs the square of its
/// size: 300 files take minutes. So the client lists, which costs no scan, and one program of the library's own
/// in the VM sends all files as a stream: 20 MB/s.
extension VM {
    /// A JSON object with what was fetched.
    package func download(
        _ guestPath: String,
        to hostPath: String,
        _ options: TransferOptions,
        _ meter: ProgressMeter
    ) -> Steps<String> {
        Worker.steps("aos-transfer") { [self] worker throws(ClientError) in
            var download = try Download(self, guestPath, hostPath, options, meter, worker)
            return try download.run()
        }.during("download", path: guestPath)
    }
}

private struct Download {
    /// Bytes of names in one run of the program: its arguments are bounded.
    private static let namesPerRun = 200_000
    /// Of the kernel: not files.
    private static let pseudo = ["/dev", "/proc", "/sys"]

    private let vm: VM
    private let guestPath: GuestPath
    private var hostPath: String
    private let options: TransferOptions
    private let meter: ProgressMeter
    private let worker: Worker
    private var bytes: UInt64 = 0
    private var saved = 0
    private var links = 0
    private var missing: [String] = []
    private var isTree = false
    /// The paths in the VM of directories that were made here, and the permissions that these have there.
    private var made: [String] = []
    private var modes: [(path: String, mode: UInt32)] = []

    init(
        _ vm: VM,
        _ guestPath: String,
        _ hostPath: String,
        _ options: TransferOptions,
        _ meter: ProgressMeter,
        _ worker: Worker
    ) throws(ClientError) {
        guard !hostPath.utf8.contains(0), !hostPath.isEmpty else {
            throw .invalid("host_path: must not be empty, nor contain a NUL byte")
        }
        self.vm = vm
        self.guestPath = try GuestPath(guestPath)
        self.hostPath = hostPath
        self.options = options
        self.meter = meter
        self.worker = worker
    }

    mutating func run() throws(ClientError) -> String {
        let real = try worker.wait(vm.resolve(guestPath))
        guard case .directory = try worker.wait(vm.kind(of: real)) else {
            let (directory, name) = try HostTree.openParent(of: hostPath)
            meter.expect(entries: 1, bytes: nil)
            try worker.wait(vm.inTurn(.beside, vm.refuseSpecialFile(real, "read")))
            try fetch([real]) { path in (directory, name, path) }
            if !missing.isEmpty {
                throw ClientError.guest("ENOENT", "no such file: \(guestPath.given)", kind: .kernel)
            }
            return summary(files: 1, directories: 0, links: 0)
        }
        isTree = true
        hostPath = Self.withoutTrailingSlash(hostPath)
        var walk = WalkOptions()
        walk.exclude = options.exclude
        let entries = try worker.wait(vm.walk(real, walk, ProgressMeter())).filter { entry in
            !Self.pseudo.contains { entry.path.lies(atOrBelow: $0) }
        }
        meter.expect(entries: entries.count, bytes: nil)
        let root = try makeRoot(real)
        let prefix = real == "/" ? 1 : real.utf8.count + 1
        func below(_ path: String) -> String { String(path.utf8.dropFirst(prefix)) ?? path }
        for entry in entries where entry.kind == .directory {
            let (parent, name) = GuestPath.split("/" + below(entry.path))
            let shown = "\(hostPath)/\(below(entry.path))"
            try make(name, in: try folder(parent, root), entry.path, shown: shown)
            meter.add(entries: 1, path: below(entry.path))
        }
        for entry in entries where entry.kind == .symlink {
            do throws(ClientError) { try link(entry.path, below(entry.path), root) } catch {
                // Of a link out of the directory that is mounted the sidecar does not even tell the text.
                guard VM.leadsOutOfMount(error) else { throw error }
                missing.append(entry.path)
                continue
            }
            links += 1
            meter.add(entries: 1, path: below(entry.path))
        }
        let files = entries.filter { $0.kind == .file }.map(\.path)
        let folders = options.attributes ? made.sorted { $0.utf8.count > $1.utf8.count } : []
        for part in Self.runs(files + folders) {
            try fetch(part) { [hostPath] path throws(ClientError) in
                let label = below(path)
                let (folder, name) = GuestPath.split("/" + label)
                return (try Self.folder(folder, root, hostPath), name, label)
            }
        }
        // Behind their content: a directory that may not be written could not take it. What is in it comes first.
        for (path, mode) in modes {
            try folder(below(path), root).setMode(mode & 0o777)
        }
        return summary(
            files: saved,
            directories: entries.filter { $0.kind == .directory }.count,
            links: links
        )
    }

    private func summary(files: Int, directories: Int, links: Int) -> String {
        JSONWriter.text(
            .members([
                "files": .number(files), "directories": .number(directories), "links": .number(links),
                "bytes": .number(bytes), "skipped": .array(missing.map { .string($0) }),
            ])
        )
    }

    /// A directory may be named with it, also one that is not there yet.
    private static func withoutTrailingSlash(_ path: String) -> String {
        var bytes = Array(path.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") || bytes.suffix(2) == Array("/.".utf8)[...] {
            bytes.removeLast()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func makeRoot(_ guest: String) throws(ClientError) -> HostDirectory {
        if !HostFile.exists(hostPath) {
            let (parent, name) = try HostTree.openParent(of: hostPath)
            try make(name, in: parent, guest, shown: hostPath)
        }
        return try HostTree.open(hostPath)
    }

    /// Until all is there nobody else looks into it.
    private mutating func make(
        _ name: String,
        in parent: HostDirectory,
        _ guest: String,
        shown: String
    ) throws(ClientError) {
        let isNew = parent.entry(name) == nil
        do throws(SystemError) {
            _ = try parent.makeDirectory(name, mode: options.attributes ? 0o700 : 0o777)
        } catch {
            throw HostTree.failure(shown, error)
        }
        if isNew, options.attributes { made.append(guest) }
    }

    /// A directory below the root, made where it is not there; never one behind a link.
    private static func folder(
        _ path: String,
        _ root: HostDirectory,
        _ hostPath: String
    ) throws(ClientError) -> HostDirectory {
        var folder = root
        for part in path.pathComponents {
            do throws(SystemError) { folder = try folder.makeDirectory(String(part)) } catch {
                throw HostTree.failure("\(hostPath)/\(path)", error)
            }
        }
        return folder
    }

    private func folder(_ path: String, _ root: HostDirectory) throws(ClientError) -> HostDirectory {
        try Self.folder(path, root, hostPath)
    }

    private func link(_ path: String, _ place: String, _ root: HostDirectory) throws(ClientError) {
        let text = try worker.wait(vm.readLinkRequest(path))
        let (parent, name) = GuestPath.split("/" + place)
        let folder = try folder(parent, root)
        do throws(SystemError) { try folder.makeLink(name, text) } catch {
            throw HostTree.failure("\(hostPath)/\(place)", error)
        }
    }

    /// Lists of paths that are short enough to be given to a program.
    private static func runs(_ files: [String]) -> [[String]] {
        var runs: [[String]] = []
        var size = Int.max
        for file in files {
            let own = 2 * file.utf8.count + 8
            if size > namesPerRun - own {
                runs.append([])
                size = 0
            }
            runs[runs.count - 1].append(file)
            size += own
        }
        return runs
    }

    private mutating func fetch(
        _ files: [String],
        _ place: (String) throws(ClientError) -> (HostDirectory, name: String, label: String)
    ) throws(ClientError) {
        var stream = try FileStream(vm, files, worker)
        do throws(ClientError) {
            while let item = try stream.next() {
                switch item {
                case .directory(let header):
                    if files.indices.contains(header.index) {
                        modes.append((files[header.index], header.mode))
                    }
                case .failure(let index, let text):
                    guard files.indices.contains(index) else { continue }
                    let error = VM.guestError(text, files[index])
                    // Gone since it was listed, or a pipe of the host.
                    guard ["ENOENT", "ENXIO"].contains(error.detail.errno) else { throw error }
                    missing.append(files[index])
                case .file(let header):
                    guard files.indices.contains(header.index) else {
                        throw ClientError(.sidecar, "\(FileStream.purpose): a file that was not asked for")
                    }
                    let (folder, name, label) = try place(files[header.index])
                    try save(header, &stream, folder, name, shown: isTree ? "\(hostPath)/\(label)" : hostPath)
                    meter.add(entries: 1, path: label)
                }
            }
        } catch {
            stream.stop(error)
            throw error
        }
    }

    /// Writes beside the place and then puts it there: what is there is always whole.
    private mutating func save(
        _ header: FileStream.Header,
        _ stream: inout FileStream,
        _ folder: HostDirectory,
        _ name: String,
        shown: String
    ) throws(ClientError) {
        let temporary = TemporaryName.next("part")
        do {
            let file = try folder.createFile(temporary)
            try stream.content(header.size) { [meter] piece throws(ClientError) in
                do throws(SystemError) { try SystemCall.writeAll(file.number, piece) } catch {
                    throw HostTree.failure(shown, error)
                }
                meter.add(bytes: piece.count)
            }
            if options.attributes {
                // Bits that make a program run as its owner are not for the host.
                SystemCall.setAttributes(file.number, mode: header.mode & 0o777, modified: header.modified)
            } else {
                SystemCall.setUsualMode(file.number)
            }
            try folder.rename(temporary, to: name)
        } catch let error as SystemError {
            folder.remove(temporary)
            throw HostTree.failure(shown, error)
        } catch let error as ClientError {
            folder.remove(temporary)
            throw error
        } catch {
            folder.remove(temporary)
            throw ClientError(.invalidArgument, "\(shown) cannot be written")
        }
        bytes += header.size
        saved += 1
    }
}
