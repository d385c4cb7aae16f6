// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Standard output: what is written at once, and what is put by for the end of a read.
struct FrameOutput {
    /// Bytes per write(2), 0 for all.
    var drip: Int = 0
    private(set) var failure: Int32?
    private var isClosed: Bool = false
    private var pending: [UInt8] = []

    /// Waits for `flush`, or for more.
    mutating func append(_ bytes: [UInt8]) {
        pending.append(contentsOf: bytes)
        if pending.count >= 262_144 { flush() }
    }

    mutating func flush() {
        if pending.isEmpty { return }
        write(pending)
        pending.removeAll(keepingCapacity: true)
    }

    mutating func writeNow(_ bytes: [UInt8]) {
        flush()
        write(bytes)
    }

    private mutating func write(_ bytes: [UInt8]) {
        if isClosed || failure != nil { return }
        let step = drip > 0 ? drip : max(bytes.count, 1)
        let written = bytes.withUnsafeBytes { buffer in
            stride(from: 0, to: buffer.count, by: step).allSatisfy { position in
                let end = min(position + step, buffer.count)
                return RawFile.write(UnsafeRawBufferPointer(rebasing: buffer[position..<end]), to: 1)
            }
        }
        if !written { failure = errno }
    }

    /// The peer sees end of file, also where stdout is a socket with more owners.
    mutating func shut() {
        if isClosed { return }
        flush()
        isClosed = true
        shutdown(1, Int32(SHUT_WR))
        close(1)
    }
}
