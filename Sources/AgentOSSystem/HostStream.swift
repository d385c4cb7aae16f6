// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// A descriptor of the host, read or written without ever waiting in the call.
///
/// That it can be read is no promise: another reader may have been quicker. That it can be written is one for some
/// bytes only, and a terminal that was stopped takes the rest when it goes on. Whether a call waits is a property
/// of what is open, which the host shares: so terminals and pipes are opened once more for ourselves. open(2)
package final class HostStream: Sendable {
    /// What to wait on. Not what was opened once more: that was not there when the writer of a pipe went.
    package let number: Int32
    private let own: OwnedDescriptor?
    private let isSocket: Bool
    private let isTerminal: Bool

    package init(_ fd: Int32, forWriting: Bool) {
        number = fd
        var status = stat()
        let type = fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0
        isSocket = type == S_IFSOCK
        isTerminal = type == S_IFCHR && isatty(fd) != 0
        guard type == S_IFIFO || (type == S_IFCHR && aos_shim_is_terminal(fd) != 0) else {
            own = nil
            return
        }
        let access = forWriting ? O_WRONLY : O_RDONLY
        let opened = open("/proc/self/fd/\(fd)", access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        own = opened >= 0 ? OwnedDescriptor(opened) : nil
    }

    /// Throws `wouldBlock` where there is nothing to read yet.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        if isSocket { return try SystemCall.receive(number, into: buffer) }
        return try SystemCall.read(own?.number ?? number, into: buffer)
    }

    /// Whether a read failed because the other side is gone, which is the end of the input and no fault.
    package func isHungUp(_ error: SystemError) -> Bool {
        isTerminal && error == SystemError(EIO) || isSocket && error == SystemError(ECONNRESET)
    }

    /// Bytes written; throws `wouldBlock` where there is no room.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        if isSocket { return try SystemCall.send(number, bytes) }
        return try SystemCall.write(own?.number ?? number, bytes)
    }
}
