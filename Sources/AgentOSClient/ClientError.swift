// SPDX-License-Identifier: Apache-2.0

/// What went wrong, for people and for programs. The one error of the client's layer.
package struct ClientError: Error, Sendable {
    /// Names as they stand in the detail document (vm.md 13.1).
    package enum Kind: String, Sendable {
        case pathNotAbsolute = "path_not_absolute"
        case pathNotNormalized = "path_not_normalized"
        case pathReadOnly = "path_read_only"
        case invalidArgument = "invalid_argument"
        case processNotFound = "process_not_found"
        case shellNotFound = "shell_not_found"
        /// Nobody in the VM listens on the port, or not yet.
        case fetchNoListener = "fetch_no_listener"
        case fetchTimeout = "fetch_timeout"
        case fetchServerExited = "fetch_server_exited"
        case kernel
        case transport
        case sidecar
        case tooLarge = "too_large"
        case timeout
        case cancelled
        case disposed
        case stale
        case busy
        case deadlock
        case unsupported
        case noMemory = "no_memory"
        case forked
        case aggregate
    }

    /// What an error may carry beside its text. In a class: errors are rare, results that may hold one are
    /// not.
    package final class Facts: Sendable {
        package let kind: Kind
        package let message: String
        package let detail: Detail

        init(_ kind: Kind, _ message: String, _ detail: Detail) {
            self.kind = kind
            self.message = message
            self.detail = detail
        }
    }

    package struct Detail: Sendable {
        /// The sidecar's own word for a rejection, unchanged.
        package var code: String?
        package var errno: String?
        package var operation: String?
        package var path: String?
        /// The type of the request that failed, and of an answer that did not fit it.
        package var request: String?
        package var found: String?
        package var exitCode: Int32?
        package var exitSignal: Int32?
        package var standardError: String?
        package var size: Int?
        package var limit: Int?
        /// What the call was about is gone for good: it cannot succeed later. Not in the document.
        package var isFinal = false
        /// The errors that an aggregate is made of.
        package var parts: [ClientError] = []

        package init() {}
    }

    package let facts: Facts

    package init(_ kind: Kind, _ message: String, _ edit: (inout Detail) -> Void = { _ in }) {
        var detail = Detail()
        edit(&detail)
        facts = Facts(kind, message, detail)
    }

    package var kind: Kind { facts.kind }
    package var message: String { facts.message }
    package var detail: Detail { facts.detail }

    /// The same error, naming the operation and the path that the caller gave.
    package func during(_ operation: String, path: String? = nil) -> ClientError {
        if detail.operation != nil { return self }
        return ClientError(kind, message) { detail in
            detail = self.detail
            detail.operation = operation
            if detail.path == nil { detail.path = path }
        }
    }

    /// The reference client's printed form.
    package var description: String {
        switch kind {
        case .kernel: detail.code.map { "kernel error [\($0)]: \(message)" } ?? message
        case .transport: "transport error: \(message)"
        case .sidecar: "sidecar error: \(message)"
        case .shellNotFound: "\(message.prefix(1).lowercased())\(message.dropFirst())"
        default: message
        }
    }

    /// The text inside results of batches and aggregates (vm.md 13.4).
    package var batchMessage: String {
        if ErrorNumber.token(of: message) != nil { return message }
        guard kind == .kernel, let code = detail.code, !message.hasPrefix("\(code):") else { return message }
        return "\(code): \(message)"
    }

    /// The same error; where the process of a VM is lost it is final, for the VM is lost with it.
    package func about(_ connection: Connection?) -> ClientError {
        guard kind == .sidecar, !detail.isFinal, let connection, !connection.isUsable else { return self }
        return ClientError(kind, message) { detail in
            detail = self.detail
            detail.isFinal = true
        }
    }

    /// Several errors as one, or the one that there is.
    package static func joined(_ errors: [ClientError]) -> ClientError? {
        errors.count > 1 ? aggregate(errors) : errors.first
    }

    package static func aggregate(_ errors: [ClientError]) -> ClientError {
        ClientError(.aggregate, errors.map(\.batchMessage).joined(separator: "; ")) { detail in
            // Of a single one the facts are those of the whole.
            if errors.count == 1, let only = errors.first { detail = only.detail }
            detail.parts = errors
        }
    }
}

extension ClientError {
    package static func invalid(_ message: String) -> ClientError { ClientError(.invalidArgument, message) }

    /// A refusal of ours in the guest kernel's own words, with its errno.
    package static func guest(_ errno: String, _ text: String, kind: Kind = .invalidArgument) -> ClientError {
        ClientError(kind, "\(errno): \(text)") { $0.errno = errno }
    }

    /// The sidecar's rejection of a request.
    static func rejected(code: String, message: String, request: String) -> ClientError {
        // Somebody else ended its VM, or its process lost it (process.md 9.2).
        let isGone = message.containsBytes(of: "unknown sidecar VM")
        return ClientError(isGone ? .disposed : .kernel, message) { detail in
            detail.code = code
            detail.errno = ErrorNumber.token(of: message) ?? ErrorNumber.name(code)
            detail.request = request
        }
    }

    package static let vmDisposed: ClientError = ClientError(.disposed, "AgentOs has been disposed")
    package static let cancelled: ClientError = ClientError(.cancelled, "request cancelled")
}

/// Finds an errno in a message of the sidecar (filesystem.md 1.1).
enum ErrorNumber {
    /// The longest prefix `E[A-Z][A-Z0-9]*` that is directly followed by a colon. The middle is not searched.
    static func token(of message: String) -> String? {
        let head = message.utf8.prefix { $0 != UInt8(ascii: ":") }
        guard head.count < message.utf8.count else { return nil }
        return name(String(Substring(head)))
    }

    /// The text itself if it has the form of an errno.
    static func name(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        let isUpper: (UInt8) -> Bool = { (0x41...0x5A).contains($0) }
        guard bytes.count >= 2, bytes[0] == 0x45, isUpper(bytes[1]),
            bytes.dropFirst(2).allSatisfy({ isUpper($0) || (0x30...0x39).contains($0) })
        else { return nil }
        return text
    }
}
