// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem
internal import AgentOSWire

/// What a program in a VM answered to an HTTP request (network.md 2.4).
package struct FetchResponse: Sendable {
    package let status: Int
    package let body: ByteBlock
    /// Everything but the body, as JSON.
    package let headJSON: String

    init(_ document: String) throws(ClientError) {
        let value: JSONValue
        do { value = try JSONReader.parse(document) } catch {
            throw Self.malformed("invalid JSON: \(error.text)")
        }
        guard case .object = value else {
            throw Self.malformed("expected an object, found \(value.typeName)")
        }
        guard let number = value["status"]?.integerValue else { throw Self.malformed("status: missing") }
        guard (100...999).contains(number) else {
            throw ClientError(.sidecar, "fetch: invalid response status code \(number)")
        }
        status = Int(number)
        body = try Self.body(value)
        let text = value["statusText"]?.stringValue ?? Self.reasons[status] ?? ""
        headJSON = JSONWriter.text(
            .members([
                "status": .number(number), "statusText": .string(text),
                "headers": .array(try Self.headers(value)),
                "rawHeaders": value["rawHeaders"], "trailers": value["trailers"],
                "rawTrailers": value["rawTrailers"], "informational": value["informational"],
                "connectionReset": .bool(value["connectionReset"] == .bool(true)),
            ])
        )
    }

    private static func malformed(_ text: String) -> ClientError {
        ClientError(.sidecar, "fetch: unexpected response: \(text)")
    }

    private static func body(_ value: JSONValue) throws(ClientError) -> ByteBlock {
        let encoding = value["bodyEncoding"] ?? .null
        var isBase64 = true
        switch encoding {
        case .null: break
        case .string("base64"): break
        case .string("utf8"): isBase64 = false
        default: throw malformed("bodyEncoding: \(JSONWriter.text(encoding))")
        }
        let block: ByteBlock?
        switch value["body"] ?? .null {
        case .null: block = ByteBlock.copy([])
        case .string(let text) where !isBase64: block = ByteBlock.text(text)
        case .string(let text):
            guard let bytes = EncodedContent.decodeBase64(text) else {
                throw malformed("decoding base64 fetch response body: invalid base64")
            }
            block = ByteBlock.copy(bytes)
        case let other: throw malformed("body: expected a string, found \(other.typeName)")
        }
        guard let block else { throw ClientError(.noMemory, "out of memory") }
        return block
    }

    /// Pairs, as they came: a name may stand twice.
    private static func headers(_ value: JSONValue) throws(ClientError) -> [JSONValue] {
        switch value["headers"] ?? .null {
        case .null: return []
        case .array(let pairs):
            for (index, pair) in pairs.enumerated() {
                guard case .array(let parts) = pair, parts.count == 2,
                    parts.allSatisfy({ $0.stringValue != nil })
                else { throw malformed("headers[\(index)]: expected a name and a value") }
            }
            return pairs
        case let other: throw malformed("headers: expected an array, found \(other.typeName)")
        }
    }

    private static let reasons: [Int: String] = [
        100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK",
        201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content",
        205: "Reset Content", 206: "Partial Content", 207: "Multi-Status", 300: "Multiple Choices",
        301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
        307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
        402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
        406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required",
        412: "Precondition Failed", 413: "Payload Too Large", 414: "URI Too Long",
        415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed",
        418: "I'm a Teapot", 422: "Unprocessable Entity", 425: "Too Early", 426: "Upgrade Required",
        428: "Precondition Required", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
        451: "Unavailable For Legal Reasons", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        505: "HTTP Version Not Supported", 507: "Insufficient Storage",
        511: "Network Authentication Required",
    ]
}
