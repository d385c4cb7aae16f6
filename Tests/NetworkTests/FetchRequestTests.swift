// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("A fetch as the sidecar gets it (network.md 2.1 to 2.3)")
struct FetchRequestTests {
    private typealias N = NetworkScript

    private static func url(_ text: String) -> JSONValue { .members(["url": .string(text)]) }
    private static func method(_ name: String) -> JSONValue { .members(["method": .string(name)]) }

    private static func headers(_ pairs: [(String, String)], method: String = "GET") -> JSONValue {
        let list = pairs.map { JSONValue.array([.string($0.0), .string($0.1)]) }
        return .members(["method": .string(method), "headers": .array(list)])
    }

    @Test("case 1: of a URL path and query are sent, and nothing else")
    func target() throws {
        let (peer, vm) = try N.vm()
        _ = try vm.fetch(N.port, Self.url("http://any.host:1/a/b?x=1#frag"))
        #expect(
            peer.lastFetch
                == .members([
                    "type": .string("vm_fetch"), "port": .integer(8080), "method": .string("GET"),
                    "path": .string("/a/b?x=1"), "headers_json": .string("{}"), "body": .null,
                ])
        )
        let targets: KeyValuePairs = [
            "http://h": "/", "http://h?": "/?", "https://u:p@h/x?": "/x?", "/p?q=1": "/p?q=1",
            "http://h#f": "/", "/a%2Fb%20c?d=%3F": "/a%2Fb%20c?d=%3F", "/a b\t": "/a%20b%09",
            "/é\u{7F}": "/%C3%A9%7F", "//x": "//x", "/a?b?c#d#e": "/a?b?c", "http://h?q/r": "/?q/r",
        ]
        for (given, _) in targets { _ = try vm.fetch(N.port, Self.url(given)) }
        #expect(peer.fetches.dropFirst().map { $0["path"]?.stringValue } == targets.map(\.value))
        _ = try vm.fetch(N.port)
        #expect(peer.lastFetch?["path"] == .string("/") && peer.lastFetch?["method"] == .string("GET"))
    }

    @Test("case 1: a target that is neither a path nor a URL is refused by its text, and nothing is sent")
    func badTarget() throws {
        let (peer, vm) = try N.vm()
        for target in ["", "a/b", "?x=1", "host:80/x", "://h/", "1a"] {
            let error = failure { _ = try vm.fetch(N.port, Self.url(target)) }
            #expect(error?.status == AOS_E_INVALID && error?.kind == "invalid_argument", "\(target)")
            #expect(error?.message.contains("\"\(target)\"") == true, "\(target)")
        }
        #expect(peer.fetches == [])
    }

    @Test("methods: the standard ones in upper case, others as they are, and only tokens (N1)")
    func methods() throws {
        let (peer, vm) = try N.vm()
        let methods: KeyValuePairs = [
            "get": "GET", "Head": "HEAD", "post": "POST", "pUt": "PUT", "delete": "DELETE",
            "options": "OPTIONS", "patch": "PATCH", "brew": "brew", "PROPFIND": "PROPFIND",
            "m-search": "m-search",
        ]
        for (given, _) in methods { _ = try vm.fetch(N.port, Self.method(given)) }
        #expect(peer.fetches.map { $0["method"]?.stringValue } == methods.map(\.value))
        for bad in ["", "a b", "GET\r\n", "é", "G(T"] {
            #expect(failure { _ = try vm.fetch(N.port, Self.method(bad)) }?.status == AOS_E_INVALID, "\(bad)")
        }
        #expect(peer.fetches.count == methods.count)
    }

    @Test("case 2: a body goes with its length, unless the caller tells how it is sent")
    func body() throws {
        let (peer, vm) = try N.vm()
        _ = try vm.fetch(N.port, Self.method("POST"), body: Array("fetch-post-body".utf8))
        #expect(peer.lastFetch?["body"] == .string("fetch-post-body"))
        #expect(peer.lastFetch?["headers_json"]?.stringValue?.contains(#""content-length":"15""#) == true)
        _ = try vm.fetch(N.port, Self.method("PUT"), body: Array("é€".utf8))
        #expect(peer.lastHeaders == .members(["content-length": .string("5")]))
        let chunked = Self.headers([("Transfer-Encoding", "chunked")], method: "POST")
        _ = try vm.fetch(N.port, chunked, body: Array("x".utf8))
        #expect(peer.lastHeaders == .members(["transfer-encoding": .string("chunked")]))
        let told = Self.headers([("Content-Length", "99")], method: "POST")
        _ = try vm.fetch(N.port, told, body: Array("x".utf8))
        #expect(peer.lastHeaders == .members(["content-length": .string("99")]))
    }

    @Test("case 3: without a body there is no length; an empty one has one")
    func noBody() throws {
        let (peer, vm) = try N.vm()
        _ = try vm.fetch(N.port, Self.method("POST"))
        #expect(peer.lastHeaders == .members([:]))
        #expect([.null, .string("")].contains(peer.lastFetch?["body"] ?? .null))
        _ = try vm.fetch(N.port, Self.method("POST"), body: [])
        #expect(peer.lastHeaders == .members(["content-length": .string("0")]))
        #expect(peer.lastFetch?["body"] == .string(""))
    }

    @Test("case 4: bytes that are no text are refused; as base64 they go, with a header that says so")
    func bytes() throws {
        let (peer, vm) = try N.vm()
        let error = failure { _ = try vm.fetch(N.port, Self.method("POST"), body: [0xFF, 0xFE]) }
        #expect(error?.status == AOS_E_INVALID && error?.kind == "invalid_argument")
        #expect(error?.message == "fetch body is not valid UTF-8; the sidecar protocol cannot carry it")
        #expect(peer.fetches == [])
        let base64 = JSONValue.members(["method": .string("POST"), "bodyEncoding": .string("base64")])
        _ = try vm.fetch(N.port, base64, body: [0xFF, 0xFE])
        #expect(peer.lastFetch?["body"] == .string("//4="))
        #expect(peer.lastHeaders?["x-body-encoding"] == .string("base64"))
        #expect(peer.lastHeaders?["content-length"] == .string("4"))
        let own = JSONValue.members([
            "method": .string("POST"), "bodyEncoding": .string("base64"),
            "headers": .members(["X-Body-Encoding": .string("mine")]),
        ])
        _ = try vm.fetch(N.port, own, body: [1])
        #expect(peer.lastHeaders?["x-body-encoding"] == .string("mine"))
        let bad = JSONValue.members(["method": .string("POST"), "bodyEncoding": .string("hex")])
        #expect(failure { _ = try vm.fetch(N.port, bad, body: [1]) }?.status == AOS_E_INVALID)
    }

    @Test("case 5: headers of one name become one, as a Node server has them")
    func headers() throws {
        let (peer, vm) = try N.vm()
        let pairs = [
            ("A", "1"), ("a", "2"), ("B", "3"), ("Cookie", "x=1"), ("cookie", "y=2"), ("Authorization", "p"),
            ("authorization", "q"),
        ]
        _ = try vm.fetch(N.port, Self.headers(pairs))
        #expect(
            peer.lastHeaders
                == .members([
                    "a": .string("1, 2"), "b": .string("3"), "cookie": .string("x=1; y=2"),
                    "authorization": .string("p"),
                ])
        )
        let first = """
            age authorization content-length content-type etag expires from host if-modified-since \
            if-unmodified-since last-modified location max-forwards proxy-authorization referer \
            retry-after server user-agent
            """.split(separator: " ").map(String.init)
        _ = try vm.fetch(N.port, Self.headers(first.flatMap { [($0, "1"), ($0, "2")] }))
        #expect(peer.lastHeaders == .object(first.map { JSONMember($0, .string("1")) }))
        _ = try vm.fetch(
            N.port,
            .members(["headers": .members(["X": .string(" \t a b\t "), "Y": .string("")])])
        )
        #expect(peer.lastHeaders == .members(["x": .string("a b"), "y": .string("")]))
        _ = try vm.fetch(N.port, Self.headers([("x", "é\u{301}\"\\")]))
        #expect(peer.lastHeaders == .members(["x": .string("é\u{301}\"\\")]))
    }

    @Test("case 6: a header that would smuggle another is refused by its name, and nothing is sent")
    func badHeaders() throws {
        let (peer, vm) = try N.vm()
        let bad = [
            ("x-inject", "a\r\nb: c"), ("x-nul", "a\0"), ("x-line", "a\n"), ("a b", "1"), ("é", "1"),
            ("a:", "1"),
        ]
        for pair in bad + [("", "1")] {
            let error = failure { _ = try vm.fetch(N.port, Self.headers([("ok", "1"), pair])) }
            #expect(error?.status == AOS_E_INVALID && error?.kind == "invalid_argument", "\(pair.0)")
            #expect(error?.message.contains(pair.0) == true, "\(error?.message ?? "")")
        }
        for headers in ["[[\"a\"]]", "[\"a\"]", "{\"a\":1}", "\"a\"", "[[\"a\",1]]", "[[\"a\",\"b\",\"c\"]]"]
        {
            let document = try JSONReader.parse("{\"headers\":\(headers)}")
            let error = failure { _ = try vm.fetch(N.port, document) }
            #expect(error?.status == AOS_E_INVALID, "\(headers)")
            #expect(error?.message.contains("headers") == true, "\(headers)")
        }
        #expect(peer.fetches == [])
    }

    @Test("case 7: GET and HEAD have no body")
    func noBodyAllowed() throws {
        let (peer, vm) = try N.vm()
        for method in ["GET", "get", "HEAD"] {
            let error = failure { _ = try vm.fetch(N.port, Self.method(method), body: [0x61]) }
            #expect(error?.status == AOS_E_INVALID, "\(method)")
            #expect(error?.message == "body not allowed for \(method.uppercased())")
        }
        #expect(peer.fetches == [])
        _ = try vm.fetch(N.port, Self.method("HEAD"))
        #expect(peer.lastFetch?["body"] == .null && peer.lastHeaders == .members([:]))
        _ = try vm.fetch(N.port, Self.method("GET"), body: [])
        #expect(peer.lastFetch?["body"] == .null && peer.lastHeaders == .members([:]))
    }

    @Test("case 18: what does not fit a frame is refused with both sizes, and nothing is sent")
    func tooLarge() throws {
        let (peer, vm) = try N.vm()
        let body = [UInt8](repeating: 0x61, count: 2 << 20)
        let error = failure { _ = try vm.fetch(N.port, Self.method("POST"), body: body) }
        #expect(error?.status == AOS_E_TOO_LARGE && error?.kind == "too_large")
        #expect((error?.detail["size"]?.integerValue ?? 0) > 2 << 20)
        #expect(error?.detail["limit"]?.integerValue == 1 << 20)
        // 600,000 quotes count four times: in the headers' JSON, and that as a string.
        let quotes = String(repeating: "\"", count: 300_000)
        let header = failure { _ = try vm.fetch(N.port, Self.headers([("x", quotes)])) }
        #expect(header?.status == AOS_E_TOO_LARGE)
        #expect(peer.fetches == [])
        _ = try vm.fetch(N.port, Self.method("POST"), body: Array(body.prefix(1_000_000)))
        #expect(peer.fetches.count == 1)
    }

    @Test("case 23: a port is one from 1 to 65535")
    func ports() throws {
        let (peer, vm) = try N.vm()
        for port: UInt32 in [0, 65_536, .max] {
            let error = failure { _ = try vm.fetch(port) }
            #expect(error?.status == AOS_E_INVALID && error?.kind == "invalid_argument", "\(port)")
            #expect(failure { _ = try vm.submitFetch(port) }?.status == AOS_E_INVALID, "\(port)")
            let query = JSONValue.members(["port": .integer(Int64(port))])
            #expect(failure { _ = try vm.findListener(query) }?.status == AOS_E_INVALID, "\(port)")
            #expect(failure { _ = try vm.findUDP(query) }?.status == AOS_E_INVALID, "\(port)")
            #expect(failure { _ = try vm.waitForListener(query) }?.status == AOS_E_INVALID, "\(port)")
        }
        #expect(peer.requests("vm_fetch") == [] && peer.requests("find_listener") == [])
        _ = try vm.fetch(1)
        _ = try vm.fetch(65_535)
        #expect(peer.fetches.map { $0["port"] } == [.integer(1), .integer(65_535)])
    }

    @Test("a document with an unknown member, or a wrong one, is refused by its place")
    func badDocuments() throws {
        let (peer, vm) = try N.vm()
        for (text, place) in [
            (#"{"body":"x"}"#, "body"), (#"{"method":1}"#, "method"),
            (#"{"waitForListenerMs":-1}"#, "waitForListenerMs"),
            ("[]", ""), (#"{"url":null,"timeout":1}"#, "timeout"),
        ] {
            let error = failure { _ = try vm.fetch(N.port, try JSONReader.parse(text)) }
            #expect(error?.status == AOS_E_INVALID, "\(text)")
            #expect(error?.message.contains(place) == true, "\(text): \(error?.message ?? "")")
        }
        #expect(peer.fetches == [])
    }
}
