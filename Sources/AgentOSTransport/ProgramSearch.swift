// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import Glibc

/// Finds the sidecar's program (architecture decision 4).
package enum ProgramSearch {
    package static let defaultName: String = "agent-os-sidecar"
    /// In the order in which they are asked. The reference clients read one each; the last is our own.
    package static let variables: [String] = [
        "AGENT_OS_SIDECAR_BIN", "AGENT_OS_SIDECAR_BINARY", "AGENTOS_SIDECAR_BIN",
    ]

    /// The command to start: the one given, else what a variable names, else the default name.
    package static func command(given: [String]?) -> SpawnRequest {
        if let given, !given.isEmpty { return SpawnRequest(command: given) }
        for variable in variables {
            if let value = environmentValue(variable), !value.isEmpty {
                return SpawnRequest(command: [value], source: variable)
            }
        }
        return SpawnRequest(command: [defaultName])
    }

    static func environmentValue(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The file to execute. A name without `/` is searched in the host's `PATH`.
    static func resolve(_ request: SpawnRequest) throws(SpawnError) -> String {
        let program = request.program
        if program.utf8.contains(UInt8(ascii: "/")) { return program }
        let path = environmentValue("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        var denied: String?
        for folder in path.split(separator: ":", omittingEmptySubsequences: false) where !program.isEmpty {
            let candidate = folder.isEmpty ? "./\(program)" : "\(folder)/\(program)"
            if access(candidate, X_OK) == 0 { return candidate }
            if errno == EACCES { denied = candidate }
        }
        throw failure(request, errorNumber: denied == nil ? ENOENT : EACCES, searchedPath: path)
    }

    /// The reference client's text, with the variable that named the program, and for a failed search all
    /// places.
    static func failure(_ request: SpawnRequest, errorNumber: Int32, searchedPath: String? = nil)
        -> SpawnError
    {
        var text = "failed to spawn sidecar '\(request.program)': \(SystemError(errorNumber).osErrorText)"
        if let source = request.source { text += " (from \(source))" }
        // The same number says that of the program, of its interpreter, and of where it was to run.
        if let directory = request.directory, access(directory, X_OK) != 0 {
            text += ": the option \"cwd\" cannot be entered: \(directory): \(SystemError.current.osErrorText)"
        }
        if let searchedPath {
            text += "\nlooked for '\(request.program)' in PATH (\(searchedPath))"
            if request.source == nil, request.program == defaultName {
                text +=
                    "; the option \"command\" was not given, and \(variables.joined(separator: ", ")) are not set"
            }
            text +=
                "\nthe binary is in the npm package @rivet-dev/agent-os-sidecar-linux-x64-gnu (version 0.2.0-rc.2): "
            text += "give it its run bit and name it with \(variables[0]) or the option \"command\""
        }
        return SpawnError(text: text, errorNumber: errorNumber)
    }
}
