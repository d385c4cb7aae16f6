// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSWire

/// A frame on its way out: its bytes in parts, so that file content is never copied into another buffer.
package struct OutgoingFrame: Sendable {
    package let id: Int64
    package var parts: [[UInt8]]
    /// An answer to a callback: it overtakes requests, because the sidecar may be standing still for it.
    package var isUrgent: Bool = false
    /// Never begun after this moment: a late answer to a callback would end the sidecar.
    package var expires: MonotonicTime?

    package init(id: Int64, parts: [[UInt8]]) {
        self.id = id
        self.parts = parts
    }

    package var size: Int { parts.reduce(0) { $0 + $1.count } }

    /// Writes the id into a request frame that was encoded before it had one.
    static func setRequestID(_ id: Int64, in bytes: inout [UInt8]) {
        guard bytes.count >= FrameCodec.requestIDOffset + 8 else { return }
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: id.littleEndian, toByteOffset: FrameCodec.requestIDOffset, as: Int64.self)
        }
    }
}

/// Frames that wait for the socket. A value: the channel does the sending, outside the lock.
///
/// While the socket takes everything, small frames run together in one buffer and go out in one call. Once it
/// is full they are kept apart, so that one can be taken back, overtaken or left to expire.
struct WriteQueue: Sendable {
    /// A frame without its bytes, so that it is still urgent and still expires when it comes back unsent.
    struct Outline: Sendable {
        let id: Int64
        let size: Int
        let isUrgent: Bool
        let expires: MonotonicTime?

        init(_ frame: OutgoingFrame) {
            (id, size, isUrgent, expires) = (frame.id, frame.size, frame.isUrgent, frame.expires)
        }
    }

    /// What one sender has taken out and is about to send.
    struct Batch: Sendable {
        var chunks: [[UInt8]]
        var frames: [Outline]
        /// The first frame is the rest of one that was begun before.
        var firstHasBegun = false
    }

    private static let runTogether = 4096

    private var chunks: [[UInt8]] = []
    private var frames: [Outline] = []
    /// Only while the socket is full. The first entry may have been sent in part.
    private var backlog: [OutgoingFrame] = []
    private var frontHasBegun = false
    private var isWriting = false
    private(set) var isBlocked = false
    private(set) var queuedBytes = 0
    private var isClosed = false
    private(set) var expiredFrames = 0
    /// Of the requests that were dropped at the end, the first: no byte of it and of later ones went out.
    private(set) var firstUnsentID: Int64?

    var isIdle: Bool { !isWriting && !isBlocked && chunks.isEmpty && backlog.isEmpty }
    var hasBegunFrame: Bool { isWriting || frontHasBegun }

    mutating func append(_ frame: OutgoingFrame) {
        guard !isClosed else { return }
        let size = frame.size
        queuedBytes += size
        if isBlocked {
            guard frame.isUrgent else { return backlog.append(frame) }
            let first = frontHasBegun ? 1 : 0
            let position = backlog[min(first, backlog.count)...].firstIndex { !$0.isUrgent } ?? backlog.count
            backlog.insert(frame, at: position)
            return
        }
        frames.append(Outline(frame))
        for part in frame.parts {
            if part.count <= Self.runTogether, let last = chunks.indices.last,
                chunks[last].count <= 16 * Self.runTogether
            {
                chunks[last] += part
            } else {
                chunks.append(part)
            }
        }
    }

    /// For a frame that finds nothing in its way: whoever has it sends it at once, without putting it in here.
    mutating func beginDirectly(size: Int) -> Bool {
        guard isIdle, !isClosed else { return false }
        isWriting = true
        queuedBytes += size
        return true
    }

    /// All of it is gone. True when more has come in meanwhile.
    mutating func finishDirectly(size: Int) -> Bool {
        isWriting = false
        queuedBytes = isClosed ? 0 : queuedBytes - size
        return !chunks.isEmpty
    }

