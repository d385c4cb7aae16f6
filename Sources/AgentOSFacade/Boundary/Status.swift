// SPDX-License-Identifier: Apache-2.0
package import AgentOSClient
package import CAgentOS

/// Errors of the client's layer as statuses of the header (architecture decision 18).
package enum Status {
    package static let ok: aos_status = aos_status(AOS_OK)
    package static let invalid: aos_status = aos_status(AOS_E_INVALID)
    package static let stale: aos_status = aos_status(AOS_E_STALE)
    package static let timeout: aos_status = aos_status(AOS_E_TIMEOUT)
    package static let deadline: aos_status = aos_status(AOS_E_DEADLINE)
    package static let canceled: aos_status = aos_status(AOS_E_CANCELED)
    package static let disposed: aos_status = aos_status(AOS_E_DISPOSED)
    package static let sidecar: aos_status = aos_status(AOS_E_SIDECAR)
    package static let remote: aos_status = aos_status(AOS_E_REMOTE)
    package static let forked: aos_status = aos_status(AOS_E_FORKED)
    package static let deadlock: aos_status = aos_status(AOS_E_DEADLOCK)
    package static let busy: aos_status = aos_status(AOS_E_BUSY)
    package static let tooLarge: aos_status = aos_status(AOS_E_TOO_LARGE)
    package static let noMemory: aos_status = aos_status(AOS_E_NOMEM)
    package static let unsupported: aos_status = aos_status(AOS_E_UNSUPPORTED)
    package static let notFound: aos_status = aos_status(AOS_E_NOT_FOUND)

    package static func of(_ error: ClientError) -> aos_status {
        switch error.kind {
        case .pathNotAbsolute, .pathNotNormalized, .pathReadOnly, .invalidArgument: invalid
        case .processNotFound, .shellNotFound: notFound
        case .kernel, .fetchNoListener, .fetchTimeout, .fetchServerExited: remote
        case .transport, .sidecar: sidecar
        case .tooLarge: tooLarge
        case .timeout: deadline
        case .cancelled: canceled
        case .disposed: disposed
        case .stale: stale
        case .busy: busy
        case .deadlock: deadlock
        case .unsupported: unsupported
        case .noMemory: noMemory
        case .forked: forked
        case .aggregate: error.detail.parts.first.map(of) ?? sidecar
        }
    }

    package static func name(_ status: aos_status) -> StaticString {
        switch status {
        case ok: "AOS_OK"
        case invalid: "AOS_E_INVALID"
        case stale: "AOS_E_STALE"
        case timeout: "AOS_E_TIMEOUT"
        case deadline: "AOS_E_DEADLINE"
        case canceled: "AOS_E_CANCELED"
        case disposed: "AOS_E_DISPOSED"
        case sidecar: "AOS_E_SIDECAR"
        case remote: "AOS_E_REMOTE"
        case forked: "AOS_E_FORKED"
        case deadlock: "AOS_E_DEADLOCK"
        case busy: "AOS_E_BUSY"
        case tooLarge: "AOS_E_TOO_LARGE"
        case noMemory: "AOS_E_NOMEM"
        case unsupported: "AOS_E_UNSUPPORTED"
        case notFound: "AOS_E_NOT_FOUND"
        default: "AOS_E_UNKNOWN"
        }
    }
}
