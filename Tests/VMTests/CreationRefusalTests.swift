// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Configurations that cannot be: named, and nothing started (vm.md 17, 11)")
struct CreationRefusalTests {
    @Test(
        "11: what is wrong with a configuration is named, and nothing is started",
        arguments: [
            (#"{"permisions":{}}"#, "permisions: unknown member"),
            (
                #"{"software":[{"package":"agent-os-no-such-pack"}]}"#,
                "software package not found: agent-os-no-such-pack"
            ),
            (#"{"software":[{"package":""}]}"#, "software[0].package"),
            (#"{"software":[{"package":"/bin/sh"}]}"#, "software package is not a directory: /bin/sh"),
            (#"{"software":[{"package":"/tmp","kind":"wasm"}]}"#, "software[0].kind"),
            (#"{"software":[{"package":"/tmp","kind":"agent"}]}"#, "Package at /tmp is missing a valid name"),
            (
                #"{"mounts":[{"path":"a/b","plugin":{"id":"memory"}}]}"#,
                "mounts[0].path: Path must be absolute: a/b"
            ),
            (
                #"{"mounts":[{"path":"/a//b","plugin":{"id":"memory"}}]}"#,
                "mounts[0].path: Path must be normalized: /a//b"
            ),
            (#"{"mounts":[{"path":"/","plugin":{"id":"memory"}}]}"#, "cannot mount over root"),
            (#"{"mounts":[{"path":"/m"}]}"#, "mounts[0].plugin: missing"),
            (#"{"mounts":[{"plugin":{"id":"memory"}}]}"#, "mounts[0].path: missing"),
            (#"{"mounts":[{"path":"/m","plugin":{"id":"memory","config":[1]}}]}"#, "mounts[0].plugin.config"),
            (
                #"{"mounts":[{"path":"/m/a","plugin":{"id":"memory"}},{"path":"/m/a/","plugin":{"id":"memory"}}]}"#,
                "already mounted at /m/a"
            ),
            (
                #"{"mounts":[{"path":"/m/h","plugin":{"id":"host_dir","config":{"hostPath":"/no/such"}}}]}"#,
                "mounts[0]: host directory not found: /no/such"
            ),
            (
                #"{"mounts":[{"path":"/m/h","plugin":{"id":"host_dir","config":{"hostPath":"tmp"}}}]}"#,
                "mounts[0]: host directory not found: tmp"
            ),
            (
                #"{"mounts":[{"path":"/m/h","plugin":{"id":"host_dir"}}]}"#,
                "mounts[0].plugin.config.hostPath: missing"
            ),
            (
                #"{"mounts":[{"path":"/data","plugin":{"id":"host_dir","config":{"hostPath":"/tmp"}}}]}"#,
                "host_dir mount point needs two components: /data"
            ),
            (#"{"mounts":[{"path":"/m","driver":{}}]}"#, "mounts[0].driver: unknown member"),
            (#"{"toolKits":[]}"#, "toolKits: unknown member"),
            (#"{"scheduleDriver":{}}"#, "scheduleDriver: unknown member"),
            (#"{"sidecar":{"kind":"shared"}}"#, "sidecar: unknown member"),
            (
                #"{"moduleAccessCwd":"/no/such/folder"}"#,
                "moduleAccessCwd: directory not found: /no/such/folder"
            ),
            (#"{"metadata":{"cwd":"/etc"}}"#, "metadata.cwd"),
            (#"{"metadata":{"cwd":"../x"}}"#, "metadata.cwd"),
            (#"{"metadata":{"a":1}}"#, "metadata.a: expected a string, found"),
            (#"{"readyTimeoutMs":-1}"#, "readyTimeoutMs"),
            (#"{"readyTimeoutMs":1.5}"#, "readyTimeoutMs"),
            (#"{"stdinGuard":1}"#, "stdinGuard: expected true or false"),
            (#"{"additionalInstructions":7}"#, "additionalInstructions: expected a string"),
            (#"{"permissions":"allow"}"#, "permissions: expected an object"),
            (#"{"permissions":{"files":"allow"}}"#, "permissions.files: unknown member"),
            (#"{"permissions":{"fs":"maybe"}}"#, "permissions.fs: expected one of allow, deny, ask"),
            (
                #"{"permissions":{"fs":{"rules":[{"operations":["read"]}]}}}"#,
                "permissions.fs.rules[0].mode: missing"
            ),
            (
                #"{"permissions":{"fs":{"rules":[{"mode":"allow","patterns":["x"]}]}}}"#,
                "permissions.fs.rules[0].patterns: unknown member"
            ),
            (
                #"{"permissions":{"network":{"rules":[{"mode":"allow","paths":["x"]}]}}}"#,
                "permissions.network.rules[0].paths: unknown member"
            ),
        ]
    )
    func refusedLocally(_ config: String, _ text: String) throws {
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        let error = failure { _ = try createVM(sidecar, text: config) }
        expect(error, AOS_E_INVALID, says: text)
        #expect(error?.kind == "invalid_argument")
        #expect(peer.starts.isEmpty)
        #expect(sidecar.vmCount == 0)
    }

    @Test(
        "a mount where a lower has a file or a link, or below one, is refused as at a configuration",
        arguments: [
            ("/w/f", "a lower has a file at /w/f"), ("/w/f/below", "a lower has a file at /w/f"),
            ("/w/l", "a lower has a link at /w/l"), ("/w/l/below", "a lower has a link at /w/l"),
        ]
    )
    func mountOnFile(_ path: String, _ text: String) throws {
        let lower = Lower.export(
            #"{"path":"/w/f","type":"file","content":"x"},{"path":"/w/l","type":"symlink","target":"d"},{"path":"/w/d","type":"directory"}"#
        )
        let peer = ScriptedPeer()
        let sidecar = try peer.sidecar()
        func config(_ path: String) throws -> JSONValue {
            let mount = "{\"path\":\"\(path)\",\"plugin\":{\"id\":\"memory\"}}"
            return try json("{\"rootFilesystem\":{\"lowers\":[\(lower)]},\"mounts\":[\(mount)]}")
        }
        let error = failure { _ = try sidecar.createVM(try config(path)) }
        #expect(error?.status == AOS_E_INVALID && error?.errno == "ENOTDIR")
        #expect(error?.message == "ENOTDIR: not a directory, mount '\(path)': \(text)")
        #expect(peer.requestTypes == [])
        _ = try sidecar.createVM(try config("/w/d"))
        _ = try sidecar.createVM(try config("/w/d/below"))
    }
}
