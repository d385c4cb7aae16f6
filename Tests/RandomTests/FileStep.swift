// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire

/// One call on files, which can be made on the model and on a VM.
enum FileStep: Sendable {
    case write(String, [UInt8])
    case writeFiles([String], [UInt8])
    case read(String)
    case makeDirectory(String, recursive: Bool)
    case remove(String, recursive: Bool)
    case unlink(String)
    case removeDirectory(String)
    case rename(String, to: String)
    case move(String, to: String)
    case symlink(String, at: String)
    case link(String, to: String)
    case readLink(String)
    case exists(String)
    case stat(String)
    case lstat(String)
    case truncate(String, to: Int)
    case changeMode(String, Int)
    case walk(String)
    case list(String)
    case realPath(String)
}

// MARK: On the model

extension FileStep {
    /// What the documents promise; the tree is changed.
    func expected(_ tree: ModelTree) -> Outcome {
        do throws(ModelRefusal) { return try apply(tree) } catch { return Outcome(error.errno) }
    }

    private func apply(_ tree: ModelTree) throws(ModelRefusal) -> Outcome {
        switch self {
        case .write(let path, let content): try tree.write(path, content)
        case .writeFiles(let paths, let content): return Outcome(paths.map { batch(tree, $0, content) })
        case .read(let path): return Outcome("ok", Hex.text(try tree.read(path)))
        case .makeDirectory(let path, let recursive): try tree.makeDirectory(path, recursive: recursive)
        case .remove(let path, let recursive): try tree.remove(path, recursive: recursive)
        case .unlink(let path): try tree.unlink(path)
        case .removeDirectory(let path): try tree.removeDirectory(path)
        case .rename(let from, let to): try tree.rename(from, to: to)
        case .move(let from, let to): try tree.move(from, to: to)
        case .symlink(let text, let path): try tree.symlink(text, at: path)
        case .link(let existing, let path): try tree.link(existing, to: path)
        case .readLink(let path): return Outcome("ok", try tree.readLink(path))
        case .exists(let path): return Outcome("ok", "\(tree.exists(path))")
        case .stat(let path): return Self.description(try tree.resolve(path).node)
        case .lstat(let path): return Self.description(try tree.existing(path).node)
        case .truncate(let path, let size): try tree.truncate(path, to: size)
        case .changeMode(let path, let mode): try tree.changeMode(path, mode)
        case .walk(let path): return Outcome(["ok"] + (try tree.walkList(path)))
        case .list(let path): return Outcome(["ok"] + (try tree.names(path)))
        case .realPath(let path): return Outcome("ok", try tree.resolve(path).path)
        }
        return .done
    }

    /// A batch makes the directories first: also those that a link to nothing names.
    private func batch(_ tree: ModelTree, _ path: String, _ content: [UInt8]) -> String {
        do throws(ModelRefusal) {
            let folder = path.split(separator: "/").dropLast().joined(separator: "/")
            try tree.makeDirectory("/" + folder, recursive: true)
            try tree.write(path, content)
            return "ok"
        } catch {
            return error.errno
        }
    }

    private static func description(_ node: ModelNode?) -> Outcome {
        guard let node else { return Outcome("ENOENT") }
        let mode = node.text == nil ? " \(String(node.mode, radix: 8))" : ""
        return Outcome("ok", node.sort + mode)
    }
}

// MARK: On a VM

extension FileStep {
    /// What the library says.
    func found(_ vm: HostVM) throws -> Outcome {
        do { return try run(vm) } catch let error as HostError {
            // Anything that has no errno, such as a lost sidecar, is never what is expected.
            guard let errno = error.errno else { return Outcome("\(error)") }
            return Outcome(errno)
        }
    }

    private func run(_ vm: HostVM) throws -> Outcome {
        switch self {
        case .write(let path, let content): try vm.write(path, content)
        case .writeFiles(let paths, let content):
            return Outcome(
                try vm.writeFiles(paths.map { ($0, content) }).map { result in
                    guard let error = result["error"]?.stringValue else { return "ok" }
                    return error.split(separator: ":").first.map(String.init) ?? error
                }
            )
        case .read(let path): return Outcome("ok", Hex.text(try vm.read(path)))
        case .makeDirectory(let path, let recursive): try vm.makeDirectory(path, recursive: recursive)
        case .remove(let path, let recursive): try vm.remove(path, recursive: recursive)
        case .unlink(let path): try vm.unlink(path)
        case .removeDirectory(let path): try vm.rmdir(path)
        case .rename(let from, let to): try vm.rename(from, to: to)
        case .move(let from, let to): try vm.move(from, to: to)
        case .symlink(let text, let path): try vm.symlink(text, at: path)
        case .link(let existing, let path): try vm.link(existing, to: path)
        case .readLink(let path): return Outcome("ok", try vm.readLink(path))
        case .exists(let path): return Outcome("ok", "\(try vm.exists(path))")
        case .stat(let path): return Self.description(try vm.stat(path))
        case .lstat(let path): return Self.description(try vm.lstat(path))
        case .truncate(let path, let size): try vm.truncate(path, UInt64(size))
        case .changeMode(let path, let mode): try vm.chmod(path, UInt32(mode))
        case .walk(let path): return Outcome(["ok"] + (try Self.walk(vm, path)))
        case .list(let path): return Outcome(["ok"] + (try vm.list(path)))
        case .realPath(let path): return Outcome("ok", try vm.realPath(path))
        }
        return .done
    }

    /// As the model's walk.
    static func walk(_ vm: HostVM, _ path: String) throws -> [String] {
        try vm.walk(path, .members(["sizes": .bool(true)])).map { entry in
            let words = entry.split(separator: " ").map(String.init)
            let size = words[0] == "directory" ? "" : " \(words.last ?? "")"
            return "\(words[0])\(size):\(words[1])"
        }
    }

    private static func description(_ stat: JSONValue) -> Outcome {
        let mode = String((stat["mode"]?.integerValue ?? 0) & 0o7777, radix: 8)
        let size = stat["size"]?.integerValue ?? -1
        if stat["isSymbolicLink"] == .bool(true) { return Outcome("ok", "symlink \(size)") }
        return Outcome(
            "ok",
            stat["isDirectory"] == .bool(true) ? "directory \(mode)" : "file \(size) \(mode)"
        )
    }
}

/// Everything below the model's root, as lines: what it is, its permissions, what it holds.
enum WholeTree {
    static func expected(_ tree: ModelTree) -> [String] {
        tree.all.map { path, node in
            let content: String
            if case .file(let bytes) = node.kind {
                content = Hex.text(bytes)
            } else {
                content = node.text ?? ""
            }
            return "\(path) \(FileStep.lstat(path).expected(tree)) \(content)"
        }
    }

    static func found(_ vm: HostVM) throws -> [String] {
        try FileStep.walk(vm, ModelTree.root).map { line in
            let path = line.split(separator: ":").last.map(String.init) ?? line
            let content: String
            if line.hasPrefix("file") {
                content = Hex.text(try vm.read(path))
            } else {
                content = line.hasPrefix("symlink") ? try vm.readLink(path) : ""
            }
            return "\(path) \(try FileStep.lstat(path).found(vm)) \(content)"
        }
    }
}
