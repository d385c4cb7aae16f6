// SPDX-License-Identifier: Apache-2.0

/// What each call does to the model.
extension ModelTree {
    func write(_ path: String, _ content: [UInt8]) throws(ModelRefusal) {
        if path.hasSuffix("/") { throw ModelRefusal("EISDIR") }
        let entry = try destination(path)
        guard let node = entry.node else {
            return try put(ModelNode(.file(content), mode: 0o644), at: entry)
        }
        if node.children != nil { throw ModelRefusal("EISDIR") }
        node.kind = .file(content)
    }

    func read(_ path: String) throws(ModelRefusal) -> [UInt8] {
        guard case .file(let content)? = try resolve(path).node?.kind else { throw ModelRefusal("EISDIR") }
        return content
    }

    /// What something new may be put at: nothing stands there, and what would hold it is a directory.
    func vacant(_ path: String) throws(ModelRefusal) -> Entry {
        let entry: Entry
        do { entry = try self.entry(path) } catch {
            throw error.errno == "ENOENT|ENOTDIR" ? ModelRefusal("ENOTDIR") : error
        }
        if entry.folder.node?.children == nil { throw ModelRefusal("ENOTDIR") }
        if entry.node != nil { throw ModelRefusal("EEXIST") }
        return entry
    }

    func makeDirectory(_ path: String, recursive: Bool) throws(ModelRefusal) {
        guard recursive else { return try put(.directory(), at: try vacant(path)) }
        let entry = try destination(path)
        guard let node = entry.node else { return try put(.directory(), at: entry) }
        if node.children == nil { throw ModelRefusal("ENOTDIR") }
    }

    func remove(_ path: String, recursive: Bool) throws(ModelRefusal) {
        let (entry, node) = try existing(path)
        if let children = node.children, !children.isEmpty, !recursive { throw ModelRefusal("ENOTEMPTY") }
        take(entry)
    }

    func unlink(_ path: String) throws(ModelRefusal) {
        let (entry, node) = try existing(path)
        if node.children != nil { throw ModelRefusal("EISDIR") }
        take(entry)
    }

    func removeDirectory(_ path: String) throws(ModelRefusal) {
        let (entry, node) = try existing(path)
        guard let children = node.children else { throw ModelRefusal("ENOTDIR") }
        if !children.isEmpty { throw ModelRefusal("ENOTEMPTY") }
        take(entry)
    }

    func symlink(_ text: String, at path: String) throws(ModelRefusal) {
        let entry = try vacant(path)
        let folder = entry.folder.names + entry.missing
        let sent = text.hasPrefix("/") ? Self.relative(text, from: folder) : text
        try put(ModelNode(.link(sent), mode: 0o777), at: entry)
    }

    /// An absolute text leads to the same place from the link's directory.
    private static func relative(_ text: String, from folder: [String]) -> String {
        let target = text.split(separator: "/").map(String.init)
        let common = zip(target, folder).prefix { $0 == $1 }.count
        let parts = Array(repeating: "..", count: folder.count - common) + target.dropFirst(common)
        return parts.isEmpty ? "." : parts.joined(separator: "/")
    }

    func link(_ existing: String, to path: String) throws(ModelRefusal) {
        guard let node = try resolve(existing).node else { throw ModelRefusal("ENOENT") }
        if node.children != nil { throw ModelRefusal("EPERM") }
        try put(node, at: try vacant(path))
    }

    func readLink(_ path: String) throws(ModelRefusal) -> String {
        guard let text = try existing(path).node.text else { throw ModelRefusal("EINVAL") }
        return text
    }

    func exists(_ path: String) -> Bool {
        do throws(ModelRefusal) {
            _ = try existing(path)
            return true
        } catch {
            return false
        }
    }

    func truncate(_ path: String, to size: Int) throws(ModelRefusal) {
        guard let node = try resolve(path).node, case .file(let content) = node.kind else {
            throw ModelRefusal("EISDIR")
        }
        let kept = content.prefix(size)
        node.kind = .file(Array(kept) + [UInt8](repeating: 0, count: size - kept.count))
    }

