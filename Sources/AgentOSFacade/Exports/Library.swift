// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
package import CAgentOS

private let features: Set<String> = ["shapes", "queue-fd", "file-guards", "remote-command", "request-json"]

@_cdecl("aos_abi_version")
package func abiVersion() -> UInt32 { UInt32(AOS_ABI_MAJOR) << 16 | UInt32(AOS_ABI_MINOR) }

@_cdecl("aos_abi_check")
package func abiCheck(_ major: UInt32, _ minor: UInt32) -> aos_status {
    major == UInt32(AOS_ABI_MAJOR) && minor <= UInt32(AOS_ABI_MINOR) ? Status.ok : Status.unsupported
}

@_cdecl("aos_version_string")
package func versionString() -> UnsafePointer<CChar>? { staticText(LibraryVersion.text) }

@_cdecl("aos_status_name")
package func statusName(_ status: aos_status) -> UnsafePointer<CChar>? { staticText(Status.name(status)) }

@_cdecl("aos_has_feature")
package func hasFeature(_ name: UnsafePointer<CChar>?) -> Int32 {
    guard let name else { return 0 }
    return features.contains(String(cString: name)) ? 1 : 0
}

/// The address of a literal, which never moves and ends with a NUL.
private func staticText(_ text: StaticString) -> UnsafePointer<CChar>? {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
