// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Testing

@Suite("Requests and their answers (transport.md 4)", .serialized)
struct RequestTests {
    /// An answer to `exists` that says no: what tells one answer from another.
    private static let no =
        #"{"type":"guest_filesystem_result","operation":"exists","path":"$path","exists":false}"#

    @Test("ids count from 1, and answers find their requests in any order (case 5)")
    func order() throws {
        let rules = [
            ScriptedPeer.onPath("/a", #"{"remember":"a"}"#), ScriptedPeer.onPath("/b", #"{"remember":"b"}"#),
            ScriptedPeer.onPath(
                "/c",
                #"{"default":true},{"answerRemembered":"a"},{"answerRemembered":"b"}"#
            ),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let paths = ["/a", "/b", "/c"]
        let ops = try paths.map { try vm.realPathAsync($0) }
        #expect(try ops.map { try sidecar.end(of: $0).text } == paths)
        let ids = peer.frames.compactMap { $0["request_id"]?.integerValue }
        #expect(ids == Array(1...Int64(ids.count)) && ids.count == 8)
        #expect(peer.paths == paths)
    }

    @Test("a refusal keeps its code and text, an answer of another type is told (case 6)")
    func refusal() throws {
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/no", #"{"reject":["odd_code","odd text: 7"]}"#))]")
        let vm = try peer.plainSidecar().createVM()
        let error = try #require(failure { _ = try vm.exists("/no") })
        #expect(error.status == AOS_E_REMOTE && error.kind == "kernel")
        #expect(error.code == "odd_code" && error.message == "odd text: 7")

        let wrongType = #"{"answer":{"type":"zombie_timer_count","count":1}}"#
        let other = ScriptedPeer("[\(ScriptedPeer.onPath("/odd", wrongType))]")
        let odd = try #require(failure { _ = try other.plainSidecar().createVM().exists("/odd") })
        #expect(odd.status == AOS_E_SIDECAR && odd.kind == "sidecar")
        #expect(odd.message == "unexpected guest_filesystem_call response")
        #expect(odd.detail["found"]?.stringValue == "zombie_timer_count")
        #expect(odd.detail["request"]?.stringValue == "guest_filesystem_call")
    }

    @Test("an answer of another type is told as that, whoever owns it (case 6)")
    func otherType() throws {
        let owner = #""connection_id":"conn-1","session_id":"s""#
        let answers = [
            ("vm_created", #"{"scope":"session",\#(owner)}"#),
            ("vm_disposed", #"{"scope":"vm",\#(owner),"vm_id":"v"}"#),
        ]
        for (type, owner) in answers {
            let answer = #"{"answer":{"type":"\#(type)","vm_id":"v"},"ownership":\#(owner)}"#
            let peer = ScriptedPeer("[\(ScriptedPeer.on("open_session", answer))]")
            let error = try #require(failure { _ = try peer.sidecar().createVM() })
            #expect(error.status == AOS_E_SIDECAR && error.kind == "sidecar")
            #expect(error.message == "unexpected open_session response", "\(error)")
            #expect(error.detail["found"]?.stringValue == type)
            #expect(error.detail["request"]?.stringValue == "open_session")
        }
    }

    @Test("an answer that another VM owns fails its request alone, one to nobody does nothing (case 7)")
    func foreign() throws {
        let owner = #"{"scope":"vm","connection_id":"conn-1","session_id":"session-1","vm_id":"other"}"#
        let rules = [
            ScriptedPeer.onPath("/foreign", "{\"answer\":\(Self.no),\"ownership\":\(owner)}"),
            ScriptedPeer.onPath("/nobody", "{\"answer\":\(Self.no),\"id\":999},{\"default\":true}"),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let error = try #require(failure { _ = try vm.exists("/foreign") })
        let ids = #"connection_id: "conn-1", session_id: "session-1", vm_id: "#
        #expect(
            error.message
                == #"response id 6 used ownership Vm { \#(ids)"other" }, expected Vm { \#(ids)"vm-1" }"#,
            "\(error)"
        )
        #expect(error.status == AOS_E_SIDECAR && error.kind == "sidecar")
        #expect(try vm.exists("/nobody"))
        #expect(sidecar.diagnostic("unknownAnswers") == 1)
        #expect(try vm.exists("/later"))
    }

    @Test("an answer that comes twice is an answer to nobody (4.2)")
    func twice() throws {
        let peer = ScriptedPeer(
            "[\(ScriptedPeer.onPath("/twice", #"{"default":true},{"default":true},{"default":true}"#))]"
        )
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let op = try vm.existsAsync("/twice")
        #expect(try sidecar.events(of: op).count == 1)
        #expect(try vm.exists("/after"))
        let ignored = (sidecar.diagnostic("unknownAnswers") ?? 0) + (sidecar.diagnostic("lateAnswers") ?? 0)
        #expect(ignored == 2)
    }

    @Test("a request above the limit of a frame fails here, and the sidecar sees nothing (case 8)")
    func tooLarge() throws {
        let peer = ScriptedPeer()
        let vm = try peer.plainSidecar().createVM()
        let before = peer.frames.count
        // Nothing but the encoder looks at this one.
        let path = String(repeating: "x", count: 1_100_000)
        let error = try #require(
            failure {
                _ = try vm.request(.members(["type": .string("find_listener"), "path": .string(path)]))
            }
        )
        #expect(error.status == AOS_E_TOO_LARGE && error.kind == "too_large", "\(error.message)")
        let size = try #require(error.detail["size"]?.integerValue)
        #expect((1_100_000...1_101_000).contains(size))
        #expect(error.detail["limit"]?.integerValue == 1_048_576)
        #expect(error.message == "protocol frame is \(size) bytes, limit is 1048576")
        #expect(try vm.exists("/next"))
        // What was sent would have come before that.
        #expect(peer.frames.count == before + 1)
    }

    @Test("a file that is written in one request and is above the limit fails here (case 8)")
    func fileTooLarge() throws {
        let peer = ScriptedPeer()
        let vm = try peer.plainSidecar().createVM()
        let before = peer.frames.count
        let content = String(repeating: "x", count: 1_100_000)
        let error = try #require(
            failure {
                _ = try vm.request(
                    .members([
                        "type": .string("guest_filesystem_call"), "operation": .string("write_file"),
                        "path": .string("/x"), "content": .string(content), "encoding": .string("utf8"),
                    ])
                )
            }
        )
        #expect(error.status == AOS_E_TOO_LARGE && error.kind == "too_large", "\(error.message)")
        #expect((error.detail["size"]?.integerValue ?? 0) >= 1_100_000)
        #expect(error.detail["limit"] != nil)
        #expect(try vm.exists("/next"))
        #expect(peer.frames.count == before + 1)
    }

    // Case 9 itself, sent raw through the transport, is in RequestEncoderTests.
    @Test("300,000 bytes to a program's stdin are refused here, whoever asks")
    func tooLargeForStandardInput() throws {
        let peer = ScriptedPeer()
        let vm = try peer.plainSidecar().createVM()
        let process = try vm.spawn(["cat"])
        let error = try #require(failure { try process.write([UInt8](repeating: 0xFF, count: 300_000)) })
        #expect(error.status == AOS_E_TOO_LARGE && error.kind == "too_large", "\(error)")
        #expect(peer.requests("write_stdin").isEmpty)
        #expect(try vm.exists("/next"))
    }

    @Test("8 threads with 5,000 requests each, answered in any order: each gets its own, once (case 13)")
    func many() throws {
        let rule = ScriptedPeer.on("guest_filesystem_call", #"{"delay":[0,2]},{"default":true}"#)
        let sidecar = try HostSidecar(options: withoutLog(ScriptedPeer("[\(rule)]").plainOptions()))
        let vm = try sidecar.createVM()
        let faults = Collected<String>()
        onThreads(8) { thread in
            do {
                let fault = try Self.traffic(vm, thread, count: 5_000)
                if let fault { faults.append(fault) }
            } catch { faults.append("\(thread): \(error)") }
        }
        #expect(faults.all.isEmpty, "\(faults.all.count): \(faults.all.prefix(3))")
        #expect(sidecar.diagnostic("unknownAnswers") == 0 && sidecar.diagnostic("lateAnswers") == 0)
    }

    /// One thread's requests, each with a path that no other has. What was wrong.
    private static func traffic(_ vm: HostVM, _ thread: Int, count: Int) throws -> String? {
        let queue = try HostQueue()
        var ends = [Int](repeating: 0, count: count)
        var wrong: [String] = []
        var ended = 0
        func take(_ events: [HostEvent]) {
            for event in events {
                guard event.tag < count else { return wrong.append("tag \(event.tag)") }
                ends[Int(event.tag)] += 1
                ended += 1
                if event.status != AOS_OK || !event.isLast || event.text != "/t\(thread)/\(event.tag)" {
                    wrong.append("\(event)")
                }
            }
        }
        for number in 0..<count {
            _ = try vm.realPathAsync("/t\(thread)/\(number)", queue: queue, tag: UInt64(number))
            if number - ended >= 64 { take(queue.drain()) }
        }
        while ended < count {
            let events = queue.drain()
            if events.isEmpty { return "thread \(thread): \(count - ended) never ended" }
            take(events)
        }
        // A little longer, for what must not come.
        take(queue.drain(timeout: 300 * millisecond))
        if !ends.allSatisfy({ $0 == 1 }) { wrong.append("\(ends.filter { $0 != 1 }.prefix(3)) ends") }
        return wrong.isEmpty ? nil : "thread \(thread), \(wrong.count): \(wrong.prefix(2))"
    }
}

/// A peer that writes no log: what it would write takes longer than the work.
func withoutLog(_ options: JSONValue) -> JSONValue {
    guard case .object(let members) = options else { return options }
    return .object(
        members.map { member in
            guard member.name == "env", case .object(let variables) = member.value else { return member }
            return JSONMember("env", .object(variables.filter { $0.name != "AGENTOS_SCRIPT_LOG" }))
        }
    )
}