    func changeMode(_ path: String, _ mode: Int) throws(ModelRefusal) { try resolve(path).node?.mode = mode }

    /// The names in a directory; what is none is ENOENT.
    func names(_ path: String) throws(ModelRefusal) -> [String] {
        guard let node = try resolve(path).node, node.children != nil else { throw ModelRefusal("ENOENT") }
        return node.names
    }

    func walkList(_ path: String) throws(ModelRefusal) -> [String] {
        guard let node = try resolve(path).node, node.children != nil else { throw ModelRefusal("ENOENT") }
        let start = path.hasSuffix("/") ? String(path.dropLast()) : path
        return list(below: start, node).map { "\($0.node.sort):\($0.path)" }
    }

    // MARK: Renaming and moving

    private func prepareRename(_ from: String, _ to: String) throws(ModelRefusal) -> (Entry, ModelNode, Entry)
    {
        let trim: (String) -> String = { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        if trim(to).hasPrefix(trim(from) + "/") { throw ModelRefusal("EINVAL") }
        let (source, node) = try existing(from)
        let target: Entry
        do { target = try entry(to) } catch {
            // By a link the file on the way may itself be in what is renamed.
            throw error.errno == "ENOENT|ENOTDIR" ? ModelRefusal("ENOENT|ENOTDIR|EINVAL") : error
        }
        if target.path == source.path { return (source, node, target) }
        if target.path.hasPrefix(source.path + "/") { throw ModelRefusal("EINVAL") }
        switch (target.node?.kind, node.kind) {
        case (.directory(let children)?, .directory):
            if !children.isEmpty { throw ModelRefusal("ENOTEMPTY") }
        case (.directory?, _): throw ModelRefusal("EISDIR")
        case (.file?, .directory), (.link?, .directory): throw ModelRefusal("ENOTDIR")
        default: break
        }
        if target.folder.node?.children == nil { throw ModelRefusal("ENOTDIR|ENOENT") }
        if !target.missing.isEmpty { throw ModelRefusal("ENOENT") }
        return (source, node, target)
    }

    func rename(_ from: String, to: String) throws(ModelRefusal) {
        let (source, node, target) = try prepareRename(from, to)
        if target.path == source.path { return }
        // Two names of one file: rename(2) does nothing.
        if target.node === node { return }
        take(source)
        try put(node, at: target)
    }

    func move(_ from: String, to: String) throws(ModelRefusal) {
        do { try rename(from, to: to) } catch {
            guard error.errno == "ENOTEMPTY" else { throw error }
            let (source, node) = try existing(from)
            let (target, into) = try existing(to)
            // A directory into one that holds it: what would come to lie in the source would go with it.
            if source.path.hasPrefix(target.path + "/"),
                (try? existing(source.path + source.path.dropFirst(target.path.utf8.count))) != nil
            {
                throw error
            }
            try merge(node, into)
            take(source)
        }
    }

    /// Depth first, in the order of the listing; what was copied before a failure stays.
    private func merge(_ source: ModelNode, _ target: ModelNode) throws(ModelRefusal) {
        for name in source.names {
            guard let child = source.children?[name] else { continue }
            let there = target.children?[name]
            switch (child.kind, there?.kind) {
            case (.directory, .directory?): if let there { try merge(child, there) }
            case (.directory, nil):
                let copy = ModelNode.directory()
                target.children?[name] = copy
                try merge(child, copy)
                copy.mode = child.mode
            case (.directory, _): throw ModelRefusal("ENOTDIR")
            case (.file, .directory?): throw ModelRefusal("EISDIR")
            case (.link, .directory?): throw ModelRefusal("EEXIST")
            case (.file, .file?):
                there?.kind = child.kind
                there?.mode = child.mode
            case (.file, _), (.link, _): target.children?[name] = ModelNode(child.kind, mode: child.mode)
            }
        }
    }
}

extension ModelNode {
    var sort: String {
        switch kind {
        case .file(let content): "file \(content.count)"
        case .directory: "directory"
        case .link(let text): "symlink \(text.utf8.count)"
        }
    }
}
