// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import CFuzzer
internal import Glibc

/// `agentos-fuzz FILE...` checks each file as one payload; `agentos-fuzz --seeds FRAMES.jsonl FOLDER` writes
/// the payloads of test vectors as files. Built with FUZZING, everything else goes to libFuzzer.
enum FuzzCommand {
    static func run() -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "--seeds", arguments.count == 3 { exit(seeds(arguments[1], arguments[2])) }
        #if FUZZING
            var count = CommandLine.argc
            var values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
            exit(LLVMFuzzerRunDriver(&count, &values, oneInput))
        #else
            exit(replay(arguments))
        #endif
    }

    /// Checks files; 1 if one cannot be read or does not pass, and says which.
    private static func replay(_ paths: [String]) -> Int32 {
        var failures = 0
        for path in paths {
            let problem =
                if let content = read(path) {
                    content.withUnsafeBytes { FuzzTargets.check($0) }
                } else {
                    "cannot be read"
                }
            if let problem {
                failures += 1
                report("\(path): \(problem)")
            }
        }
        print("replayed \(paths.count) inputs, \(failures) failed")
        return failures == 0 ? 0 : 1
    }

    /// One file a line of `frames.jsonl`, named as the line is, without the length in front of the payload.
    private static func seeds(_ source: String, _ folder: String) -> Int32 {
        guard let content = read(source) else {
            report("\(source): cannot be read")
            return 1
        }
        for line in content.split(separator: UInt8(ascii: "\n")) {
            guard let value = try? JSONReader.parse(Array(line)), let name = value["name"]?.stringValue,
                let hex = value["hex"]?.stringValue, let file = fopen("\(folder)/\(name)", "w")
            else {
                report("\(source): a line that is no vector, or \(folder) cannot be written")
                return 1
            }
            let digits = Array(hex.utf8).dropFirst(8)
            let payload = stride(from: digits.startIndex, to: digits.endIndex - 1, by: 2).map { index in
                UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
            }
            fwrite(payload, 1, payload.count, file)
            fclose(file)
        }
        return 0
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            content += buffer[..<count]
        }
        return ferror(file) == 0 ? content : nil
    }

    static func report(_ message: String) {
        let bytes = Array("agentos-fuzz: \(message)\n".utf8)
        _ = Glibc.write(2, bytes, bytes.count)
    }
}

#if FUZZING
    /// Called by libFuzzer for each input; it takes an abort for a find and keeps the input.
    ///
    /// Exported: libFuzzer's own `main`, which comes along in one object and does not run, names it.
    @_cdecl("LLVMFuzzerTestOneInput")
    public func oneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        if let problem = FuzzTargets.check(UnsafeRawBufferPointer(start: bytes, count: count)) {
            FuzzCommand.report(problem)
            abort()
        }
        return 0
    }
#endif
