// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Many files of a VM, one behind the other, as a program of the library's own in the VM sends them.
struct FileStream {
    struct Header: Sendable {
        let index: Int
        let mode: UInt32
        let modified: UInt64
        let size: UInt64
    }

    enum Item: Sendable {
        case file(Header)
        /// Its size is 0.
        case directory(Header)
        /// One that could not be read.
        case failure(index: Int, text: String)
    }

    /// A header longer than this is none of ours.
    private static let longestHeader = 65_536
    private static let largestPiece = 1 << 20
    static let purpose: String = "reading files"

    private let stream: GuestStream
    private var reader: GuestStreamReader

    init(_ vm: VM, _ paths: [String], _ worker: Worker) throws(ClientError) {
        let list = JSONWriter.text(.array(paths.map { .string($0) }))
        stream = try GuestStream.start(vm, [GuestPrograms.reader, list], worker)
        reader = GuestStreamReader(stream)
    }

    /// The next file, whose bytes must be taken before the one behind it; nil at the end.
    mutating func next() throws(ClientError) -> Item? {
        guard let length = try reader.exactly(4) else { throw try ended() }
        let count = length.reduce(0) { $0 << 8 | Int($1) }
        guard count <= Self.longestHeader, let text = try reader.exactly(count),
            let header = try? JSONReader.parse(text)
        else { throw try ended() }
        if header["end"] != nil {
            while stream.next() != nil {}
            try stream.checkEnd(Self.purpose)
            return nil
        }
        guard let index = header["i"]?.integerValue else { throw try ended() }
        if let error = header["e"]?.stringValue { return .failure(index: Int(index), text: error) }
        guard let mode = header["m"]?.integerValue, let modified = header["t"]?.integerValue,
            let size = header["s"]?.integerValue, size >= 0
        else { throw try ended() }
        let found = Header(
            index: Int(index),
            mode: UInt32(truncatingIfNeeded: mode) & 0o7777,
            modified: UInt64(max(modified, 0)),
            size: UInt64(size)
        )
        return header["d"] == nil ? .file(found) : .directory(found)
    }

    /// The bytes of a file, in pieces.
    mutating func content(
        _ size: UInt64,
        _ body: (UnsafeRawBufferPointer) throws(ClientError) -> Void
    ) throws(ClientError) {
        var left = size
        while left > 0 {
            let got = try reader.some(upTo: Int(min(left, UInt64(Self.largestPiece)))) {
                (piece) throws(ClientError) -> Int in
                try body(piece)
                return piece.count
            }
            guard let got else { throw try ended() }
            left -= UInt64(got)
        }
    }

    /// What a stream that ends too early must fail with.
    private func ended() throws(ClientError) -> ClientError {
        stream.stop(.cancelled)
        try stream.checkEnd(Self.purpose)
        return ClientError(.sidecar, "\(Self.purpose): the program in the VM ended before it was done")
    }

    /// Ends the program, whatever it is about to send.
    func stop(_ error: ClientError) { stream.stop(error) }
}
