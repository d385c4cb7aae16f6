// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire

/// An HTTP request into a VM, checked and put into the form of the wire (network.md 2).
package struct FetchRequest: Sendable {
    private static let standardMethods = ["get", "head", "post", "put", "delete", "options", "patch"]
    /// Headers of which the first counts when they are given twice, as a Node server does it.
    private static let firstCounts: Set<String> = [
        "age", "authorization", "content-length", "content-type", "etag", "expires", "from", "host",
        "if-modified-since", "if-unmodified-since", "last-modified", "location", "max-forwards",
        "proxy-authorization", "referer", "retry-after", "server", "user-agent",
    ]
    private static let encodingHeader = "x-body-encoding"

    let port: UInt16
    let method: String
    let target: String
    let headers: [(name: String, value: String)]
    let body: String?
    /// How long to wait for a listener, in nanoseconds.
    let waitForListener: UInt64

    var wire: VmFetchRequest {
        VmFetchRequest(
            port: port,
            method: method,
            path: target,
            headersJson: JSONWriter.text(.object(headers.map { JSONMember($0.name, .string($0.value)) })),
            body: body
        )
    }

    /// `document` is JSON or nil; `body` is nil where none was given.
    package init(
        port: UInt32,
        document: String?,
        body: UnsafeRawBufferPointer?
    ) throws(ClientError) {
        self.port = try Self.port(UInt64(port))
        let object = try ConfigurationObject(
            document: document,
            allowed: ["method", "url", "headers", "bodyEncoding", "waitForListenerMs"]
        )
        method = try Self.method(try object.string("method") ?? "GET")
        target = try Self.target(try object.string("url") ?? "/")
        waitForListener = try object.milliseconds("waitForListenerMs") ?? 0
        let isBase64 = try object.choice("bodyEncoding", ["utf8": false, "base64": true]) ?? false
        var headers = try Self.headers(object)
        self.body = try Self.body(body, method, isBase64)
        if let body = self.body {
            if isBase64, !headers.contains(where: { $0.name == Self.encodingHeader }) {
                headers.append((Self.encodingHeader, "base64"))
            }
            // Many programs read a body only where they see its length.
            if !headers.contains(where: { ["content-length", "transfer-encoding"].contains($0.name) }) {
                headers.append(("content-length", String(body.utf8.count)))
            }
        }
        self.headers = headers
    }

    static func port(_ given: UInt64) throws(ClientError) -> UInt16 {
        guard (1...65_535).contains(given) else {
            throw .invalid("port: expected 1 to 65535, found \(given)")
        }
        return UInt16(given)
    }

    private static func method(_ given: String) throws(ClientError) -> String {
        guard isToken(given) else { throw .invalid("method: not an HTTP token: \(given)") }
        let lower = given.lowercased()
        return standardMethods.contains(lower) ? given.uppercased() : given
    }

    private static func isToken(_ text: String) -> Bool {
        let others = Set("!#$%&'*+-.^_`|~".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || others.contains($0)
            }
    }

    /// Path and query; of a URL the rest is left out, for it goes nowhere.
    private static func target(_ given: String) throws(ClientError) -> String {
        var rest = given.utf8[...]
        if rest.first != UInt8(ascii: "/") {
            let scheme = rest.prefix { $0 != UInt8(ascii: ":") }
            guard let first = scheme.first, (first | 0x20) >= 0x61, (first | 0x20) <= 0x7A,
                given.utf8.dropFirst(scheme.count).starts(with: "://".utf8)
            else { throw .invalid("url: expected a path that begins with /, or a URL, found \"\(given)\"") }
            rest = rest.dropFirst(scheme.count + 3)
            rest = rest.drop { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        }
        rest = rest.prefix { $0 != UInt8(ascii: "#") }
        var target = rest.first == UInt8(ascii: "/") ? "" : "/"
        for byte in rest {
            if byte <= 0x20 || byte > 0x7E {
                let digits = String(byte, radix: 16, uppercase: true)
                target += "%" + (digits.utf8.count == 1 ? "0" + digits : digits)
            } else {
                target.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return target
    }

    /// Names in lower case, of each one value.
    private static func headers(_ object: ConfigurationObject) throws(ClientError) -> [(
        name: String, value: String
    )] {
        var headers: [(name: String, value: String)] = []
        for (given, text, place) in try pairs(object) {
            guard isToken(given) else { throw .invalid("\(place): not a header's name: \(given)") }
            let name = given.lowercased()
            if text.utf8.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D }) {
                throw .invalid("\(place): the value of \(given) has a NUL byte or a line end")
            }
            let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
            let value = String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
            guard let index = headers.firstIndex(where: { $0.name == name }) else {
                headers.append((name, value))
                continue
            }
            if firstCounts.contains(name) { continue }
            headers[index].value += (name == "cookie" ? "; " : ", ") + value
        }
        return headers
    }

    /// An array of pairs, or an object.
    private static func pairs(_ object: ConfigurationObject) throws(ClientError) -> [(
        name: String, value: String, place: String
    )] {
        guard let value = object.value("headers") else { return [] }
        if case .object(let members) = value {
            var pairs: [(name: String, value: String, place: String)] = []
            for member in members {
                let place = "headers.\(member.name)"
                pairs.append((member.name, try ConfigurationObject.string(member.value, place), place))
            }
            return pairs
        }
        return try object.list("headers") { (value, place) throws(ClientError) in
            guard case .array(let pair) = value, pair.count == 2 else {
                throw .invalid("\(place): expected a name and a value")
            }
            return (
                try ConfigurationObject.string(pair[0], "\(place)[0]"),
                try ConfigurationObject.string(pair[1], "\(place)[1]"), place
            )
        } ?? []
    }

    private static func body(_ given: UnsafeRawBufferPointer?, _ method: String, _ isBase64: Bool)
        throws(ClientError) -> String?
    {
        guard let given else { return nil }
        if method == "GET" || method == "HEAD" {
            guard given.isEmpty else { throw .invalid("body not allowed for \(method)") }
            return nil
        }
        if isBase64 { return EncodedContent.encodeBase64(given) }
        guard let text = String(validating: given, as: UTF8.self) else {
            throw .invalid("fetch body is not valid UTF-8; the sidecar protocol cannot carry it")
        }
        return text
    }
}
