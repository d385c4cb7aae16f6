// SPDX-License-Identifier: Apache-2.0

/// What the schema cannot say about the JSON form (wire-protocol.md 13), as data.
enum JSONFormRules {
    /// The member that tells a union's members apart. A union that is not listed is untagged.
    static let tagMember: [String: String] = [
        "ProtocolFrame": "frame_type", "RequestPayload": "type", "ResponsePayload": "type",
        "EventPayload": "type",
        "SidecarRequestPayload": "type", "SidecarResponsePayload": "type", "OwnershipScope": "scope",
        "SidecarPlacement": "kind", "RootFilesystemLowerDescriptor": "kind",
    ]

    /// Names of union members that do not follow from their type's name.
    private static let irregularNames: [String: String] = [
        "RequestFrame": "request", "ResponseFrame": "response", "EventFrame": "event",
        "SidecarRequestFrame": "sidecar_request", "SidecarResponseFrame": "sidecar_response",
        "ConnectionOwnership": "connection", "SessionOwnership": "session", "VmOwnership": "vm",
        "SidecarPlacementShared": "shared", "SidecarPlacementExplicit": "explicit",
        "SnapshotRootFilesystemLower": "snapshot", "BundledBaseFilesystemLower": "bundled_base_filesystem",
        "SessionRequest": "session_request", "PermissionRequest": "permission_request",
        "VmFetchResponse": "vm_fetch_result", "SidecarPermissionRequest": "permission_request",
        "SidecarAcpRequest": "acp_request", "SidecarPermissionResultResponse": "permission_request_result",
        "SidecarAcpResultResponse": "acp_request_result", "PermissionMode": "mode",
        "FsPermissionRuleSet": "rule_set", "PatternPermissionRuleSet": "rule_set",
    ]

    static func memberName(_ type: String) -> String {
        if let name = irregularNames[type] { return name }
        for suffix in ["Request", "Response", "Event"] where type.hasSuffix(suffix) {
            return Names.snake(String(type.dropLast(suffix.count)))
        }
        return Names.snake(type)
    }

    static func enumName(_ type: String, _ member: String) -> String {
        let lower = member.lowercased()
        return type == "WasmPermissionTier" ? String(lower.map { $0 == "_" ? "-" : $0 }) : lower
    }

    /// A field that is on the BARE wire and nowhere else.
    static let placeholders: Set<String> = ["BundledBaseFilesystemLower.placeholder"]

    /// Members that may be left out of the JSON form, with what they mean then.
    static let defaults: [String: String] = [
        "FsPermissionRule.operations": "[]", "FsPermissionRule.paths": "[]",
        "PatternPermissionRule.operations": "[]", "PatternPermissionRule.patterns": "[]",
        "FsPermissionRuleSet.rules": "[]", "PatternPermissionRuleSet.rules": "[]",
        "CreateVmRequest.rootFilesystem":
            "RootFilesystemDescriptor(mode: .ephemeral, disableDefaultBaseLayer: false)",
        "RootFilesystemDescriptor.mode": ".ephemeral",
        "RootFilesystemDescriptor.disableDefaultBaseLayer": "false",
        "RootFilesystemDescriptor.lowers": "[]", "RootFilesystemDescriptor.bootstrapEntries": "[]",
        "RootFilesystemEntry.executable": "false",
        "CreateSessionRequest.runtime": ".javaScript", "CreateSessionRequest.args": "[]",
        "CreateSessionRequest.env": "WireMap()", "CreateSessionRequest.mcpServers": "[]",
        "CreateSessionRequest.protocolVersion": "1",
        "CreateSessionRequest.clientCapabilities": "JSONText.defaultClientCapabilities",
        "ConfigureVmRequest.mounts": "[]", "ConfigureVmRequest.software": "[]",
        "ConfigureVmRequest.instructions": "[]",
        "ConfigureVmRequest.projectedModules": "[]", "ConfigureVmRequest.commandPermissions": "WireMap()",
        "ConfigureVmRequest.allowedNodeBuiltins": "[]", "ConfigureVmRequest.loopbackExemptPorts": "[]",
        "MountPluginDescriptor.config": "JSONText.null",
        "CreateOverlayRequest.mode": ".ephemeral", "CreateOverlayRequest.lowerLayerIds": "[]",
        "GuestFilesystemCallRequest.recursive": "false", "ExecuteRequest.env": "WireMap()",
        "RegisteredToolDefinition.examples": "[]", "SessionCreatedResponse.configOptions": "[]",
        "SessionStateResponse.configOptions": "[]", "SessionStateResponse.events": "[]",
        "ProcessSnapshotEntry.args": "[]",
    ]
}

/// Spellings of one name.
enum Names {
    static func snake(_ name: String) -> String {
        var result = ""
        for (index, character) in name.enumerated() {
            if character.isUppercase, index > 0 { result.append("_") }
            result += character.lowercased()
        }
        return result
    }

    /// `JAVA_SCRIPT` or `vm_fetch_result` as a Swift case.
    static func camel(_ name: String) -> String {
        let words = name.lowercased().split(separator: "_")
        let joined = words.enumerated().map { $0.offset == 0 ? String($0.element) : $0.element.capitalized }
            .joined()
        return escaped(joined)
    }

    static func escaped(_ name: String) -> String {
        ["default", "operator"].contains(name) ? "`\(name)`" : name
    }
}

extension Substring {
    fileprivate var capitalized: String { prefix(1).uppercased() + dropFirst() }
}
