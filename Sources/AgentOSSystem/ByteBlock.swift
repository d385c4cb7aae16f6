// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Immutable bytes at one address, counted by reference, with a NUL behind the last one.
///
/// Why not `[UInt8]`: a host keeps the address for as long as it holds a reference.
package final class ByteBlock: Sendable {
    private enum Owner: Sendable {
        case us
        /// It lies in another block, which owns itself.
        case part(of: ByteBlock)
        case host(@Sendable () -> Void)
    }

    /// The first byte, as a number: raw pointers are not `Sendable`, and these bytes never change.
    private let address: UInt
    package let count: Int
    private let owner: Owner

    private init(address: UInt, count: Int, owner: Owner) {
        self.address = address
        self.count = count
        self.owner = owner
    }

    /// Room for `capacity` bytes, filled by `body`, which returns how many it wrote. Nil when there is no
    /// memory.
    package static func filled<Failure: Error>(
        capacity: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> ByteBlock? {
        guard capacity >= 0, capacity < Int.max, let memory = malloc(capacity + 1) else { return nil }
        do {
            let count = try body(UnsafeMutableRawBufferPointer(start: memory, count: capacity))
            memory.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
            return ByteBlock(address: UInt(bitPattern: memory), count: count, owner: .us)
        } catch {
            free(memory)
            throw error
        }
    }

    package static func copy(_ bytes: UnsafeRawBufferPointer) -> ByteBlock? {
        filled(capacity: bytes.count) { target in
            if bytes.count > 0 { target.copyMemory(from: bytes) }
            return bytes.count
        }
    }

    package static func copy(_ bytes: [UInt8]) -> ByteBlock? { bytes.withUnsafeBytes { copy($0) } }

    package static func text(_ text: String) -> ByteBlock? {
        var text = text
        return text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    /// The host's own memory; `release` runs once, on whichever thread drops the last reference.
    package static func adopting(
        _ bytes: UnsafeRawBufferPointer,
        release: @escaping @Sendable () -> Void
    ) -> ByteBlock {
        ByteBlock(address: UInt(bitPattern: bytes.baseAddress), count: bytes.count, owner: .host(release))
    }

    deinit {
        switch owner {
        case .us: free(UnsafeMutableRawPointer(bitPattern: address))
        case .part: break
        case .host(let release): release()
        }
    }

    /// The last bytes of it, where they lie. All of it is kept as long.
    package func suffix(_ length: Int) -> ByteBlock {
        guard length < count else { return self }
        // Of a part of a part too the whole: a chain of them would die in as many calls of each other.
        var whole = self
        if case .part(let block) = owner { whole = block }
        let kept = max(length, 0)
        return ByteBlock(address: address + UInt(count - kept), count: kept, owner: .part(of: whole))
    }

    /// The bytes; valid while the block lives.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count)
    }
}
