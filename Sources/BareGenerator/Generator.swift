// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// `bare-generator SCHEMA FOLDER`: writes the Swift of a schema into a folder.
enum Generator {
    static let version = 1

    static func run() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { fail("usage: bare-generator SCHEMA FOLDER") }
        let path = arguments[1]
        let folder = arguments[2]
        guard let source = read(path) else { fail("cannot read \(path)") }
        do {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            let emitter = SwiftEmitter(try SchemaParser.declarations(source), source: name)
            for file in emitter.files() { write(file.text, to: "\(folder)/\(file.name)") }
            write(schemaVersion(emitter, source, name), to: "\(folder)/SchemaVersion.swift")
        } catch {
            fail("\(path): \(error)")
        }
    }

    /// A hash of the schema's text, so that a test can tell generated code from another schema's.
    private static func schemaVersion(_ emitter: SwiftEmitter, _ source: String, _ name: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in source.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return emitter.header.split(separator: "\n").prefix(2).joined(separator: "\n") + """


            /// Which schema, and which generator, the files of this folder come from.
            package enum SchemaVersion {
                package static let file: String = "\(name)"
                /// FNV-1a of the schema's text.
                package static let hash: UInt64 = 0x\(String(hash, radix: 16))
                package static let generator: Int = \(version)
            }

            """
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func write(_ text: String, to path: String) {
        guard let file = fopen(path, "w") else { fail("cannot write \(path)") }
        let bytes = Array(text.utf8)
        let written = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, written == bytes.count else { fail("cannot write \(path)") }
    }

    private static func fail(_ message: String) -> Never {
        let bytes = Array("bare-generator: \(message)\n".utf8)
        _ = Glibc.write(2, bytes, bytes.count)
        exit(1)
    }
}
