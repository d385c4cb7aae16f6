// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire

/// Memory that is not filled with zeros first. Its one owner, a splitter, writes into it.
private final class Room: Sendable {
    /// The first byte, as a number: raw pointers are not `Sendable`.
    private let address: UInt
    let count: Int

    init(_ count: Int) {
        self.count = count
        address = UInt(bitPattern: UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 16))
    }

    deinit { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }

    var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: count)
    }
}

/// Bytes in, whole frames out. It does no I/O and holds no lock, and is moved, not copied: a copy shares its
/// buffer.
package struct FrameSplitter: Sendable {
    /// What one read yielded: the frames, and behind them what ended the stream's meaning.
    package struct Batch: Sendable {
        package var frames: [InboundFrame] = []
        package var error: FrameError?
    }

    private static let smallBuffer = 64 * 1024
    private static let largeBuffer = 256 * 1024

    /// A buffer above this is given back when it is empty; the usual large frames keep theirs.
    private static let largestKept = 2 << 20

    private var buffer: Room = Room(0)
    private var lastOwner: FrameOwner?
    private var start = 0
    private var end = 0
    /// Bytes of a payload; larger ones are refused before anything is reserved for them.
    package var limit: Int

    package init(limit: Int) {
        self.limit = limit
    }

    /// Bytes of a frame that has begun and is not whole: for the text of a torn end. Nil at a frame border.
    package var torn: (got: Int, wanted: Int)? {
        let count = end - start
        if count == 0 { return nil }
        if count < FrameCodec.prefixSize { return (count, FrameCodec.prefixSize) }
        return (count - FrameCodec.prefixSize, declaredLength())
    }

    private func declaredLength() -> Int {
        Int(UInt32(bigEndian: buffer.bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
    }

    /// Lends the free end of the buffer to `fill`, which returns how many bytes it put there.
    package mutating func read<Failure: Error>(
        _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        makeRoom()
        let count = try fill(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[end...]))
        end += count
        return count
    }

    private mutating func makeRoom() {
        if start == end { (start, end) = (0, 0) }
        if end == 0, buffer.count > Self.largestKept { buffer = Room(Self.largeBuffer) }
        var wanted = max(buffer.count, Self.smallBuffer)
        if end == buffer.count, start == 0, end > 0 { wanted = max(wanted, Self.largeBuffer) }
        if end - start >= FrameCodec.prefixSize {
            // Checked against the limit by `frames` before: a declared length reserves no more than that.
            wanted = max(wanted, declaredLength() + FrameCodec.prefixSize)
        }
        if end == buffer.count, start == 0, wanted == buffer.count { wanted += Self.largeBuffer }
        let rest = UnsafeRawBufferPointer(rebasing: buffer.bytes[start..<end])
        if wanted > buffer.count {
            // One step to the whole of a declared frame, and of what is there no more than its bytes moves.
            let larger = Room(wanted)
            larger.bytes.copyMemory(from: rest)
            buffer = larger
        } else if start > 0, end == buffer.count {
            buffer.bytes.copyMemory(from: rest)
        } else {
            return
        }
        (start, end) = (0, end - start)
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
            start = first + length
            do throws(FrameError) {
                batch.frames.append(
                    try InboundFrame.decode(
                        UnsafeRawBufferPointer(rebasing: buffer.bytes[first..<first + length]),
                        &lastOwner
                    )
                )
            } catch {
                batch.error = error
                return batch
            }
        }
        return batch
    }
}
