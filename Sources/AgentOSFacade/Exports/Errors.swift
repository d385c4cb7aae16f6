// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
package import CAgentOS

@_cdecl("aos_error_status")
package func errorStatus(_ error: OpaquePointer?) -> aos_status {
    guard error != nil else { return Status.ok }
    return Handles.errors.findImmutable(error)?.status ?? Status.stale
}

@_cdecl("aos_error_flags")
package func errorFlags(_ error: OpaquePointer?) -> UInt32 { Handles.errors.findImmutable(error)?.flags ?? 0 }

@_cdecl("aos_error_message")
package func errorMessage(_ error: OpaquePointer?, _ len: UnsafeMutablePointer<Int>?) -> UnsafePointer<CChar>?
{
    borrowedText(Handles.errors.findImmutable(error)?.message, len)
}

@_cdecl("aos_error_detail_json")
package func errorDetailJSON(_ error: OpaquePointer?, _ len: UnsafeMutablePointer<Int>?) -> UnsafePointer<
    CChar
>? {
    borrowedText(Handles.errors.findImmutable(error)?.detail, len)
}

@_cdecl("aos_error_release")
package func errorRelease(_ error: OpaquePointer?) { _ = Handles.errors.release(error) }

private let noText: StaticString = ""

/// Text in a block that the table keeps alive; "" where there is none.
private func borrowedText(_ block: ByteBlock?, _ len: UnsafeMutablePointer<Int>?) -> UnsafePointer<CChar>? {
    len?.pointee = block?.count ?? 0
    let address = block?.bytes.baseAddress ?? UnsafeRawPointer(noText.utf8Start)
    return address.assumingMemoryBound(to: CChar.self)
}
