// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import Testing

@testable import AgentOSClient

@Suite("LateEventNoise (hazard X3)")
struct LateEventNoiseTests {
    private static let stream =
        "[ERR_LATE_STREAM_EVENT] dropping StreamEvent after execution completed (event_type="
    private static let termination =
        "[ERR_LATE_TERMINATE_EXECUTION] dropping TerminateExecution after execution completed"

    static let texts: [(String, Bool)] = [
        (termination, true), (stream + "stdin, payload_len=5)", true),
        (stream + "stdin_end, payload_len=0)", true),
        (stream + "kill,payload_len=12)", true), (termination + "\n", false), (termination + ".", false),
        (stream + "stdin, payload_len=5)\n", false), (stream + "stdin, payload_len=)", false),
        (stream + "stdin, payload_len=x)", false), (stream + "STDIN, payload_len=5)", false),
        (stream + "stdin)", false), (stream + "stdin, payload_len=5", false), ("x" + termination, false),
        ("", false),
        ("[", false), (stream + String(repeating: "a", count: 120) + ", payload_len=5)", false),
    ]

    @Test("exactly the sidecar's own two texts are noise", arguments: texts)
    func isNoise(text: String, isNoise: Bool) throws {
        let block = try #require(ByteBlock.text(text))
        #expect(LateEventNoise.isNoise(block) == isNoise)
    }

    @Test("bytes that are no text are not noise")
    func bytes() throws {
        let block = try #require(ByteBlock.copy([0x5B, 0xFF, 0xFE]))
        #expect(!LateEventNoise.isNoise(block))
    }

    @Test(
        "programs of the JavaScript runtime are concerned",
        arguments: [
            ("node", true), ("/usr/bin/node", true), ("npm", true), ("npx", true), ("/a/b.js", true),
            ("x.mjs", true),
            ("x.cjs", true), ("sh", false), ("nodejs", false), ("node/sh", false), ("x.jsx", false),
            ("", false),
            ("/", false),
        ]
    )
    func concerns(command: String, isConcerned: Bool) {
        #expect(LateEventNoise.concerns(command) == isConcerned)
    }
}
