// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem

@_cdecl("aos_bytes_copy")
package func bytesCopy(_ data: UnsafeRawPointer?, _ len: Int) -> OpaquePointer? {
    guard let bytes = try? Arguments.bytes(data, len, "data"), let block = ByteBlock.copy(bytes) else {
        return nil
    }
    return Handles.bytes.publish(BytesObject(block, nil))
}

/// A function of the host that frees its memory, and what it is given.
///
/// Numbers, since pointers are not `Sendable`: the header says that it may run on any thread.
private struct HostMemory: Sendable {
    let function: UInt
    let argument: UInt

    func release() {
        typealias Free = @convention(c) (UnsafeMutableRawPointer?) -> Void
        guard let pointer = UnsafeRawPointer(bitPattern: function) else { return }
        unsafeBitCast(pointer, to: Free.self)(UnsafeMutableRawPointer(bitPattern: argument))
    }
}

@_cdecl("aos_bytes_adopt")
package func bytesAdopt(
    _ data: UnsafeMutableRawPointer?,
    _ len: Int,
    _ freeFn: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
    _ ud: UnsafeMutableRawPointer?
) -> OpaquePointer? {
    guard let bytes = try? Arguments.bytes(data, len, "data") else { return nil }
    let memory = HostMemory(
        function: freeFn.map { UInt(bitPattern: unsafeBitCast($0, to: UnsafeRawPointer.self)) } ?? 0,
        argument: UInt(bitPattern: ud)
    )
    return Handles.bytes.publish(BytesObject(ByteBlock.adopting(bytes) { memory.release() }, nil))
}

@_cdecl("aos_bytes_retain")
package func bytesRetain(_ bytes: OpaquePointer?) -> OpaquePointer? {
    Handles.bytes.retain(bytes) ? bytes : nil
}

@_cdecl("aos_bytes_data")
package func bytesData(_ bytes: OpaquePointer?, _ len: UnsafeMutablePointer<Int>?) -> UnsafeRawPointer? {
    let block = Handles.bytes.findImmutable(bytes)?.block
    len?.pointee = block?.count ?? 0
    return block?.bytes.baseAddress
}

@_cdecl("aos_bytes_release")
package func bytesRelease(_ bytes: OpaquePointer?) { _ = Handles.bytes.release(bytes) }
