// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Documents that are not to be read: the place in the text, and nothing started")
struct BadDocumentTests {
    private let peer: ScriptedPeer = ScriptedPeer()

    @Test(
        "a document that is no JSON, or is not to be read strictly",
        arguments: [
            ("{", "invalid JSON"), ("", "invalid JSON"), ("[]", "expected an object, found"),
            ("7", "expected an object"),
            ("\"x\"", "expected an object"), ("{\"a\":1}", "a: unknown member; known are software"),
            ("{\"mounts\":[],\"mounts\":[]}", "mounts: given twice"),
            ("{\"mounts\":{}}", "mounts: expected an array"),
            ("{\"mounts\":[null]}", "mounts[0]: expected an object"),
            ("{\"mounts\":[7]}", "mounts[0]: expected an object"),
            ("{\"software\":\"x\"}", "software: expected an array"),
            ("{\"software\":[{\"package\":7}]}", "software[0].package: expected a string"),
            ("{\"loopbackExemptPorts\":[\"80\"]}", "loopbackExemptPorts[0]: expected an integer"),
            ("{\"loopbackExemptPorts\":[80.5]}", "loopbackExemptPorts[0]"),
            ("{\"loopbackExemptPorts\":[1e3]}", "loopbackExemptPorts[0]"),
            ("{\"loopbackExemptPorts\":[65536]}", "expected an integer from 1 to 65535, found 65536"),
            ("{\"readyTimeoutMs\":18446744073709551615}", "readyTimeoutMs: expected an integer from 0"),
            ("{\"allowedNodeBuiltins\":[1]}", "allowedNodeBuiltins[0]: expected a string"),
            ("{\"rootFilesystem\":[]}", "rootFilesystem: expected an object"),
            (
                "{\"rootFilesystem\":{\"mode\":\"readonly\"}}",
                "rootFilesystem.mode: expected one of ephemeral, read-only"
            ),
            ("{\"rootFilesystem\":{\"type\":\"disk\"}}", "rootFilesystem.type: expected one of overlay"),
            ("{\"rootFilesystem\":{\"lowers\":{}}}", "rootFilesystem.lowers: expected an array"),
            (
                "{\"rootFilesystem\":{\"disableDefaultBaseLayer\":0}}",
                "rootFilesystem.disableDefaultBaseLayer"
            ),
            ("{\"metadata\":[]}", "metadata: expected an object"), ("{} {}", "invalid JSON"),
            ("{\"a\":1,}", "invalid JSON"),
            ("\u{FEFF}{}", "invalid JSON"), ("{'a':1}", "invalid JSON"),
            ("{\"metadata\":{\"a\":\"\\ud800\"}}", "invalid JSON"),
        ]
    )
    func documents(_ text: String, _ message: String) throws {
        let sidecar = try peer.sidecar()
        let error = failure { _ = try createVM(sidecar, text: text) }
        expect(error, AOS_E_INVALID, says: message)
        #expect(error?.kind == "invalid_argument")
        #expect(peer.starts.isEmpty)
    }

    @Test("a document that is not UTF-8, too deep, or of a length that cannot be")
    func documentBytes() throws {
        let sidecar = try peer.sidecar()
        expect(
            failure { _ = try createVM(sidecar, text: Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8)) },
            AOS_E_INVALID,
            says: "config_json: not valid UTF-8 at byte 6"
        )
        expect(
            failure { _ = try createVM(sidecar, text: Array("{}".utf8), length: -5) },
            AOS_E_INVALID,
            says: "config_json"
        )
        let deep = String(repeating: "[", count: 100_000)
        expect(
            failure { _ = try createVM(sidecar, text: "{\"mounts\":\(deep)") },
            AOS_E_INVALID,
            says: "invalid JSON"
        )
        #expect(peer.starts.isEmpty)
    }

    @Test("null is as good as absent in every member")
    func nulls() throws {
        let sidecar = try peer.sidecar()
        let id = try createVM(
            sidecar,
            text: """
                {"software":null,"mounts":null,"rootFilesystem":null,"permissions":null,"moduleAccessCwd":null,\
                "additionalInstructions":null,"allowedNodeBuiltins":null,"loopbackExemptPorts":null,"metadata":null,\
                "readyTimeoutMs":null,"stdinGuard":null}
                """
        )
        #expect(HostVM(sidecar, id).isAlive)
    }
}
