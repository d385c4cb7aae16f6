// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import AgentOSWire
import Testing

@testable import AgentOSClient

@Suite("Mount")
struct MountTests {
    private func mount(_ document: String, checksHost: Bool = true) throws(ClientError) -> Mount {
        try Mount(
            configuration: (try? JSONReader.parse(document)) ?? .null,
            place: "mounts[0]",
            checksHost: checksHost
        )
    }

    @Test("the longest path comes first, of equal ones the earlier (hazard H10)")
    func ordered() {
        let paths = ["/a", "/a/b/c", "/b", "/a/b", "/é", "/ccc"]
        let mounts = paths.map {
            Mount(path: $0, plugin: "memory", configuration: .object([]), isReadOnly: false)
        }
        #expect(Mount.ordered(mounts).map(\.path) == ["/a/b/c", "/a/b", "/ccc", "/é", "/a", "/b"])
    }

    @Test("a mount is sent as it is given")
    func wire() throws {
        let given = try mount(
            #"{"path":"/data/","plugin":{"id":"memory","config":{"b":1,"a":2}},"readOnly":true}"#
        )
        #expect(given.wire.guestPath == "/data" && given.wire.readOnly && given.wire.plugin.id == "memory")
        #expect(given.wire.plugin.config.text == #"{"a":2,"b":1}"#)
        #expect(given.place == "mounts[0]")
        #expect(try mount(#"{"path":"/d","plugin":{"id":"x"}}"#).wire.plugin.config.text == "{}")
        let host = Mount.hostDirectory("/h", at: "/a/b").wire
        #expect(host.plugin.config.text == #"{"hostPath":"/h","readOnly":true}"# && host.readOnly)
    }

    static let refused: [(document: String, text: String)] = [
        ("1", "mounts[0]: expected an object, found an integer"),
        (#"{"plugin":{"id":"x"}}"#, "mounts[0].path: missing"),
        (#"{"path":"/a"}"#, "mounts[0].plugin: missing"),
        (#"{"path":"/a","plugin":{}}"#, "mounts[0].plugin.id: missing"),
        (#"{"path":"a","plugin":{"id":"x"}}"#, "mounts[0].path: Path must be absolute: a"),
        (#"{"path":"/","plugin":{"id":"x"}}"#, "EINVAL: cannot mount over root"),
        (#"{"path":"/a","plugin":{"id":"x","config":[]}}"#, "mounts[0].plugin.config: expected an object"),
        (#"{"path":"/a/b","plugin":{"id":"host_dir"}}"#, "mounts[0].plugin.config.hostPath: missing"),
        (
            #"{"path":"/a/b","plugin":{"id":"host_dir","config":{"hostPath":"x"}}}"#,
            "mounts[0]: host directory not found: x"
        ),
        (
            #"{"path":"/a/b","plugin":{"id":"host_dir","config":{"hostPath":"/none/at/all"}}}"#,
            "mounts[0]: host directory not found: /none/at/all"
        ),
        (
            #"{"path":"/a","plugin":{"id":"host_dir","config":{"hostPath":"/"}}}"#,
            "EINVAL: host_dir mount point needs two components: /a"
        ),
    ]

    @Test("a mount with one thing wrong is refused", arguments: refused)
    func refused(document: String, text: String) {
        #expect(refusal { () throws(ClientError) in _ = try mount(document) } == text)
    }

    @Test("on another machine the directory is not looked for")
    func remote() throws {
        let text = #"{"path":"/a/b","plugin":{"id":"host_dir","config":{"hostPath":"/none/at/all"}}}"#
        #expect(try mount(text, checksHost: false).path == "/a/b")
    }
}
