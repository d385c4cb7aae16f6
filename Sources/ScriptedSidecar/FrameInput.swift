// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import Glibc

/// Standard input, cut into frames.
struct FrameInput {
    enum Progress {
        case bytes
        case endOfFile
        case nothing
        case failed(Int32)
    }

    private static let readSize: Int = 65_536

    private(set) var isClosed: Bool = false
    private var bytes: [UInt8] = [UInt8](repeating: 0, count: 2 * readSize)
    private var start: Int = 0
    private var end: Int = 0

    /// Bytes that are not a whole frame yet.
    var partial: Int { end - start }

    /// One read(2), which waits when nothing is there.
    mutating func fill() -> Progress {
        if start == end { (start, end) = (0, 0) }
        if bytes.count - end < Self.readSize {
            bytes.removeFirst(start)
            (start, end) = (0, end - start)
            bytes.append(contentsOf: repeatElement(0, count: max(end + 2 * Self.readSize - bytes.count, 0)))
        }
        let position = end
        let got = bytes.withUnsafeMutableBytes {
            Glibc.read(0, $0.baseAddress.map { $0 + position }, Self.readSize)
        }
        if got > 0 { end += got }
        if got < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .failed(errno) }
        return got == 0 ? .endOfFile : .bytes
    }

    /// The next whole frame; nil when there is none yet, or the input was closed.
    mutating func nextFrame() throws(FrameError) -> ProtocolFrame? {
        guard !isClosed, partial >= FrameCodec.prefixSize else { return nil }
        var size = 0
        for index in start..<(start + FrameCodec.prefixSize) { size = size << 8 | Int(bytes[index]) }
        let limit = Dialect.defaultMaximumFrameSize
        guard size <= limit else { throw .tooLarge(size: size, limit: limit) }
        let first = start + FrameCodec.prefixSize
        guard end - first >= size else { return nil }
        start = first + size
        let frame = bytes.withUnsafeBytes { buffer in
            Result { () throws(FrameError) in
                try FrameCodec.decode(
                    payload: UnsafeRawBufferPointer(rebasing: buffer[first..<(first + size)])
                )
            }
        }
        return try frame.get()
    }

    /// The peer's writes fail from now on, also where stdin is a socket with more owners.
    mutating func shut() {
        if isClosed { return }
        isClosed = true
        shutdown(0, Int32(SHUT_RD))
        close(0)
    }
}
