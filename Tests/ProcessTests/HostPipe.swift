// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS
import Glibc

/// A pipe of the host's, closed at its end.
final class HostPipe: Sendable {
    private let ends: Guarded<(reading: Int32, writing: Int32)>

    init() throws {
        var descriptors: [Int32] = [-1, -1]
        guard pipe(&descriptors) == 0 else { throw HostError(aos_status(AOS_E_NOMEM), nil) }
        // A sidecar of another test that held an end would keep it from ever being closed.
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        ends = Guarded((descriptors[0], descriptors[1]))
    }

    deinit {
        closeReading()
        closeWriting()
    }

    var reading: Int32 { ends.withLock { $0.reading } }
    var writing: Int32 { ends.withLock { $0.writing } }

    func closeReading() {
        ends.withLock { ends in
            if ends.reading >= 0 { Glibc.close(ends.reading) }
            ends.reading = -1
        }
    }

    func closeWriting() {
        ends.withLock { ends in
            if ends.writing >= 0 { Glibc.close(ends.writing) }
            ends.writing = -1
        }
    }

    /// Writes a text that fits the pipe.
    func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(writing, bytes, bytes.count)
    }

    /// A pipe that gives this text and then its end.
    static func giving(_ text: String) throws -> HostPipe {
        let pipe = try HostPipe()
        pipe.write(text)
        pipe.closeWriting()
        return pipe
    }

    /// What is in it now, without waiting for more.
    func available() -> String {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        var state = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        while poll(&state, 1, 0) == 1, state.revents & Int16(POLLIN) != 0 {
            let count = Glibc.read(reading, &piece, piece.count)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads until `count` bytes have come, or none comes for 20 s.
    func read(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < count {
            var state = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            guard poll(&state, 1, 20_000) == 1 else { break }
            let got = Glibc.read(reading, &piece, min(piece.count, count - bytes.count))
            guard got > 0 else { break }
            bytes += piece[..<got]
        }
        return bytes
    }
}

/// The flags of a descriptor and of what it stands for: a library that borrows it leaves them alone.
func flags(of descriptor: Int32) -> [Int32] {
    [fcntl(descriptor, F_GETFL), fcntl(descriptor, F_GETFD)]
}

/// Runs a body in which SIGPIPE would end this process.
func withDeadlyPipes(_ body: () throws -> Void) rethrows {
    let before = signal(SIGPIPE, SIG_DFL)
    defer { signal(SIGPIPE, before) }
    try body()
}
