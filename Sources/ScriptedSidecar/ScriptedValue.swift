// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// What a script can spell in the JSON form of the wire.
protocol ScriptedValue {
    init(json: JSONValue) throws(JSONFormError)
    mutating func setChunk(_ bytes: [UInt8])
}

extension ScriptedValue {
    mutating func setChunk(_ bytes: [UInt8]) {}
}

extension OwnershipScope: ScriptedValue {}
extension ResponsePayload: ScriptedValue {}
extension SidecarRequestPayload: ScriptedValue {}

extension EventPayload: ScriptedValue {
    mutating func setChunk(_ bytes: [UInt8]) {
        guard case .processOutput(var event) = self else { return }
        event.chunk = bytes
        self = .processOutput(event)
    }
}

extension ProtocolFrame: ScriptedValue {
    mutating func setChunk(_ bytes: [UInt8]) {
        switch self {
        case .event(var frame):
            frame.payload.setChunk(bytes)
            self = .event(frame)
        case .request(var frame):
            guard case .writeStdin(var request) = frame.payload else { return }
            request.chunk = bytes
            frame.payload = .writeStdin(request)
            self = .request(frame)
        default: break
        }
    }
}
