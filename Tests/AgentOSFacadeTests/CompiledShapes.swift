// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import CAgentOS
import Glibc

// SPDX-License-Identifier: Apache-2.0
@testable import AgentOSFacade

/// A shape, and the words of which it was made.
struct RandomShape: Sendable {
    struct Word: Sendable {
        let name: String
        var isByReference: Bool = false
        var narrowing: String = ""
        var text: String { (isByReference ? "&" : "") + name + (narrowing.isEmpty ? "" : ":\(narrowing)") }

        /// What a C programmer would write.
        var type: String {
            let plain =
                switch (name, narrowing) {
                case (_, "i32"), ("status", _): "int32_t"
                case (_, "u32"), ("kind", _), ("flags", _): "uint32_t"
                case ("value", _): "int64_t"
                case ("ud", _): "void *"
                case ("event", _): "const aos_event *"
                case ("data", _): "const void *"
                case ("error", _): "aos_error *"
                default: "uint64_t"
                }
            return isByReference ? "const \(plain) *" : plain
        }
    }

    static let names: [String] = [
        "ud", "event", "kind", "flags", "status", "value", "op", "object", "tag", "seq", "len", "data",
        "error",
    ]
    static let pointers: Set<String> = ["ud", "event", "data", "error"]

    let words: [Word]
    var text: String { words.map(\.text).joined(separator: ",") }

    init(words: [Word]) { self.words = words }

    init(_ count: Int, using generator: inout SeededGenerator) {
        var words = (0..<count).map { _ -> Word in
            var word = Word(name: Self.names.randomElement(using: &generator) ?? "ud")
            if !Self.pointers.contains(word.name) { word.isByReference = Bool.random(using: &generator) }
            if ["value", "len"].contains(word.name) {
                word.narrowing = ["", "i32", "u32"].randomElement(using: &generator) ?? ""
            }
            return word
        }
        // Narrowing needs the status.
        if words.contains(where: { !$0.narrowing.isEmpty }), !words.contains(where: { $0.name == "status" }) {
            words[Int.random(in: 0..<count, using: &generator)] = Word(name: "status")
            if count == 1 { words[0] = Word(name: "status") }
        }
        self.words = words
    }

    /// What a function of this shape must be passed, as 64 bits each; numbers with their sign.
    func expected(_ userData: UInt, _ event: UnsafePointer<aos_event>) -> [UInt64] {
        let given = event.pointee
        let isOutside = words.contains { Self.narrow($0, given) == nil }
        return words.map { word in
            switch word.name {
            case "ud": UInt64(userData)
            case "event": UInt64(UInt(bitPattern: event))
            case "data": UInt64(UInt(bitPattern: given.data))
            case "error": UInt64(UInt(bitPattern: given.error))
            case "kind": UInt64(given.kind)
            case "flags": UInt64(given.flags)
            case "status":
                UInt64(
                    bitPattern: Int64(isOutside && given.status >= 0 ? Int32(AOS_E_TOO_LARGE) : given.status)
                )
            case "op": given.op
            case "object": given.object
            case "tag": given.tag
            case "seq": given.seq
            default: Self.narrow(word, given) ?? 0
            }
        }
    }

    /// The number of `value` or `len`, as its word asks for it; nil if it does not fit. 0 for other words.
    private static func narrow(_ word: Word, _ event: aos_event) -> UInt64? {
        switch (word.name, word.narrowing) {
        case ("value", "i32"): Int32(exactly: event.value).map { UInt64(bitPattern: Int64($0)) }
        case ("value", "u32"): UInt32(exactly: event.value).map { UInt64($0) }
        case ("value", _): UInt64(bitPattern: event.value)
        case ("len", "i32"): Int32(exactly: event.data_len).map { UInt64($0) }
        case ("len", "u32"): UInt32(exactly: event.data_len).map { UInt64($0) }
        case ("len", _): event.data_len
        default: 0
        }
    }
}

/// Functions of some shapes, compiled by the C compiler of this machine; each writes down what it is passed.
final class CompiledShapes {
    private let library: UInt
    private let record: UInt

    init(_ shapes: [RandomShape]) throws {
        var source = "#include <agentos.h>\nuint64_t seen[16];\n"
        let results = ["void", "int32_t", "uint64_t", "double", "void *"]
        for (index, shape) in shapes.enumerated() {
            let parameters = shape.words.enumerated().map { "\($1.type) a\($0)" }.joined(separator: ", ")
            let result = results[index % results.count]
            source += "\(result) f\(index)(\(parameters)) {\n  seen[15] = \(index + 1);\n"
            for (place, word) in shape.words.enumerated() {
                let value = word.isByReference ? "*a\(place)" : "a\(place)"
                let isSigned = word.narrowing == "i32" || word.name == "status" || word.name == "value"
                let number =
                    RandomShape.pointers.contains(word.name)
                    ? "(uint64_t)(uintptr_t)\(value)"
                    : isSigned && word.narrowing != "u32"
                        ? "(uint64_t)(int64_t)\(value)" : "(uint64_t)\(value)"
                source += "  seen[\(place)] = \(number);\n"
            }
            source += result == "void" ? "}\n" : "  return (\(result))-1;\n}\n"
        }
        library = try withTestFolder { folder in
            try writeFile("\(folder)/shapes.c", Array(source.utf8))
            let run = try ChildRun.run(
                "/usr/bin/env",
                [
                    "cc", "-std=c11", "-O2", "-shared", "-fPIC", "-Wno-int-to-pointer-cast",
                    "-I\(Repository.root)/include", "-o",
                    "\(folder)/shapes.so", "\(folder)/shapes.c",
                ]
            )
            guard run.end == .exited(0) else { throw FileError("shapes.c", run.errorText) }
            return UInt(bitPattern: dlopen("\(folder)/shapes.so", RTLD_NOW | RTLD_LOCAL))
        }
        record = UInt(bitPattern: dlsym(UnsafeMutableRawPointer(bitPattern: library), "seen"))
        guard library != 0, record != 0 else { throw FileError("shapes.so", "cannot be loaded") }
    }

    deinit {
        if let library = UnsafeMutableRawPointer(bitPattern: library) { dlclose(library) }
    }

    func function(_ index: Int) -> aos_any_fn? {
        dlsym(UnsafeMutableRawPointer(bitPattern: library), "f\(index)").map {
            unsafeBitCast($0, to: aos_any_fn.self)
        }
    }

    /// What the last function wrote down.
    func seen(_ count: Int) -> [UInt64] {
        guard let start = UnsafePointer<UInt64>(bitPattern: record) else { return [] }
        return (0..<count).map { start[$0] }
    }

    /// Which function that was.
    var last: Int { Int(UnsafePointer<UInt64>(bitPattern: record)?[15] ?? 0) - 1 }
}
