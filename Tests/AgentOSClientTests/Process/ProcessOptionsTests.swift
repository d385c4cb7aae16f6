// SPDX-License-Identifier: Apache-2.0
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("ProcessOptions")
struct ProcessOptionsTests {
    private func overflow(_ options: ProcessOptions) -> String { "\(options.overflow)" }

    @Test("without a document everything has its default")
    func defaults() throws {
        for forSpawn in [false, true] {
            let options = try ProcessOptions(document: nil, forSpawn: forSpawn)
            #expect(options.environment.isEmpty && options.directory == nil && options.timeout == nil)
            #expect(options.killGrace == 5_000_000_000 && options.tier == nil)
            #expect(options.captureBytes == 64 << 20)
            #expect(overflow(options) == "keep(bytes: 268435456)")
        }
    }

    @Test("every option is taken")
    func all() throws {
        let common =
            #""env":{"A":"1"},"cwd":"/tmp/","timeoutMs":0,"killGraceMs":20,"wasmPermissionTier":"read-only""#
        for own in [#""maxOutputBytes":7"#, #""overflow":"ring","overflowBytes":4096"#] {
            let forSpawn = own.hasPrefix("\"overflow")
            let options = try ProcessOptions(document: "{\(common),\(own)}", forSpawn: forSpawn)
            #expect(options.environment.map(\.name) == ["A"] && options.directory == "/tmp")
            #expect(options.timeout == 0 && options.killGrace == 20_000_000 && options.tier == .readOnly)
            if forSpawn {
                #expect(overflow(options) == "ring(bytes: 4096)")
            } else {
                #expect(options.captureBytes == 7)
            }
        }
        #expect(try ProcessOptions(document: #"{"captureStdio":false}"#, forSpawn: false).captureBytes == nil)
        let ring = try ProcessOptions(document: #"{"overflow":"ring"}"#, forSpawn: true)
        #expect(overflow(ring) == "ring(bytes: 1048576)")
        let keep = try ProcessOptions(document: #"{"overflowBytes":5000}"#, forSpawn: true)
        #expect(overflow(keep) == "keep(bytes: 5000)")
    }

    static let refused: [(document: String, forSpawn: Bool, text: String)] = [
        (#"{"stdio":"inherit"}"#, true, "unsupported option: stdio"),
        (#"{"onStdout":1,"x":2}"#, false, "unsupported option: onStdout"),
        (#"{"cwd":"a"}"#, false, "Path must be absolute: a"),
        (#"{"env":{"":"x"}}"#, false, "env.: a name is not empty and has no `=`, and neither has a NUL byte"),
        (
            #"{"overflow":"ring"}"#, false,
            "overflow: unknown member; known are env, cwd, timeoutMs, killGraceMs, wasmPermissionTier, maxOutputBytes, "
                + "captureStdio"
        ),
        (
            #"{"maxOutputBytes":1}"#, true,
            "maxOutputBytes: unknown member; known are env, cwd, timeoutMs, killGraceMs, wasmPermissionTier, overflow, "
                + "overflowBytes, replayBytes"
        ),
        (
            #"{"overflowBytes":4095}"#, true,
            "overflowBytes: expected an integer from 4096 to 1099511627776, found 4095"
        ),
        (
            #"{"wasmPermissionTier":"readOnly"}"#, true,
            "wasmPermissionTier: expected one of full, read-write, read-only, isolated, found \"readOnly\""
        ),
    ]

    @Test("a document with one thing wrong is refused", arguments: refused)
    func refused(document: String, forSpawn: Bool, text: String) {
        let found = refusal { () throws(ClientError) in
            _ = try ProcessOptions(document: document, forSpawn: forSpawn)
        }
        #expect(found == text)
    }
}
