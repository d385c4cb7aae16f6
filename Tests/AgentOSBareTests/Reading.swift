// SPDX-License-Identifier: Apache-2.0
import AgentOSBare

/// Reads from bytes: the value, and how many bytes it took.
func reading<Value>(
    _ bytes: [UInt8],
    _ body: (inout BareReader) throws(BareError) -> Value
) throws(BareError) -> (value: Value, used: Int) {
    let result = bytes.withUnsafeBytes { buffer in
        Result { () throws(BareError) -> (value: Value, used: Int) in
            var reader = BareReader(buffer)
            return (try body(&reader), reader.offset)
        }
    }
    return try result.get()
}

/// The bytes that a closure writes.
func written(_ body: (inout BareWriter) -> Void) -> [UInt8] {
    var writer = BareWriter()
    body(&writer)
    return writer.finish()
}
