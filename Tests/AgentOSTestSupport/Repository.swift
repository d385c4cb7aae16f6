// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The checkout that the tests were built from, and what was built from it.
package enum Repository {
    /// The folder of Package.swift, without a slash at its end.
    package static let root: String = {
        let here = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return here.dropLast(3).joined(separator: "/")
    }()

    /// The folder of the running test program: SwiftPM puts every product there.
    package static let products: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }()

    /// A file of the checkout, by its path from the root.
    package static func bytes(_ path: String) throws -> [UInt8] { try readFile("\(root)/\(path)") }

    package static func text(_ path: String) throws -> String {
        guard let text = String(validating: try bytes(path), as: UTF8.self) else {
            throw FileError(path, "not UTF-8")
        }
        return text
    }

    package static func lines(_ path: String) throws -> [Substring] {
        try text(path).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// All files below a folder of the checkout, or the one file itself: paths from the root, sorted.
    package static func files(under path: String, suffix: String = "") throws -> [String] {
        try walk("\(root)/\(path)").map { String($0.dropFirst(root.utf8.count + 1)) }
            .filter { $0.hasSuffix(suffix) }.sorted()
    }

    private static func walk(_ path: String) throws -> [String] {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw FileError(path, "not found") }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return status.st_mode & S_IFMT == S_IFREG ? [path] : []
        }
        return try folder(path).flatMap { try walk("\(path)/\($0)") }
    }
}

/// A file that a test needs and cannot have.
package struct FileError: Error, CustomStringConvertible {
    package let description: String
    package init(_ path: String, _ reason: String) { description = "\(path): \(reason)" }
}

/// The names in a folder.
package func folder(_ path: String) throws -> [String] {
    guard let handle = opendir(path) else { throw FileError(path, "cannot be listed") }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

package func readFile(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "re") else { throw FileError(path, "cannot be opened") }
    defer { fclose(file) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { break }
        content += buffer[..<count]
    }
    guard ferror(file) == 0 else { throw FileError(path, "cannot be read") }
    return content
}

package func writeFile(_ path: String, _ content: [UInt8]) throws {
    guard let file = fopen(path, "we") else { throw FileError(path, "cannot be created") }
    let count = fwrite(content, 1, content.count, file)
    guard fclose(file) == 0, count == content.count else { throw FileError(path, "cannot be written") }
}
