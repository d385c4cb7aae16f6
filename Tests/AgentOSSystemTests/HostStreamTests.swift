// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import Glibc
import Testing

@testable import AgentOSSystem

/// Each of these would wait for ever where a call waits.
@Suite("HostStream: descriptors of the host, never waited for in a call", .timeLimit(.minutes(10)))
struct HostStreamTests {
    /// Both sides of a new terminal. pty(7)
    private func terminal() throws -> (emulator: OwnedDescriptor, line: OwnedDescriptor) {
        let emulator = OwnedDescriptor(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC))
        try #require(emulator.number >= 0)
        var unlocked: Int32 = 0
        var number: Int32 = -1
        // TIOCSPTLCK and TIOCGPTN, which Swift does not import.
        try #require(ioctl(emulator.number, 0x4004_5431, &unlocked) == 0)
        try #require(ioctl(emulator.number, 0x8004_5430, &number) == 0)
        let line = OwnedDescriptor(open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC))
        try #require(line.number >= 0)
        return (emulator, line)
    }

    private func write(_ text: [UInt8], to stream: HostStream) throws -> Int {
        try text.withUnsafeBytes { (bytes) throws(SystemError) in try stream.write(bytes) }
    }

    private func read(_ stream: HostStream) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try bytes.withUnsafeMutableBytes { (buffer) throws(SystemError) in
            try stream.read(into: buffer)
        }
        return Array(bytes[..<count])
    }

    /// How many bytes it takes until it takes no more.
    private func fill(_ stream: HostStream) throws -> Int {
        let piece = [UInt8](repeating: 0x78, count: 4096)
        var total = 0
        while total < 64 << 20 {
            do { total += try write(piece, to: stream) } catch {
                #expect(error as? SystemError == .wouldBlock)
                return total
            }
        }
        return total
    }

    @Test("a terminal that nobody reads takes some and then says so, and keeps its flags")
    func stoppedTerminal() throws {
        let (emulator, line) = try terminal()
        let flags = fcntl(line.number, F_GETFL)
        let stream = HostStream(line.number, forWriting: true)
        let taken = try fill(stream)
        #expect(taken > 0 && taken < 64 << 20)
        #expect(fcntl(line.number, F_GETFL) == flags && flags & O_NONBLOCK == 0)
        withExtendedLifetime(emulator) {}
    }

    @Test("what goes to the emulator's side arrives on the same terminal")
    func emulator() throws {
        let (emulator, line) = try terminal()
        let stream = HostStream(emulator.number, forWriting: true)
        #expect(try write(Array("typed\n".utf8), to: stream) == 6)
        #expect(try read(HostStream(line.number, forWriting: false)) == Array("typed\n".utf8))
    }

    @Test("of a named pipe whose writer has gone the rest can be read, and then its end is seen")
    func namedPipe() throws {
        try withTestFolder { folder in
            let path = "\(folder)/pipe"
            try #require(mkfifo(path, 0o600) == 0)
            let reading = OwnedDescriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC))
            let writing = open(path, O_WRONLY | O_CLOEXEC)
            #expect(Glibc.write(writing, "last", 4) == 4)
            close(writing)
            _ = fcntl(reading.number, F_SETFL, 0)
            let stream = HostStream(reading.number, forWriting: false)
            #expect(try read(stream) == Array("last".utf8))
            var state = pollfd(fd: stream.number, events: Int16(POLLIN), revents: 0)
            #expect(poll(&state, 1, 10_000) == 1)
            #expect(try read(stream) == [])
        }
    }

    @Test("an empty pipe and an empty socket say so, and a full one too", arguments: [false, true])
    func emptyAndFull(isSocket: Bool) throws {
        var ends: [Int32] = [-1, -1]
        let made = isSocket ? socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) : pipe(&ends)
        try #require(made == 0)
        let (reading, writing) = (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
        let input = HostStream(reading.number, forWriting: false)
        #expect(throws: SystemError.wouldBlock) { _ = try read(input) }
        let taken = try fill(HostStream(writing.number, forWriting: true))
        #expect(taken > 0 && taken < 64 << 20)
        #expect(try read(input).count == 4096)
    }
}
