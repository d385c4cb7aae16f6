// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import AgentOSClient

@Suite("SidecarOptions")
struct SidecarOptionsTests {
    @Test("without a document everything has its default")
    func defaults() throws {
        for options in [try SidecarOptions(document: nil), try SidecarOptions(document: "{}")] {
            #expect(options.sidecarID == nil && options.fileGuards)
            #expect(options.connection.command == nil && options.connection.directory == nil)
            #expect(options.connection.environment.isEmpty && !options.connection.isRemote)
            #expect(options.connection.authToken == "agent-os-client")
            #expect(options.connection.unresponsiveNanoseconds == 60_000_000_000)
            #expect(options.connection.stopGraceNanoseconds == 5_000_000_000)
            #expect(options.connection.limits.limit(of: "authenticate") == 30_000_000_000)
            #expect(options.connection.limits.limit(of: "execute") == 60_000_000_000)
        }
    }

    @Test("every option is taken")
    func all() throws {
        let options = try SidecarOptions(
            document: #"""
                {"sidecarId":"mine","command":["a","b c"],"env":{"X":"1","Y":""},"cwd":"/w","authToken":"t",
                 "deadlines":{"execute":5,"authenticate":0,"default":7},"unresponsiveMs":0,"stopGraceMs":9,
                 "hostPaths":"remote","fileGuards":"off"}
                """#
        )
        #expect(options.sidecarID == "mine" && !options.fileGuards)
        let connection = options.connection
        #expect(connection.command == ["a", "b c"] && connection.directory == "/w" && connection.isRemote)
        #expect(connection.environment.map { "\($0.name)=\($0.value)" } == ["X=1", "Y="])
        #expect(connection.authToken == "t")
        #expect(connection.limits.limit(of: "execute") == 5_000_000)
        #expect(connection.limits.limit(of: "authenticate") == 0)
        #expect(connection.limits.limit(of: "vm_fetch") == 7_000_000)
        #expect(connection.unresponsiveNanoseconds == 0 && connection.stopGraceNanoseconds == 9_000_000)
        let request = connection.spawnRequest()
        #expect(request.command == ["a", "b c"] && request.directory == "/w" && request.source == nil)
        #expect(request.environment.map(\.name) == ["X", "Y"])
    }

    private static let env = "a name is not empty and has no `=`, and neither has a NUL byte"
    static let refused: [(document: String, text: String)] = [
        (#"{"command":[]}"#, "command: expected a program and its arguments, found an empty list"),
        (#"{"command":[""]}"#, "command[0]: must not be empty"),
        (
            #"{"sandbox":{"kind":"bubblewrap","hostDirectories":["a"]}}"#,
            "sandbox.hostDirectories[0]: Path must be absolute: a"
        ),
        (#"{"command":["a","\u0000"]}"#, "command[1]: contains a NUL byte"),
        (#"{"command":"a"}"#, "command: expected an array, found a string"),
        (#"{"env":{"":"x"}}"#, "env.: \(env)"), (#"{"env":{"A=B":"x"}}"#, "env.A=B: \(env)"),
        (#"{"env":{"A":"\u0000"}}"#, "env.A: \(env)"),
        (#"{"authToken":""}"#, "authToken: must not be empty; it would end the sidecar"),
        (#"{"deadlines":{"exec":1}}"#, "deadlines.exec: no such request type; \"default\" is for all others"),
        (
            #"{"deadlines":{"execute":-1}}"#,
            "deadlines.execute: expected an integer from 0 to 86400000000, found -1"
        ),
        (#"{"hostPaths":"far"}"#, "hostPaths: expected one of local, remote, found \"far\""),
        (#"{"fileGuards":true}"#, "fileGuards: expected a string, found a boolean"),
        (
            #"{"pool":"x"}"#,
            "pool: unknown member; known are sidecarId, command, env, cwd, authToken, deadlines, unresponsiveMs, "
                + "stopGraceMs, processEndMs, hostPaths, fileGuards, sandbox"
        ),
    ]

    @Test("a document with one thing wrong is refused", arguments: refused)
    func refused(document: String, text: String) {
        #expect(refusal { () throws(ClientError) in _ = try SidecarOptions(document: document) } == text)
    }
}
