// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire

/// Bytes in, whole frames out. A value: it does no I/O and holds no lock.
package struct FrameSplitter: Sendable {
    /// What one read yielded: the frames, and behind them what ended the stream's meaning.
    package struct Batch: Sendable {
        package var frames: [InboundFrame] = []
        package var error: FrameError?
    }

    private static let smallBuffer = 64 * 1024
    private static let largeBuffer = 256 * 1024

    private var buffer: [UInt8]
    private var start = 0
    private var end = 0
    /// Bytes of a payload; larger ones are refused before anything is reserved for them.
    package var limit: Int

    package init(limit: Int) {
        self.limit = limit
        buffer = []
    }

    /// Bytes of a frame that has begun and is not whole: for the text of a torn end. Nil at a frame border.
    package var torn: (got: Int, wanted: Int)? {
        let count = end - start
        if count == 0 { return nil }
        if count < FrameCodec.prefixSize { return (count, FrameCodec.prefixSize) }
        return (count - FrameCodec.prefixSize, declaredLength())
    }

    private func declaredLength() -> Int {
        buffer[start..<start + FrameCodec.prefixSize].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Lends the free end of the buffer to `fill`, which returns how many bytes it put there.
    package mutating func read<Failure: Error>(
        _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        makeRoom()
        let free = end
        let filled: Result<Int, Failure> = buffer.withUnsafeMutableBytes { bytes in
            do throws(Failure) {
                return .success(try fill(UnsafeMutableRawBufferPointer(rebasing: bytes[free...])))
            } catch {
                return .failure(error)
            }
        }
        let count = try filled.get()
        end += count
        return count
    }

    private mutating func makeRoom() {
        if start == end { (start, end) = (0, 0) }
        var wanted = buffer.isEmpty ? Self.smallBuffer : buffer.count
        if end == buffer.count, start == 0, !buffer.isEmpty { wanted = max(wanted, Self.largeBuffer) }
        if end - start >= FrameCodec.prefixSize {
            // Checked against the limit by `frames` before: a declared length reserves no more than that.
            wanted = max(wanted, declaredLength() + FrameCodec.prefixSize)
        }
        if end == 0, buffer.count > 2 * Self.largeBuffer {
            buffer = []
            wanted = Self.largeBuffer
        }
        if start > 0, end == buffer.count || wanted > buffer.count {
            buffer.withUnsafeMutableBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                bytes.copyMemory(from: rest)
            }
            (start, end) = (0, end - start)
        }
        if wanted > buffer.count { buffer += [UInt8](repeating: 0, count: wanted - buffer.count) }
        if end == buffer.count { buffer += [UInt8](repeating: 0, count: Self.largeBuffer) }
    }

    /// Takes every whole frame out. After an error nothing that follows can be trusted.
    package mutating func frames() -> Batch {
        var batch = Batch()
        while end - start >= FrameCodec.prefixSize {
            let length = declaredLength()
            guard length <= limit else {
                batch.error = .tooLarge(size: length, limit: limit)
                return batch
            }
            guard end - start - FrameCodec.prefixSize >= length else { break }
            let first = start + FrameCodec.prefixSize
            let decoded: Result<InboundFrame, FrameError> = buffer.withUnsafeBytes { bytes in
                Result { () throws(FrameError) in
                    try InboundFrame.decode(UnsafeRawBufferPointer(rebasing: bytes[first..<first + length]))
                }
            }
            start = first + length
            switch decoded {
            case .success(let frame): batch.frames.append(frame)
            case .failure(let error):
                batch.error = error
                return batch
            }
        }
        return batch
    }
}
