// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

extension ClientError {
    /// The facts for programs, as a JSON object; what does not apply is left out.
    package var detailJSON: String { JSONWriter.text(json) }

    private var json: JSONValue {
        let detail = detail
        return .members([
            "kind": .string(kind.rawValue), "code": detail.code.map { .string($0) },
            "errno": detail.errno.map { .string($0) },
            "operation": detail.operation.map { .string($0) }, "path": detail.path.map { .string($0) },
            "request": detail.request.map { .string($0) }, "found": detail.found.map { .string($0) },
            "exitCode": detail.exitCode.map { .integer(Int64($0)) },
            "exitSignal": detail.exitSignal.map { .integer(Int64($0)) },
            "stderr": detail.standardError.map { .string($0) },
            "size": detail.size.map { .integer(Int64($0)) },
            "limit": detail.limit.map { .integer(Int64($0)) },
            "description": description.utf8.elementsEqual(message.utf8) ? nil : .string(description),
            "errors": detail.parts.isEmpty
                ? nil
                : .array(detail.parts.map { .members(["message": .string($0.message), "detail": $0.json]) }),
        ])
    }
}
