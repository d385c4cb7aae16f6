// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims
internal import Glibc

/// The system calls of the project, each with its `EINTR` loop and its `errno` read in one place.
package enum SystemCall {
    /// Two connected stream sockets, close-on-exec; ours with large buffers. socketpair(2)
    package static func socketPair() throws(SystemError) -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &pair) { bytes in
            aos_shim_socketpair(bytes.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw .current }
        _ = aos_shim_set_socket_buffers(pair.0, 1 << 20)
        _ = aos_shim_set_socket_buffers(pair.1, 1 << 20)
        return pair
    }

    /// Read end and write end of a pipe, close-on-exec. pipe2(2)
    package static func pipe() throws(SystemError) -> (read: Int32, write: Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &pair) { bytes in
            aos_shim_pipe(bytes.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw .current }
        return (pair.0, pair.1)
    }

    /// Bytes sent; throws `wouldBlock` when the socket is full. Never raises SIGPIPE. send(2)
    package static func send(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        let sent = aos_shim_send(fd, bytes.baseAddress, bytes.count)
        guard sent >= 0 else { throw .current }
        return sent
    }

    /// Bytes received, 0 at the end; throws `wouldBlock` when nothing is there. recv(2)
    package static func receive(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        let got = aos_shim_receive(fd, buffer.baseAddress, buffer.count)
        guard got >= 0 else { throw .current }
        return got
    }

    /// Bytes read, 0 at the end. read(2)
    package static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        while true {
            let got = Glibc.read(fd, buffer.baseAddress, buffer.count)
            if got >= 0 { return got }
            if errno != EINTR { throw .current }
        }
    }

    package static func setNonBlocking(_ fd: Int32) {
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
    }

    /// shutdown(2) of the writing half: the peer sees end of file, we go on reading.
    package static func endWriting(_ fd: Int32) { _ = shutdown(fd, Int32(SHUT_WR)) }
}
