// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("What a guest's server answers (network.md 2.4)")
struct FetchResponseTests {
    private typealias N = NetworkScript

    @Test("case 8: status, reason, repeated headers and body")
    func plain() throws {
        let (_, vm) = try N.vm(
            answering: """
                {"status":200,"headers":[["set-cookie","a=1"],["set-cookie","b=2"]],"body":"aGk="}
                """
        )
        let response = try vm.fetch(N.port)
        #expect(response.status == 200 && response.head["status"] == .integer(200))
        #expect(response.head["statusText"] == .string("OK"))
        #expect(response.values(of: "set-cookie") == ["a=1", "b=2"])
        #expect(response.text == "hi" && response.head["connectionReset"] == .bool(false))
        #expect(response.head["body"] == nil, "the head has no body")
    }

    @Test("case 8: asynchronously the body is data, and the head comes with the end")
    func asynchronous() throws {
        let (_, vm) = try N.vm(answering: #"{"status":404,"headers":[["x","y"]],"body":"aGk="}"#)
        let events = try vm.sidecar.events(of: try vm.submitFetch(N.port))
        #expect(events.map(\.kind) == [AOS_EV_DATA, AOS_EV_COMPLETE])
        #expect(events.first?.text == "hi")
        #expect(events.last?.status == AOS_OK && events.last?.value == 404)
        let head = try JSONReader.parse(events.last?.data ?? [])
        #expect(head["statusText"] == .string("Not Found"))
        #expect(head["headers"] == .array([.array([.string("x"), .string("y")])]))
    }

    @Test("case 9: every status from 100 to 999 is a response, others are none")
    func statuses() throws {
        let statuses: KeyValuePairs<Int32, String> = [
            204: "No Content", 101: "Switching Protocols", 599: "", 100: "Continue", 999: "",
            304: "Not Modified", 500: "Internal Server Error",
        ]
        for (status, reason) in statuses {
            let (_, vm) = try N.vm(answering: "{\"status\":\(status)}")
            let response = try vm.fetch(N.port)
            #expect(response.status == status && response.body == [])
            #expect(response.head["statusText"] == .string(reason), "\(status)")
            #expect(response.head["headers"] == .array([]))
        }
        let (_, withBody) = try N.vm(answering: #"{"status":101,"statusText":"Mine","body":"aGk="}"#)
        let response = try withBody.fetch(N.port)
        #expect(response.status == 101 && response.text == "hi")
        #expect(response.head["statusText"] == .string("Mine"))
        for status in ["99", "1000", "0", "-200"] {
            let (_, vm) = try N.vm(answering: "{\"status\":\(status)}")
            let error = failure { _ = try vm.fetch(N.port) }
            #expect(error?.message == "fetch: invalid response status code \(status)")
            #expect(error != nil && error?.status != AOS_OK)
            #expect(vm.isAlive, "one bad answer of a guest must not cost the sidecar")
        }
    }

    @Test("case 10: a body in UTF-8 is its text")
    func text() throws {
        let (_, vm) = try N.vm(
            answering: """
                {"status":500,"headers":[["content-type","text/plain"]],"body":"Error: boom",\
                "bodyEncoding":"utf8"}
                """
        )
        let response = try vm.fetch(N.port)
        #expect(response.status == 500 && response.text == "Error: boom")
        let (_, wide) = try N.vm(answering: #"{"status":200,"body":"é\u0000€","bodyEncoding":"utf8"}"#)
        #expect(try wide.fetch(N.port).text == "é\0€")
    }

    @Test("case 11: an answer that is none is an error that names its place, and the sidecar goes on")
    func malformed() throws {
        let documents: KeyValuePairs = [
            #"{"status":200,"body":"a","bodyEncoding":"base64"}"#: "base64",
            #"{"status":200,"body":"a*=="}"#: "base64",
            #"{"status":200,"body":"aGk"}"#: "base64",
            #"{"status":200,"headers":[["a"]]}"#: "headers",
            #"{"status":200,"headers":[["a",1]]}"#: "headers",
            #"{"status":200,"headers":{"a":"b"}}"#: "headers",
            #"{"status":200,"headers":[["a","b","c"]]}"#: "headers",
            #"{"status":200,"body":7}"#: "body",
            #"{"status":200,"body":"x","bodyEncoding":"latin1"}"#: "bodyEncoding",
            #"{"status":"200"}"#: "status",
            #"{"body":""}"#: "status",
            "not JSON": "JSON",
            "": "JSON",
            "[]": "object",
        ]
        for (document, place) in documents {
            let (_, vm) = try N.vm(answering: document)
            let error = failure { _ = try vm.fetch(N.port) }
            #expect(error?.message.contains(place) == true, "\(document): \(error?.message ?? "none")")
            #expect(vm.isAlive, "\(document)")
        }
    }

    @Test("case 12: all 256 bytes come back exactly")
    func bytes() throws {
        let all = (0...255).map { UInt8($0) }
        let (_, vm) = try N.vm(answering: "{\"status\":200,\"body\":\"\(base64(all))\"}")
        #expect(try vm.fetch(N.port).body == all)
    }

    @Test("who wants none of it passes no outputs")
    func noOutputs() throws {
        let (peer, vm) = try N.vm(answering: #"{"status":200,"body":"aGk="}"#)
        try check {
            aos_net_fetch(
                vm.sidecar.handle,
                vm.id,
                N.port,
                nil,
                0,
                nil,
                0,
                HostSidecar.limit,
                nil,
                nil,
                nil,
                $0
            )
        }
        #expect(peer.fetches.count == 1)
    }

    @Test("what else an answer may have is passed on, and what is unknown is ignored (N4)")
    func extras() throws {
        let (_, vm) = try N.vm(
            answering: """
                {"status":200,"rawHeaders":["X","y"],"trailers":{"t":"1"},"informational":[],\
                "connectionReset":true,"connectionEnded":true,"later":{"a":[1]}}
                """
        )
        let head = try vm.fetch(N.port).head
        #expect(head["rawHeaders"] == .array([.string("X"), .string("y")]))
        #expect(head["trailers"] == .members(["t": .string("1")]))
        #expect(head["informational"] == .array([]) && head["connectionReset"] == .bool(true))
        #expect(head["later"] == nil)
    }
}

/// Plain and slow: what the library decodes must not be made by the library.
private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for index in 0...group.count { text.append(alphabet[bits >> (18 - 6 * index) & 63]) }
        text += String(repeating: "=", count: 3 - group.count)
    }
    return text
}
