// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// The system calls of the project, each with its `EINTR` loop and its `errno` read in one place.
package enum SystemCall {
    /// Two connected stream sockets, close-on-exec; ours with large buffers. socketpair(2)
    package static func socketPair() throws(SystemError) -> (ours: OwnedDescriptor, theirs: OwnedDescriptor) {
        var pair: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &pair) { bytes in
            aos_shim_socketpair(bytes.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw .current }
        _ = aos_shim_set_socket_buffers(pair.0, 1 << 20)
        _ = aos_shim_set_socket_buffers(pair.1, 1 << 20)
        return (OwnedDescriptor(pair.0), OwnedDescriptor(pair.1))
    }

    /// Read end and write end of a pipe, close-on-exec. pipe2(2)
    package static func pipe() throws(SystemError) -> (read: OwnedDescriptor, write: OwnedDescriptor) {
        var pair: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &pair) { bytes in
            aos_shim_pipe(bytes.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw .current }
        return (OwnedDescriptor(pair.0), OwnedDescriptor(pair.1))
    }

    /// Bytes sent; throws `wouldBlock` when the socket is full. Never raises SIGPIPE. send(2)
    package static func send(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        let sent = aos_shim_send(fd, bytes.baseAddress, bytes.count)
        guard sent >= 0 else { throw .current }
        return sent
    }

    /// The same for several pieces in one call. sendmsg(2)
    package static func send(_ fd: Int32, _ parts: [UnsafeRawBufferPointer]) throws(SystemError) -> Int {
        let pieces = parts.map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }
        let sent = aos_shim_send_parts(fd, pieces, pieces.count)
        guard sent >= 0 else { throw .current }
        return sent
    }

    /// Bytes received, 0 at the end; throws `wouldBlock` when nothing is there. recv(2)
    package static func receive(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError)
        -> Int
    {
        let got = aos_shim_receive(fd, buffer.baseAddress, buffer.count)
        guard got >= 0 else { throw .current }
        return got
    }

    /// Bytes read, 0 at the end. read(2)
    package static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError)
        -> Int
    {
        while true {
            let got = Glibc.read(fd, buffer.baseAddress, buffer.count)
            if got >= 0 { return got }
            if errno != EINTR { throw .current }
        }
    }

    /// Bytes written. Raises SIGPIPE where that is not blocked. write(2)
    package static func write(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        while true {
            let count = Glibc.write(fd, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            if errno != EINTR { throw .current }
        }
    }

    package static func isOpen(_ fd: Int32) -> Bool { fcntl(fd, F_GETFD) >= 0 }

    /// Whether a descriptor was opened for reading, or for writing.
    package static func isOpen(_ fd: Int32, forWriting: Bool) -> Bool {
        let access = fcntl(fd, F_GETFL) & O_ACCMODE
        return access == O_RDWR || access == (forWriting ? O_WRONLY : O_RDONLY)
    }

    /// Waits until the first can be written, or the second can be read; says whether the first can. poll(2)
    package static func waitWritable(_ fd: Int32, or second: Int32) -> Bool {
        var descriptors = [
            pollfd(fd: fd, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: second, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&descriptors, 2, -1) < 0, errno == EINTR {}
        return descriptors[0].revents != 0
    }

    package static func setNonBlocking(_ fd: Int32) {
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
    }

    /// A counter that is readable while it is not 0. eventfd(2)
    package static func eventDescriptor() throws(SystemError) -> OwnedDescriptor {
        let fd = aos_shim_eventfd()
        guard fd >= 0 else { throw .current }
        return OwnedDescriptor(fd)
    }

    /// Takes everything from a counter; one that is 0 stays so.
    package static func drainEvent(_ fd: Int32) {
        var count: UInt64 = 0
        while Glibc.read(fd, &count, 8) < 0, errno == EINTR {}
    }

    package static func signalEvent(_ fd: Int32) {
        var one: UInt64 = 1
        while Glibc.write(fd, &one, 8) < 0, errno == EINTR {}
    }

    package static func clearEvent(_ fd: Int32) {
        var count: UInt64 = 0
        while Glibc.read(fd, &count, 8) < 0, errno == EINTR {}
    }

    /// Waits until a descriptor can be read, the time is over or a signal came. ppoll(2)
    package static func waitReadable(_ fd: Int32, until deadline: MonotonicTime?) {
        let wait = deadline.map { Int64(min($0.since(.now), UInt64(Int64.max / 2))) } ?? -1
        _ = aos_shim_poll_one(fd, wait)
    }

    /// Which of the descriptors can be read; none when the time is over or a signal came. The third may be left out.
    /// ppoll(2)
    package static func waitReadable(
        _ first: Int32,
        _ second: Int32,
        _ third: Int32?,
        until deadline: MonotonicTime?
    ) -> (first: Bool, second: Bool, third: Bool) {
        let wait = deadline.map { Int64(min($0.since(.now), UInt64(Int64.max / 2))) } ?? -1
        let ready = max(aos_shim_poll_three(first, second, third ?? -1, wait), 0)
        return (ready & 1 != 0, ready & 2 != 0, ready & 4 != 0)
    }

    /// shutdown(2) of the writing half: the peer sees end of file, we go on reading.
    package static func endWriting(_ fd: Int32) { _ = shutdown(fd, Int32(SHUT_WR)) }
}
