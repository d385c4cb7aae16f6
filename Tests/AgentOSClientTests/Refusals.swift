// SPDX-License-Identifier: Apache-2.0
@testable import AgentOSClient

/// The text with which something is refused; what it gave when it is not.
func refusal<Value>(_ body: () throws(ClientError) -> Value) -> String {
    do throws(ClientError) { return "accepted: \(try body())" } catch { return error.message }
}
