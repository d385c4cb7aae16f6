// SPDX-License-Identifier: Apache-2.0
internal import CAgentOSShims

/// How large the sidecar takes a request to be: it counts the JSON form, also of a BARE frame
/// (wire-protocol.md 15.1).
package enum RequestSize {
    package static func jsonSize(of frame: RequestFrame) -> Int {
        if case .writeStdin(let request) = frame.payload {
            // The one large array: counted, not written out.
            var empty = frame
            empty.payload = .writeStdin(WriteStdinRequest(processId: request.processId, chunk: []))
            let numbers = request.chunk.withUnsafeBufferPointer {
                aos_shim_json_bytes_size($0.baseAddress, $0.count)
            }
            return jsonText(of: empty).count - 2 + Int(numbers)
        }
        return jsonText(of: frame).count
    }

    private static func jsonText(of frame: RequestFrame) -> [UInt8] {
        JSONWriter.bytes(ProtocolFrame.request(frame).json)
    }
}
