// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite(
    "Finding and starting the process (transport.md 2 and 3)",
    .serialized,
    .enabled(if: ChildHost.isThere)
)
struct StartTests {
    private let unset: [(String, String?)] = [
        ("AGENT_OS_SIDECAR_BIN", nil), ("AGENT_OS_SIDECAR_BINARY", nil), ("AGENTOS_SIDECAR_BIN", nil),
    ]

    /// A host that connects with no options, so that the environment alone says what is started.
    private func connect(_ variables: [(String, String?)], _ name: String = "connect") throws -> HostRun {
        try ChildHost.run([name], unset + variables)
    }

    @Test("the process has nothing of the host's but its environment (case 1)")
    func surroundings() throws {
        try withTestFolder { folder in
            let log = "\(folder)/log"
            let run = try connect(
                [
                    ("AGENT_OS_SIDECAR_BIN", ScriptedPeer.program), ("AGENTOS_SCRIPT_LOG", log),
                    ("TMPDIR", folder),
                ],
                "connect-rough"
            )
            #expect(run.succeeded, "\(run)")
            #expect(run.value("connect") == "AOS_OK ")
            let start = try JSONReader.parse(
                try readFile(log).split(separator: 0x0A).first.map { Array($0) } ?? []
            )
            #expect(start["argv"] == .array([.string(ScriptedPeer.program)]))
            #expect(start["fds"] == .array([.integer(0), .integer(1), .integer(2)]))
            #expect(start["blockedSignals"]?.stringValue == "0000000000000000")
            #expect(start["ignoredSignals"]?.stringValue == "0000000000000000")
            #expect(start["pgid"] == start["pid"])
            #expect(start["tmpdir"]?.stringValue?.hasPrefix("\(folder)/agentos-sidecar-") == true)
        }
    }

    @Test("which variable names the program (case 2)")
    func variables() throws {
        try withTestFolder { folder in
            let good = ScriptedPeer.program
            let bad = "\(folder)/missing"
            let logging: [(String, String?)] = [("AGENTOS_SCRIPT_LOG", "\(folder)/log")]
            let names = unset.map(\.0)
            let cases: [[(String, String?)]] = [
                [(names[0], ""), (names[1], good)],
                [(names[0], good), (names[1], bad)],
                [(names[0], good), (names[2], bad)],
                [(names[1], good), (names[2], bad)],
                [(names[2], good)],
            ]
            for variables in cases {
                let run = try connect(logging + variables)
                #expect(run.succeeded && run.value("connect") == "AOS_OK ", "\(variables): \(run)")
            }
            #expect(symlink(good, "\(folder)/agent-os-sidecar") == 0)
            let run = try connect(logging + [("PATH", "/nowhere:\(folder):/usr/bin")])
            #expect(run.succeeded && run.value("connect") == "AOS_OK ", "\(run)")
            let starts = try readFile("\(folder)/log").split(separator: 0x0A)
                .filter { String(decoding: $0, as: UTF8.self).hasPrefix(#"{"event":"start""#) }
            #expect(starts.count == cases.count + 1)
        }
    }

    @Test("a path with a slash is taken from the host's working directory (2.1)")
    func relative() throws {
        // The tests run in the root of the checkout, but do not count on it.
        let path = getcwd(nil, 0).map { path in
            defer { free(path) }
            return String(cString: path)
        }
        let up = (path ?? "").split(separator: "/").map { _ in ".." }.joined(separator: "/")
        let run = try connect([("AGENT_OS_SIDECAR_BIN", up + ScriptedPeer.program)])
        #expect(run.value("connect") == "AOS_OK ", "\(run)")
    }

    @Test("a program that cannot be started is named, with the variable that named it (case 3)")
    func failures() throws {
        try withTestFolder { folder in
            try writeFile("\(folder)/plain", [])
            try writeFile("\(folder)/garbage", [1, 2, 3])
            #expect(chmod("\(folder)/plain", 0o644) == 0 && chmod("\(folder)/garbage", 0o755) == 0)
            let cases = [
                ("AGENT_OS_SIDECAR_BIN", "/no/such/file", "No such file or directory (os error 2)"),
                ("AGENT_OS_SIDECAR_BINARY", "/no/such/file", "No such file or directory (os error 2)"),
                ("AGENT_OS_SIDECAR_BIN", "\(folder)/plain", "Permission denied (os error 13)"),
                ("AGENT_OS_SIDECAR_BIN", "\(folder)/garbage", "Exec format error (os error 8)"),
            ]
            for (variable, path, reason) in cases {
                let run = try connect([(variable, path), ("TMPDIR", folder)])
                let text = "AOS_E_SIDECAR failed to spawn sidecar '\(path)': \(reason) (from \(variable))"
                #expect(run.value("connect") == text, "\(run)")
                // Descriptors, threads, children and directories as before.
                #expect(run.succeeded && run.value("after")?.hasSuffix("settled") == true, "\(run)")
            }
        }
    }

    @Test("a failed search says where it looked, and how to get the program (decision 4)")
    func search() throws {
        let run = try connect([("PATH", "/nowhere")])
        #expect(run.succeeded, "\(run)")
        for part in [
            "failed to spawn sidecar 'agent-os-sidecar': No such file or directory (os error 2)", "/nowhere",
            "command",
            "AGENT_OS_SIDECAR_BIN", "AGENT_OS_SIDECAR_BINARY", "AGENTOS_SIDECAR_BIN",
            "@rivet-dev/agent-os-sidecar-linux-x64-gnu",
        ] {
            #expect(run.run.outputText.contains(part), "\(part)")
        }
    }

    @Test(
        "10 MB on stderr before a word on stdout: nothing blocks, nothing is shown, little is kept (case 4)"
    )
    func standardErrorFlood() throws {
        let actions = #"{"stderrFlood":10000000},{"sleep":1000},{"default":true}"#
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", actions))]")
        let run = try ChildHost.run(["connect"], options: peer.options())
        #expect(run.succeeded && run.value("connect") == "AOS_OK ", "\(run)")
        #expect(run.run.standardError.isEmpty)
        #expect(run.value("after")?.hasSuffix("settled") == true, "\(run)")
    }

    @Test("of 10 MB on stderr at most 64 KiB are held (case 4)")
    func heldStandardError() throws {
        let loud = ScriptedPeer(
            "[\(ScriptedPeer.on("authenticate", #"{"stderrFlood":10000000},{"default":true}"#))]"
        )
        let peer = ScriptedPeer()
        defer { withExtendedLifetime(peer) {} }
        let quiet = JSONWriter.text(peer.options())
        let run = try ChildHost.run(["stderr-flood", quiet], options: loud.options())
        #expect(run.succeeded, "\(run)")
        // Those, what they are read with, and the second connection itself.
        #expect((run.number("growth") ?? .max) < 512, "\(run)")
    }
}

@Suite("What stderr adds to an error (transport.md 3)")
struct StandardErrorTests {
    @Test("the last 4 KiB, from the start of a line, without space at the ends")
    func tail() throws {
        let actions = #"{"stderrFlood":200000},{"stderr":"last words \n\n"},{"exit":3}"#
        let peer = ScriptedPeer("[\(ScriptedPeer.on("authenticate", actions))]")
        let error = try #require(failure { try peer.sidecar().connect() })
        let stderr = try #require(error.stderr)
        #expect(stderr.utf8.count <= 4096 && stderr.utf8.count > 3500)
        #expect(stderr.hasSuffix("\nlast words"))
        #expect(stderr.hasPrefix(String(repeating: "e", count: 79) + "\n"))
        #expect(error.message.hasSuffix("\nstderr:\n" + stderr))
    }
}