    /// Everything that waits, for one sender at a time; nil when there is nothing or somebody is at it.
    mutating func take(_ now: MonotonicTime) -> Batch? {
        guard !isWriting, !isBlocked else { return nil }
        if !backlog.isEmpty {
            var entries = backlog
            if entries.contains(where: { $0.expires != nil }) {
                entries = entries.enumerated().filter { index, frame in
                    if index == 0, frontHasBegun { return true }
                    guard let expires = frame.expires, expires < now else { return true }
                    queuedBytes -= frame.size
                    expiredFrames += 1
                    return false
                }.map(\.element)
            }
            let firstHasBegun = frontHasBegun
            backlog = []
            frontHasBegun = false
            if !entries.isEmpty {
                isWriting = true
                return Batch(
                    chunks: entries.flatMap(\.parts),
                    frames: entries.map { Outline($0) },
                    firstHasBegun: firstHasBegun
                )
            }
        }
        guard !chunks.isEmpty else { return nil }
        isWriting = true
        defer { (chunks, frames) = ([], []) }
        return Batch(chunks: chunks, frames: frames)
    }

    /// The sender is back: `sent` bytes are gone. True when more has come in meanwhile.
    mutating func finish(_ batch: Batch, sent: Int, isFull: Bool) -> Bool {
        isWriting = false
        queuedBytes -= sent
        guard isFull else {
            if isClosed { queuedBytes = 0 }
            return !chunks.isEmpty
        }
        isBlocked = true
        let late = Self.split(Batch(chunks: chunks, frames: frames), from: 0).frames
        (chunks, frames) = ([], [])
        let rest = Self.split(batch, from: sent)
        backlog = rest.frames
        frontHasBegun = rest.firstHasBegun
        let queued = queuedBytes
        for frame in late { append(frame) }
        queuedBytes = queued
        if isClosed { keepOnlyBegun() }
        return false
    }

    /// The socket takes bytes again.
    mutating func unblock() { isBlocked = false }

    /// Takes a frame back of which no byte is out yet. False when it is too late.
    mutating func withdraw(_ id: Int64) -> Bool {
        let first = frontHasBegun ? 1 : 0
        guard backlog.count > first, let index = backlog[first...].firstIndex(where: { $0.id == id }) else {
            return false
        }
        queuedBytes -= backlog.remove(at: index).size
        return true
    }

    /// Nothing more goes in, and of what is in only a frame that was begun goes out.
    mutating func close() {
        isClosed = true
        keepOnlyBegun()
    }

    private mutating func keepOnlyBegun() {
        let dropped = backlog.dropFirst(frontHasBegun ? 1 : 0).map(\.id) + frames.map(\.id)
        firstUnsentID = firstUnsentID ?? dropped.first { $0 > 0 }
        backlog = frontHasBegun ? Array(backlog.prefix(1)) : []
        (chunks, frames) = ([], [])
        queuedBytes = backlog.first?.size ?? 0
    }

    /// A batch as frames apart, without its first `sent` bytes.
    private static func split(_ batch: Batch, from sent: Int) -> (
        frames: [OutgoingFrame], firstHasBegun: Bool
    ) {
        var bytes = batch.chunks[...]
        var skip = sent
        while let first = bytes.first, first.count <= skip {
            skip -= first.count
            bytes = bytes.dropFirst()
        }
        var offset = skip
        var consumed = sent
        var result: [OutgoingFrame] = []
        var firstHasBegun = false
        for outline in batch.frames {
            if consumed >= outline.size {
                consumed -= outline.size
                continue
            }
            if result.isEmpty { firstHasBegun = consumed > 0 || (sent == 0 && batch.firstHasBegun) }
            var wanted = outline.size - consumed
            consumed = 0
            var parts: [[UInt8]] = []
            while wanted > 0, let chunk = bytes.first {
                let count = min(wanted, chunk.count - offset)
                parts.append(
                    offset == 0 && count == chunk.count ? chunk : Array(chunk[offset..<offset + count])
                )
                wanted -= count
                offset += count
                if offset == chunk.count {
                    bytes = bytes.dropFirst()
                    offset = 0
                }
            }
            var frame = OutgoingFrame(id: outline.id, parts: parts)
            (frame.isUrgent, frame.expires) = (outline.isUrgent, outline.expires)
            result.append(frame)
        }
        return (result, firstHasBegun)
    }
}
