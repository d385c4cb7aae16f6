// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Glibc

/// A host of the library in a process of its own (Tests/LifecycleHost), for what a test runner cannot do to
/// itself.
enum ChildHost {
    /// The release library, as `make` builds it.
    static let library: String = {
        if let path = getenv("AGENTOS_LIBRARY") { return String(cString: path) }
        return "\(Repository.root)/build/libagentos.so"
    }()

    /// For `.enabled(if:)`: without the built library these tests are reported as skipped, by name.
    static var isThere: Bool { access(library, R_OK) == 0 }

    /// Compiled once for all tests.
    static let program: Result<String, FileError> = {
        let folder = library.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/"
        )
        let path = "\(Repository.products)/lifecycle-host"
        do {
            let sources = try Repository.files(under: "Tests/LifecycleHost", suffix: ".c")
                .map { "\(Repository.root)/\($0)" }
            let flags = [
                "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I\(Repository.root)/include",
            ]
            let linking = ["-L\(folder)", "-l:libagentos.so", "-Wl,-rpath,\(folder)", "-pthread"]
            let run = try ChildRun.run("/usr/bin/cc", flags + ["-o", path] + sources + linking)
            guard run.end == .exited(0) else { throw FileError("Tests/LifecycleHost", run.errorText) }
            return .success(path)
        } catch {
            return .failure(error as? FileError ?? FileError(path, "\(error)"))
        }
    }()

    /// `nil` as a value takes the variable away.
    static func command(_ arguments: [String], _ variables: [(String, String?)]) throws -> [String] {
        let unset = variables.filter { $0.1 == nil }.flatMap { ["-u", $0.0] }
        let set = variables.compactMap { name, value in value.map { "\(name)=\($0)" } }
        return unset + set + [try program.get()] + arguments
    }

    /// Runs one case to its end, with a temporary directory of its own unless `variables` name one.
    static func run(
        _ arguments: [String],
        options: JSONValue? = nil,
        _ variables: [(String, String?)] = [],
        limit: Duration = .seconds(120)
    ) throws -> HostRun {
        try withTestFolder { folder in
            let own = [("HOST_OPTIONS", options.map { JSONWriter.text($0) }), ("TMPDIR", folder)]
            let command = try command(arguments, own + variables)
            return HostRun(run: try ChildRun.run("/usr/bin/env", command, limit: limit))
        }
    }
}

/// What such a host wrote: lines of a name and a value.
struct HostRun: CustomStringConvertible {
    let run: ChildRun
    var lines: [String] { run.outputText.split(separator: "\n").map { String($0) } }
    var succeeded: Bool { run.end == .exited(0) }
    var description: String { "\(run.end)\n\(run.outputText)\(run.errorText)" }

    func values(_ name: String) -> [String] {
        lines.filter { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }

    func value(_ name: String) -> String? { values(name).first }
    /// The number that a value begins with.
    func number(_ name: String) -> Int? { value(name)?.split(separator: " ").first.flatMap { Int($0) } }
}
