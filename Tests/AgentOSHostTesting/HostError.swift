// SPDX-License-Identifier: Apache-2.0
package import AgentOSWire
package import CAgentOS

/// A failure as a host of the C interface sees it.
package struct HostError: Error, CustomStringConvertible, Sendable {
    package let status: aos_status
    package let message: String
    package let flags: UInt32
    /// The detail document.
    package let detail: JSONValue

    /// Takes the error over: its one reference ends here.
    package init(_ status: aos_status, _ error: OpaquePointer?) {
        self.init(copying: status, error)
        aos_error_release(error)
    }

    /// Of an error that an event holds.
    package init(copying status: aos_status, _ error: OpaquePointer?) {
        self.status = status
        message = aos_error_message(error, nil).map { String(cString: $0) } ?? ""
        flags = aos_error_flags(error)
        let text = aos_error_detail_json(error, nil).map { String(cString: $0) } ?? ""
        detail = (try? JSONReader.parse(text)) ?? .null
    }

    package var statusName: String { aos_status_name(status).map { String(cString: $0) } ?? "" }
    package var kind: String? { detail["kind"]?.stringValue }
    package var code: String? { detail["code"]?.stringValue }
    package var errno: String? { detail["errno"]?.stringValue }
    package var description: String { "\(statusName): \(message) \(JSONWriter.text(detail))" }
}

/// Calls a function that takes `aos_error **` last, and throws what it says.
package func check(_ body: (UnsafeMutablePointer<OpaquePointer?>) -> aos_status) throws {
    var error: OpaquePointer?
    let status = body(&error)
    guard status != AOS_OK else { return }
    throw HostError(status, error)
}

/// The error that `body` must throw; nil if it does not.
package func failure(of body: () throws -> Void) -> HostError? {
    do { try body() } catch let error as HostError { return error } catch { return nil }
    return nil
}

package let second: UInt64 = 1_000_000_000
package let millisecond: UInt64 = 1_000_000

/// The bytes of a block, whose one reference ends here.
package func takeBytes(_ bytes: OpaquePointer?) -> [UInt8] {
    var count = 0
    defer { aos_bytes_release(bytes) }
    guard let start = aos_bytes_data(bytes, &count) else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
}

package func takeText(_ bytes: OpaquePointer?) -> String { String(decoding: takeBytes(bytes), as: UTF8.self) }

package func takeJSON(_ bytes: OpaquePointer?) throws -> JSONValue { try JSONReader.parse(takeBytes(bytes)) }
