// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// A file or a tree of the host into a VM.
///
/// By frames, several under way: 25 MB/s on two processors. A mount of a staging directory and a copy inside of
/// the VM is slower, for the guest's own file functions are (and its `cp -r` fails after some 25 files).
extension VM {
    /// A JSON object with what was sent.
    package func upload(
        _ hostPath: String,
        to guestPath: String,
        _ options: TransferOptions,
        _ meter: ProgressMeter
    ) -> Steps<String> {
        Worker.steps("aos-transfer") { [self] worker throws(ClientError) in
            var upload = try Upload(self, hostPath, guestPath, options, meter, worker)
            return try upload.run()
        }.during("upload", path: hostPath)
    }
}

private struct Upload {
    private static let inFlight = 8

    private let vm: VM
    private let hostPath: String
    private let guestPath: String
    private let options: TransferOptions
    private let meter: ProgressMeter
    private let worker: Worker
    /// What was sent: files may have changed since they were counted.
    private var bytes: UInt64 = 0
    /// Nothing was at the place, so that nothing there can be in the way.
    private var isNew = false
    /// Links that the sidecar does not make.
    private var unmade: [String] = []

    init(
        _ vm: VM,
        _ hostPath: String,
        _ guestPath: String,
        _ options: TransferOptions,
        _ meter: ProgressMeter,
        _ worker: Worker
    ) throws(ClientError) {
        guard !hostPath.utf8.contains(0), !hostPath.isEmpty else {
            throw .invalid("host_path: must not be empty, nor contain a NUL byte")
        }
        self.vm = vm
        self.hostPath = hostPath
        self.guestPath = try GuestPath(writable: guestPath).text
        self.options = options
        self.meter = meter
        self.worker = worker
    }

    mutating func run() throws(ClientError) -> String {
        guard HostFile.isDirectory(hostPath) else { return try single() }
        let tree = try HostTree(hostPath, exclude: options.exclude, worker)
        for entry in tree.entries where entry.kind == .link {
            try VM.checkLinkText(entry.text ?? "", try GuestPath(place(entry)))
        }
        meter.expect(entries: tree.entries.count, bytes: Int(clamping: tree.bytes))
        let root = try HostTree.open(hostPath)
        if guestPath != "/" {
            isNew = try !worker.wait(vm.exists(guestPath))
            try worker.wait(vm.makeDirectory(guestPath, recursive: true))
        }
        for entry in tree.entries where entry.kind == .directory {
            let clear = isNew ? .done(()) : vm.removeLinkIfAny(place(entry))
            try worker.wait(
                clear.then { [vm, path = place(entry)] in vm.makeDirectory(path, recursive: true) }
            )
            meter.add(entries: 1, path: entry.path)
        }
        try sendFiles(tree.entries.filter { $0.kind == .file }, from: root)
        for entry in tree.entries where entry.kind == .link {
            if try !link(entry) { unmade.append(entry.path) }
            meter.add(entries: 1, path: entry.path)
        }
        if options.attributes {
            // Behind their content: a directory that may not be written could not take it.
            for entry in tree.entries.reversed() where entry.kind == .directory {
                try setMode(entry, usual: 0o755)
            }
        }
        return summary(tree)
    }

    private func place(_ entry: HostTree.Entry) -> String { GuestPath.join(guestPath, entry.path) }

    private func summary(_ tree: HostTree) -> String {
        let counts = { (kind: HostDirectory.Entry.Kind) in
            JSONValue.number(tree.entries.filter { $0.kind == kind }.count)
        }
        return JSONWriter.text(
            .members([
                "files": counts(.file), "directories": counts(.directory),
                "links": .number(tree.entries.filter { $0.kind == .link }.count - unmade.count),
                "bytes": .number(bytes), "skipped": .array((tree.skipped + unmade).map { .string($0) }),
            ])
        )
    }

    private mutating func single() throws(ClientError) -> String {
        // A link is followed, as one to a directory is.
        let hostPath = HostFile.isLink(hostPath) ? HostFile.realPath(hostPath) ?? hostPath : hostPath
        let (directory, name) = try HostTree.openParent(of: hostPath)
        guard let found = directory.entry(name) else {
            throw HostTree.failure(hostPath, SystemError.notFound)
        }
        guard found.kind == .file else {
            if found.kind == .link { throw .invalid("host_path: a link to nothing: \(hostPath)") }
            throw .invalid("host_path: neither a file nor a directory: \(hostPath)")
        }
        let entry = HostTree.Entry(
            path: "",
            kind: .file,
            size: found.size,
            mode: found.mode,
            modified: found.modified,
            text: nil
        )
        meter.expect(entries: 1, bytes: Int(clamping: found.size))
        if let wait = try send(entry, directory, name, to: guestPath) { try wait.value() }
        return JSONWriter.text(
            .members([
                "files": .number(1), "directories": .number(0), "links": .number(0),
                "bytes": .number(bytes), "skipped": .array([]),
            ])
        )
    }

    private mutating func sendFiles(_ files: [HostTree.Entry], from root: HostDirectory) throws(ClientError) {
        var waits: [WorkerWait<Void>] = []
        for entry in files {
            let (folder, name) = try parent(of: entry, root)
            if let wait = try send(entry, folder, name, to: place(entry)) { waits.append(wait) }
            if waits.count >= Self.inFlight { try waits.removeFirst().value() }
        }
        for wait in waits { try wait.value() }
    }

