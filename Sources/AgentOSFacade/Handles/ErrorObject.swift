// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS

/// An error as a host reads it: texts at fixed addresses, made once.
package final class ErrorObject: Sendable {
    let status: aos_status
    let flags: UInt32
    let message: ByteBlock?
    let detail: ByteBlock?

    init(_ error: ClientError) {
        status = Status.of(error)
        flags =
            switch error.kind {
            case .disposed, .forked: AOS_ERR_FATAL
            case _ where error.detail.isFinal: AOS_ERR_FATAL
            case .busy, .timeout, .sidecar: AOS_ERR_RETRIABLE
            default: 0
            }
        // A NUL that came in with the caller's input would hide the rest of the text from C.
        message = ByteBlock.text(
            error.message.split(separator: "\0", omittingEmptySubsequences: false).joined(separator: "\\0")
        )
        detail = ByteBlock.text(error.detailJSON)
    }
}
