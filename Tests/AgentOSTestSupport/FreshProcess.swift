// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A test that needs a process of its own: descriptors to count, variables to set, a process to fork or to
/// lose.
package enum FreshProcess {
    private static let variable = "AGENTOS_FRESH_PROCESS"

    /// Whether this is the process that was started for the test named so.
    package static func isFor(_ name: String) -> Bool {
        getenv(variable).map { String(cString: $0) } == name
    }

    /// Starts the test program again, for the one test that `name` matches, and waits for its end.
    package static func start(
        _ name: String,
        environment: [String] = [],
        limit: Duration = .seconds(120)
    ) throws -> ChildRun {
        try ChildRun.run(
            "/usr/bin/env",
            ["\(variable)=\(name)"] + environment
                + [try program(), "--testing-library", "swift-testing", "--no-parallel", "--filter", name],
            limit: limit
        )
    }

    /// Does `body` in a process of its own. `name` is that of the test function that calls this, as
    /// `Suite/function`; nothing else may match it.
    package static func run(
        _ name: String,
        environment: [String] = [],
        limit: Duration = .seconds(120),
        _ body: () throws -> Void
    ) throws {
        if isFor(name) { return try body() }
        let run = try start(name, environment: environment, limit: limit)
        // The runner writes to either, and exits 0 as well when it found no test of this name.
        let text = run.outputText + run.errorText
        guard run.end == .exited(0), text.contains("Test run with 1 test passed") else {
            throw FileError(name, "ended with \(run.end)\n\(text)")
        }
    }

    private static func program() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw FileError("/proc/self/exe", "cannot be read") }
        return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The numbers of this process's open descriptors, and what each is.
package func openDescriptors() throws -> [Int32: String] {
    var found: [Int32: String] = [:]
    for name in try folder("/proc/self/fd") {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
        // The one that listed the folder is gone by now.
        guard count > 0, let number = Int32(name) else { continue }
        found[number] = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    return found
}

/// What this process has in memory.
package func residentBytes() -> Int {
    guard let statm = try? readFile("/proc/self/statm") else { return 0 }
    let fields = String(decoding: statm, as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
}

/// The names of this process's threads.
package func threadNames() throws -> [String] {
    try folder("/proc/self/task").compactMap { id in
        (try? readFile("/proc/self/task/\(id)/comm")).map { String(decoding: $0.dropLast(), as: UTF8.self) }
    }
}