    private func parent(of entry: HostTree.Entry, _ root: HostDirectory) throws(ClientError) -> (
        HostDirectory, String
    ) {
        let parts = entry.path.pathComponents.map(String.init)
        var folder = root
        do throws(SystemError) {
            for part in parts.dropLast() { folder = try folder.directory(part) }
        } catch { throw HostTree.failure("\(hostPath)/\(entry.path)", error) }
        return (folder, parts.last ?? "")
    }

    /// Sends one file; nil where that is done already.
    private mutating func send(
        _ entry: HostTree.Entry,
        _ folder: HostDirectory,
        _ name: String,
        to path: String
    ) throws(ClientError) -> WorkerWait<Void>? {
        let shown = entry.path.isEmpty ? hostPath : "\(hostPath)/\(entry.path)"
        let file: OwnedDescriptor
        do throws(SystemError) { file = try folder.openFile(name) } catch {
            throw HostTree.failure(shown, error)
        }
        func read(_ offset: UInt64, _ count: Int) throws(ClientError) -> [UInt8] {
            do throws(SystemError) { return try SystemCall.read(file.number, at: offset, count: count) } catch
            {
                throw HostTree.failure(shown, error)
            }
        }
        let attributes = options.attributes ? setAttributes(entry, path) : .done(())
        // A single file goes where its path leads; in a tree a link has that path itself.
        let clear = isNew || entry.path.isEmpty ? .done(()) : vm.removeLinkIfAny(path)
        if let content = try wholeFile(entry.size, read) {
            let encoded = content.withUnsafeBytes { FileBytes($0) }
            if encoded.encoded.accountedSize <= vm.largestSingleWrite / 3 * 4 {
                bytes += UInt64(content.count)
                let steps = clear.then { [vm] in vm.writeFile(path, encoded) }.then { attributes }.map {
                    [meter] in
                    meter.add(entries: 1, bytes: content.count, path: entry.path)
                }
                return worker.begin(steps)
            }
        }
        try worker.wait(clear)
        let size = try endOfFile(from: folder.entry(name)?.size ?? entry.size, read)
        try vm.writeLarge(path, size: size, worker, meter, read)
        bytes += size
        try worker.wait(attributes)
        meter.add(entries: 1, path: entry.path)
        return nil
    }

    private typealias Read = (_ offset: UInt64, _ count: Int) throws(ClientError) -> [UInt8]

    /// All bytes up to the end of the file, which may not be where it was: it grows, or it is one of the kernel's, which
    /// have no size. Nil where they do not fit one write.
    private func wholeFile(_ size: UInt64, _ read: Read) throws(ClientError) -> [UInt8]? {
        guard size <= UInt64(vm.largestSingleWrite) else { return nil }
        var content: [UInt8] = []
        var wanted = Int(size) + 1
        while content.count <= vm.largestSingleWrite {
            let piece = try read(UInt64(content.count), wanted)
            content += piece
            if piece.count < wanted { return content }
            wanted = 65_536
        }
        return nil
    }

    /// Where a file ends that says `size`: files of the kernel say 0.
    private func endOfFile(from size: UInt64, _ read: Read) throws(ClientError) -> UInt64 {
        var end = size
        guard end <= UInt64(vm.largestSingleWrite) else { return end }
        while true {
            let piece = try read(end, 1 << 20)
            end += UInt64(piece.count)
            if piece.count < 1 << 20 { return end }
        }
    }

    /// What a new file would not have by itself.
    private func setAttributes(_ entry: HostTree.Entry, _ path: String) -> Steps<Void> {
        let mode = vm.takable(entry.mode, isDirectory: false)
        let modes: Steps<Void> = mode == 0o644 && isNew ? .done(()) : vm.changeMode(path, mode)
        return modes.then { [vm] in
            vm.changeTimes(path, accessed: entry.modified, modified: entry.modified)
        }
    }

    private func setMode(_ entry: HostTree.Entry, usual: UInt32) throws(ClientError) {
        let mode = vm.takable(entry.mode, isDirectory: true)
        let path = place(entry)
        guard mode != usual || !isNew, !vm.isLowerDirectory(path) else { return }
        try worker.wait(vm.changeMode(path, mode))
    }

    /// False where there can be none: out of a mount.
    private func link(_ entry: HostTree.Entry) throws(ClientError) -> Bool {
        let path = place(entry)
        let text = entry.text ?? ""
        do throws(ClientError) {
            do throws(ClientError) { try worker.wait(vm.symlink(text, at: path)) } catch {
                guard error.detail.errno == "EEXIST" else { throw error }
                try worker.wait(vm.removeOne(path, directory: false))
                try worker.wait(vm.symlink(text, at: path))
            }
        } catch {
            guard error.detail.errno == "EXDEV" else { throw error }
            return false
        }
        return true
    }
}

extension VM {
    /// Bytes that surely fit one frame, whatever they are.
    var largestSingleWrite: Int { max((connection.maximumFrameSize - 8192) / 4 * 3, 0) }

    /// A link goes, and what it points to stays; anything else stays.
    fileprivate func removeLinkIfAny(_ path: String) -> Steps<Void> {
        readLink(path).map { _ in true }.recover { error throws(ClientError) in
            guard ["ENOENT", "EINVAL", "ENOTDIR"].contains(error.detail.errno) else { throw error }
            return .done(false)
        }.then { [self] isLink in
            guard isLink else { return .done(()) }
            return refuseInPlaceOfDirectoryLink(path).then { [self] in removeOne(path, directory: false) }
        }
    }

    /// Permissions that the sidecar's own user can live with: where that is not root its own are kept.
    func takable(_ mode: UInt32, isDirectory: Bool) -> UInt32 {
        shadow.isBound ? mode | (isDirectory ? 0o700 : 0o600) : mode
    }
}
