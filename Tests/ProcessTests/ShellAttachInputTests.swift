// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("What a shell gets of a descriptor of the host's", .timeLimit(.minutes(10)))
struct ShellAttachInputTests {
    private typealias S = ProcessScript

    @Test("text is given in whole characters, and what is left at the end as it is")
    func characters() throws {
        let peer = S.peer(S.on("close_stdin", S.answer, S.exit(4)))
        let shell = try peer.sidecar().createVM().openShell()
        let text = "a" + String(repeating: "é", count: 2047) + "日本"
        let input = try HostPipe.giving(text + "€")
        // The last character lacks its last byte.
        let cut = try HostPipe()
        let bytes = input.read(text.utf8.count + 2)
        #expect(Glibc.write(cut.writing, bytes, bytes.count) == bytes.count)
        cut.closeWriting()
        #expect(try shell.attach(input: cut.reading) == 4)
        let chunks = peer.requests("write_stdin").compactMap { request -> [UInt8]? in
            guard case .array(let bytes)? = request["chunk"] else { return nil }
            return bytes.compactMap { $0.integerValue.map { UInt8($0) } }
        }
        #expect(chunks.flatMap { $0 } == bytes)
        #expect(chunks.count > 1)
        #expect(chunks.dropLast().allSatisfy { String(validating: $0, as: UTF8.self) != nil })
    }

    @Test("an input that cannot be read is an error, and not its end")
    func unreadable() throws {
        let peer = S.peer(S.on("close_stdin", S.answer, S.exit(4)))
        let shell = try peer.sidecar().createVM().openShell()
        let folder = open("/tmp", O_RDONLY | O_CLOEXEC)
        defer { close(folder) }
        let error = failure { _ = try shell.attach(input: folder) }
        #expect(error?.status == AOS_E_INVALID)
        #expect(error?.message.contains("in_fd: cannot be read") == true, "\(String(describing: error))")
        #expect(!peer.typesAfterCreation.contains("close_stdin"))
    }
}
