// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSSystem

@Suite("OwnedDescriptor")
struct OwnedDescriptorTests {
    @Test("the descriptor closes with its last owner, once: a number that was reused stays open")
    func closesOnce() throws {
        try FreshProcess.run("OwnedDescriptorTests/closesOnce") {
            let before = try openDescriptors()
            var first: OwnedDescriptor? = OwnedDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC))
            var second = first
            let number = try #require(first?.number)
            #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
            first = nil
            #expect(fcntl(number, F_GETFD) >= 0)
            #expect(second != nil)
            second = nil
            #expect(fcntl(number, F_GETFD) == -1)
            #expect(open("/dev/null", O_RDONLY | O_CLOEXEC) == number)
            for _ in 0..<100 { _ = try SystemCall.eventDescriptor() }
            #expect(fcntl(number, F_GETFD) >= 0)
            close(number)
            #expect(try openDescriptors() == before)
        }
    }

    @Test("when the writing end of a pipe is dropped its reader sees the end")
    func pipeEnd() throws {
        let ends = try SystemCall.pipe()
        var writer: OwnedDescriptor? = ends.write
        let read = ends.read
        SystemCall.setNonBlocking(read.number)
        var byte: [UInt8] = [0]
        // `ends` still holds the other reference.
        writer = nil
        #expect(writer == nil)
        #expect(throws: SystemError.wouldBlock) {
            try byte.withUnsafeMutableBytes { try SystemCall.read(read.number, into: $0) }
        }
        withExtendedLifetime(ends) {}
        let end = try Self.readerOfDroppedPipe()
        #expect(try byte.withUnsafeMutableBytes { try SystemCall.read(end.number, into: $0) } == 0)
    }

    private static func readerOfDroppedPipe() throws -> OwnedDescriptor { try SystemCall.pipe().read }
}
