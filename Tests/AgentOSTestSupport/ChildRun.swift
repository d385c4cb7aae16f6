// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// What a child process wrote, and how it ended.
package struct ChildRun: Sendable {
    package enum End: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
        /// Killed by us: it ran longer than it was allowed to.
        case outOfTime
    }

    package let end: End
    package let standardOutput: [UInt8]
    package let standardError: [UInt8]

    package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    package var errorText: String { String(decoding: standardError, as: UTF8.self) }

    /// Runs a program to its end, with nothing to read on its standard input.
    ///
    /// The program leads a process group of its own, and all of it is killed when the time is over.
    package static func run(
        _ program: String,
        _ arguments: [String] = [],
        limit: Duration = .seconds(60)
    ) throws -> ChildRun {
        var outPipe: [Int32] = [-1, -1]
        var errPipe: [Int32] = [-1, -1]
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard null >= 0, aos_shim_pipe(&outPipe) == 0, aos_shim_pipe(&errPipe) == 0 else {
            throw FileError(program, "no descriptors for it")
        }
        defer { for fd in [null, outPipe[0], errPipe[0]] { close(fd) } }
        var pid: pid_t = 0
        var pidfd: Int32 = -1
        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        let standard = [null, outPipe[1], errPipe[1]]
        let failure = aos_shim_spawn(&argv, aos_shim_environment(), nil, standard, &pid, &pidfd)
        close(outPipe[1])
        close(errPipe[1])
        guard failure == 0 else { throw FileError(program, "cannot be started, error \(failure)") }
        defer { if pidfd >= 0 { close(pidfd) } }
        return collect(pid, outPipe[0], errPipe[0], until: ContinuousClock.now + limit)
    }

    /// Reads both pipes to their ends, then waits for the child.
    private static func collect(
        _ pid: pid_t,
        _ out: Int32,
        _ err: Int32,
        until deadline: ContinuousClock.Instant
    ) -> ChildRun {
        var pending = [
            pollfd(fd: out, events: Int16(POLLIN), revents: 0),
            pollfd(fd: err, events: Int16(POLLIN), revents: 0),
        ]
        var content: [[UInt8]] = [[], []]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var code: Int32 = 0
        var signal: Int32 = 0
        var isReaped = false
        while !isReaped {
            if ContinuousClock.now >= deadline {
                kill(-pid, SIGKILL)
                while aos_shim_reap(pid, &code, &signal) == 0 { usleep(1_000) }
                return ChildRun(end: .outOfTime, standardOutput: content[0], standardError: content[1])
            }
            if pending.allSatisfy({ $0.fd < 0 }) {
                isReaped = aos_shim_reap(pid, &code, &signal) != 0
                if !isReaped { usleep(1_000) }
                continue
            }
            poll(&pending, 2, 50)
            for index in 0..<2 where pending[index].fd >= 0 && pending[index].revents != 0 {
                let count = read(pending[index].fd, &buffer, buffer.count)
                if count > 0 { content[index] += buffer[..<count] } else { pending[index].fd = -1 }
            }
        }
        return ChildRun(
            end: signal == 0 ? .exited(code) : .signalled(signal),
            standardOutput: content[0],
            standardError: content[1]
        )
    }
}
