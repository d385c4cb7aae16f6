// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import CAgentOS

/// The one place where an error of ours becomes a status and an error object of the host's.
func boundary(
    _ err: UnsafeMutablePointer<OpaquePointer?>?,
    _ body: () throws(ClientError) -> Void
) -> aos_status {
    err?.pointee = nil
    do throws(ClientError) {
        try body()
        return Status.ok
    } catch {
        let status = Status.of(error)
        // In a forked child there is no error object: making one would need what the parent's threads may
        // hold.
        if let err, status != Status.forked { err.pointee = Handles.errors.publish(ErrorObject(error)) }
        return status
    }
}

/// The same for functions that return a status alone.
func boundary(_ body: () throws(ClientError) -> Void) -> aos_status { boundary(nil, body) }
