// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import CAgentOSShims
import Glibc
import Testing

@testable import AgentOSSystem

@Suite("TemporaryDirectory")
struct TemporaryDirectoryTests {
    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    /// What a host leaves behind: a directory with its lock file, and something of a guest in it.
    private func leave(_ path: String) throws {
        mkdir(path, 0o700)
        try writeFile("\(path)/.owner", [])
        mkdir("\(path)/locked", 0o700)
        try writeFile("\(path)/locked/file", [1])
        chmod("\(path)/locked", 0)
    }

    @Test("a directory is made that only its owner may enter, with a lock file that is held")
    func make() throws {
        try withTestFolder { folder in
            try FreshProcess.run("TemporaryDirectoryTests/make", environment: ["TMPDIR=\(folder)"]) {
                #expect(TemporaryDirectory.parent.hasPrefix("/tmp/agentos-test-"))
                let directory = try TemporaryDirectory.make()
                let other = try TemporaryDirectory.make()
                #expect(directory.path.hasPrefix("\(TemporaryDirectory.parent)/agentos-sidecar-"))
                #expect(directory.path != other.path)
                #expect(mode(directory.path) == 0o700)
                #expect(mode("\(directory.path)/.owner") == 0o600)
                #expect(aos_shim_lock_file("\(directory.path)/.owner", 0) == -1)
                #expect(SystemError.current.number == EWOULDBLOCK)
                mkdir("\(directory.path)/a", 0o700)
                try writeFile("\(directory.path)/a/file", [1])
                symlink(other.path, "\(directory.path)/a/link")
                chmod("\(directory.path)/a", 0)
                directory.remove()
                #expect(mode(directory.path) == nil)
                #expect(mode("\(other.path)/.owner") != nil, "a link was followed")
                other.remove()
                #expect(mode(other.path) == nil)
                other.remove()
            }
            #expect(try AgentOSTestSupport.folder(folder).isEmpty)
        }
    }

    @Test("an empty or absent TMPDIR means /tmp, and one that is not there is an error")
    func parent() throws {
        try FreshProcess.run("TemporaryDirectoryTests/parent") {
            setenv("TMPDIR", "", 1)
            #expect(TemporaryDirectory.parent == "/tmp")
            unsetenv("TMPDIR")
            #expect(TemporaryDirectory.parent == "/tmp")
            setenv("TMPDIR", "/nowhere/at/all", 1)
            #expect(TemporaryDirectory.parent == "/nowhere/at/all")
            #expect(throws: SystemError(ENOENT)) { try TemporaryDirectory.make() }
        }
    }

    @Test("the first start removes what dead hosts left, and nothing else; the next does not look again")
    func sweep() throws {
        try withTestFolder { folder in
            if FreshProcess.isFor("TemporaryDirectoryTests/sweep") {
                let place = TemporaryDirectory.parent
                let directory = try TemporaryDirectory.make()
                #expect(mode("\(place)/agentos-sidecar-dead") == nil)
                try leave("\(place)/agentos-sidecar-late")
                try TemporaryDirectory.make().remove()
                #expect(mode("\(place)/agentos-sidecar-late") != nil)
                directory.remove()
                return
            }
            try leave("\(folder)/agentos-sidecar-dead")
            try leave("\(folder)/agentos-sidecar-alive")
            try leave("\(folder)/agentos-other")
            mkdir("\(folder)/agentos-sidecar-nolock", 0o700)
            try writeFile("\(folder)/agentos-sidecar-file", [1])
            symlink("agentos-other", "\(folder)/agentos-sidecar-link")
            let lock = aos_shim_lock_file("\(folder)/agentos-sidecar-alive/.owner", 0)
            #expect(lock >= 0)
            defer { close(lock) }
            try FreshProcess.run("TemporaryDirectoryTests/sweep", environment: ["TMPDIR=\(folder)"]) {}
            #expect(
                try AgentOSTestSupport.folder(folder).sorted() == [
                    "agentos-other", "agentos-sidecar-alive", "agentos-sidecar-file", "agentos-sidecar-late",
                    "agentos-sidecar-nolock",
                ]
            )
            // A link went as a link: what it led to is whole.
            #expect(mode("\(folder)/agentos-other/.owner") != nil)
            #expect(mode("\(folder)/agentos-other/locked") == 0)
        }
    }

    @Test("what a killed host left is removed by the next one")
    func killedHost() throws {
        let name = "TemporaryDirectoryTests/killedHost"
        try withTestFolder { folder in
            if FreshProcess.isFor(name) {
                let directory = try TemporaryDirectory.make()
                if getenv("AGENTOS_TEST_DIES") != nil { raise(SIGKILL) }
                return directory.remove()
            }
            let killed = try FreshProcess.start(
                name,
                environment: ["TMPDIR=\(folder)", "AGENTOS_TEST_DIES=1"]
            )
            #expect(killed.end == .signalled(SIGKILL))
            #expect(try AgentOSTestSupport.folder(folder).count == 1)
            let next = try FreshProcess.start(name, environment: ["TMPDIR=\(folder)"])
            #expect(next.end == .exited(0), "\(next.outputText)")
            #expect(try AgentOSTestSupport.folder(folder).isEmpty)
        }
    }
}
