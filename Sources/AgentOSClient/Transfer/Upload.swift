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
            try Upload(self, hostPath, guestPath, options, meter, worker).run()
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

    func run() throws(ClientError) -> String {
        guard HostFile.isDirectory(hostPath) else { return try single() }
        let tree = try HostTree(hostPath, exclude: options.exclude, worker)
        meter.expect(entries: tree.entries.count, bytes: Int(clamping: tree.bytes))
        let root = try HostTree.open(hostPath)
        if guestPath != "/" { try worker.wait(vm.makeDirectory(guestPath, recursive: true)) }
        for entry in tree.entries where entry.kind == .directory {
            try worker.wait(vm.makeDirectory(place(entry), recursive: true))
            meter.add(entries: 1, path: entry.path)
        }
        try sendFiles(tree.entries.filter { $0.kind == .file }, from: root)
        for entry in tree.entries where entry.kind == .link {
            try link(entry)
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
                "files": counts(.file), "directories": counts(.directory), "links": counts(.link),
                "bytes": .number(tree.bytes), "skipped": .array(tree.skipped.map { .string($0) }),
            ])
        )
    }

    private func single() throws(ClientError) -> String {
        let (folder, name) = GuestPath.split(hostPath)
        let directory = try HostTree.open(hostPath.utf8.contains(UInt8(ascii: "/")) ? folder : ".")
        guard let found = directory.entry(name) else {
            throw HostTree.failure(hostPath, SystemError.notFound)
        }
        guard found.kind == .file else {
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
                "bytes": .number(found.size), "skipped": .array([]),
            ])
        )
    }

    private func sendFiles(_ files: [HostTree.Entry], from root: HostDirectory) throws(ClientError) {
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
        let parts = entry.path.split(separator: "/").map(String.init)
        var folder = root
        do throws(SystemError) {
            for part in parts.dropLast() { folder = try folder.directory(part) }
        } catch { throw HostTree.failure("\(hostPath)/\(entry.path)", error) }
        return (folder, parts.last ?? "")
    }

    /// Sends one file; nil where that is done already.
    private func send(
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
        if entry.size <= UInt64(vm.largestSingleWrite) {
            let bytes = try read(0, Int(entry.size) + 1)
            let content = bytes.withUnsafeBytes { FileBytes($0) }
            if content.encoded.accountedSize <= vm.largestSingleWrite / 3 * 4 {
                let steps = vm.writeFile(path, content).then { attributes }.map { [meter] in
                    meter.add(entries: 1, bytes: bytes.count, path: entry.path)
                }
                return worker.begin(steps)
            }
        }
        try vm.writeLarge(path, size: entry.size, worker, meter, read)
        try worker.wait(attributes)
        meter.add(entries: 1, path: entry.path)
        return nil
    }

    /// What a new file would not have by itself.
    private func setAttributes(_ entry: HostTree.Entry, _ path: String) -> Steps<Void> {
        let mode = vm.takable(entry.mode, isDirectory: false)
        let modes: Steps<Void> = mode == 0o644 ? .done(()) : vm.changeMode(path, mode)
        return modes.then { [vm] in
            vm.changeTimes(path, accessed: entry.modified, modified: entry.modified)
        }
    }

    private func setMode(_ entry: HostTree.Entry, usual: UInt32) throws(ClientError) {
        let mode = vm.takable(entry.mode, isDirectory: true)
        let path = place(entry)
        guard mode != usual, !vm.isLowerDirectory(path) else { return }
        try worker.wait(vm.changeMode(path, mode))
    }

    private func link(_ entry: HostTree.Entry) throws(ClientError) {
        let path = place(entry)
        let text = entry.text ?? ""
        do throws(ClientError) { try worker.wait(vm.symlink(text, at: path)) } catch {
            guard error.detail.errno == "EEXIST" else { throw error }
            try worker.wait(vm.removeOne(path, directory: false))
            try worker.wait(vm.symlink(text, at: path))
        }
    }
}

extension VM {
    /// Bytes that surely fit one frame, whatever they are.
    var largestSingleWrite: Int { max((connection.maximumFrameSize - 8192) / 4 * 3, 0) }

    /// Permissions that the sidecar's own user can live with: where that is not root its own are kept.
    func takable(_ mode: UInt32, isDirectory: Bool) -> UInt32 {
        shadow.isBound ? mode | (isDirectory ? 0o700 : 0o600) : mode
    }
}
