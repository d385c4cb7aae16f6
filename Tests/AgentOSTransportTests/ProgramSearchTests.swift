// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSTransport

@Suite("ProgramSearch (architecture decision 4)")
struct ProgramSearchTests {
    private static let package =
        "\nthe binary is in the npm package @rivet-dev/agent-os-sidecar-linux-x64-gnu (version 0.2.0-rc.2): "
        + "give it its run bit and name it with AGENT_OS_SIDECAR_BIN or the option \"command\""

    @Test("a command that is given is taken as it is, and an empty one is none")
    func given() {
        let request = ProgramSearch.command(given: ["a", "b"])
        #expect(request.command == ["a", "b"])
        #expect(request.source == nil)
        #expect(request.program == "a")
        #expect(SpawnRequest(command: []).program.isEmpty)
    }

    @Test("three variables are asked in their order, empty ones are passed over, then the default name comes")
    func variables() throws {
        try FreshProcess.run("ProgramSearchTests/variables") {
            let names = ["AGENT_OS_SIDECAR_BIN", "AGENT_OS_SIDECAR_BINARY", "AGENTOS_SIDECAR_BIN"]
            #expect(ProgramSearch.variables == names)
            for name in names { setenv(name, "/\(name)", 1) }
            for name in names {
                let found = ProgramSearch.command(given: nil)
                #expect(found.command == ["/\(name)"])
                #expect(found.source == name)
                #expect(ProgramSearch.command(given: []).source == name)
                #expect(ProgramSearch.command(given: ["x"]).command == ["x"])
                if name == names[1] { setenv(name, "", 1) } else { unsetenv(name) }
            }
            let last = ProgramSearch.command(given: nil)
            #expect(last.command == ["agent-os-sidecar"])
            #expect(last.source == nil)
        }
    }

    @Test("a name without a slash is searched in PATH, folder by folder; a name with one is not")
    func path() throws {
        try withTestFolder { folder in
            try FreshProcess.run("ProgramSearchTests/path", environment: ["AGENTOS_TEST_FOLDER=\(folder)"]) {
                let folder = try #require(ProgramSearch.environmentValue("AGENTOS_TEST_FOLDER"))
                for name in ["a", "b", "c"] { mkdir("\(folder)/\(name)", 0o755) }
                for file in ["b/tool", "c/tool", "c/other"] {
                    try writeFile("\(folder)/\(file)", [])
                    chmod("\(folder)/\(file)", 0o755)
                }
                try writeFile("\(folder)/a/tool", [])
                func resolve(_ name: String) throws -> String {
                    try ProgramSearch.resolve(SpawnRequest(command: [name]))
                }
                setenv("PATH", "\(folder)/none:\(folder)/a:\(folder)/b:\(folder)/c", 1)
                #expect(try resolve("tool") == "\(folder)/b/tool")
                #expect(try resolve("other") == "\(folder)/c/other")
                #expect(try resolve("./tool") == "./tool")
                #expect(try resolve("/none/at/all") == "/none/at/all")
                // An empty part of PATH is the working directory.
                chdir("\(folder)/c")
                setenv("PATH", "\(folder)/a:", 1)
                #expect(try resolve("other") == "./other")
                unsetenv("PATH")
                #expect(try resolve("sh").hasSuffix("/sh"))
            }
        }
    }

    @Test("a search in vain names what was looked for, where, and where to get it")
    func texts() throws {
        try FreshProcess.run("ProgramSearchTests/texts") {
            setenv("PATH", "/nowhere:/none", 1)
            func text(_ request: SpawnRequest) -> String {
                do throws(SpawnError) { return try ProgramSearch.resolve(request) } catch {
                    return error.text
                }
            }
            #expect(
                text(SpawnRequest(command: ["agent-os-sidecar"]))
                    == "failed to spawn sidecar 'agent-os-sidecar': "
                    + "No such file or directory (os error 2)\nlooked for 'agent-os-sidecar' in PATH (/nowhere:/none); "
                    + "the option \"command\" was not given, and AGENT_OS_SIDECAR_BIN, AGENT_OS_SIDECAR_BINARY, "
                    + "AGENTOS_SIDECAR_BIN are not set" + Self.package
            )
            #expect(
                text(SpawnRequest(command: ["mine"], source: "AGENTOS_SIDECAR_BIN"))
                    == "failed to spawn sidecar 'mine': No such file or directory (os error 2) "
                    + "(from AGENTOS_SIDECAR_BIN)\nlooked for 'mine' in PATH (/nowhere:/none)" + Self.package
            )
            #expect(
                text(SpawnRequest(command: [""]))
                    == "failed to spawn sidecar '': No such file or directory (os error 2)\n"
                    + "looked for '' in PATH (/nowhere:/none)" + Self.package
            )
        }
    }

    @Test("a path that cannot be executed has the short text")
    func failure() {
        let error = ProgramSearch.failure(SpawnRequest(command: ["/x/y"]), errorNumber: EACCES)
        #expect(error.text == "failed to spawn sidecar '/x/y': Permission denied (os error 13)")
        #expect(error.errorNumber == EACCES)
    }
}
