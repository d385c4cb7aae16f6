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
                #"{"default":true},{"answerRemembered":"a","answer":\#(Self.no)},{"answerRemembered":"b"}"#
            ),
        ]
        let peer = ScriptedPeer("[\(rules.joined(separator: ","))]")
        let sidecar = try peer.plainSidecar()
        let vm = try sidecar.createVM()
        let ops = try ["/a", "/b", "/c"].map { try vm.existsAsync($0) }
        let values = try ops.map { try sidecar.end(of: $0).value }
        #expect(values == [0, 1, 1])
        let ids = peer.frames.compactMap { $0["request_id"]?.integerValue }
        #expect(ids == Array(1...Int64(ids.count)) && ids.count == 8)
        #expect(peer.paths == ["/a", "/b", "/c"])
    }

    @Test("a refusal keeps its code and text, an answer of another type is told (case 6)")
    func refusal() throws {
        let vmCreated =
            #"{"answer":{"type":"vm_created","vm_id":"v"},"ownership":{"scope":"session","connection_id":"conn-1","session_id":"s"}}"#
        let peer = ScriptedPeer("[\(ScriptedPeer.onPath("/no", #"{"reject":["odd_code","odd text: 7"]}"#))]")
        let vm = try peer.plainSidecar().createVM()
        let error = try #require(failure { _ = try vm.exists("/no") })
        #expect(error.status == AOS_E_REMOTE && error.kind == "kernel")
        #expect(error.code == "odd_code" && error.message == "odd text: 7")

        let other = ScriptedPeer(
            "[\(ScriptedPeer.on("open_session", #"{"answer":{"type":"vm_disposed","vm_id":"v"},"ownership":{"scope":"vm","connection_id":"conn-1","session_id":"s","vm_id":"v"}}"#, nth: 1)),\(ScriptedPeer.on("open_session", vmCreated))]"
        )
        let sidecar = try other.sidecar()
        for _ in 0..<2 {
            let error = try #require(failure { _ = try sidecar.createVM() })
            // Another type needs another owner too, and that is looked at first (wire-protocol.md 11).
            #expect(error.status == AOS_E_SIDECAR && error.message.contains("response id"), "\(error)")
        }

        let wrongType = #"{"answer":{"type":"zombie_timer_count","count":1}}"#
        let third = ScriptedPeer("[\(ScriptedPeer.onPath("/odd", wrongType))]")
        let odd = try #require(failure { _ = try third.plainSidecar().createVM().exists("/odd") })
        #expect(odd.status == AOS_E_SIDECAR && odd.kind == "sidecar")
        #expect(odd.message == "unexpected guest_filesystem_call response")
        #expect(odd.detail["found"]?.stringValue == "zombie_timer_count")
        #expect(odd.detail["request"]?.stringValue == "guest_filesystem_call")
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
        let content = String(repeating: "x", count: 1_100_000)
        let before = peer.frames.count
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
        #expect(error.status == AOS_E_TOO_LARGE && error.kind == "too_large", "\(error)")
        #expect((error.detail["size"]?.integerValue ?? 0) >= 1_100_000)
        #expect(error.detail["limit"] != nil)
        #expect(
            !peer.requests("guest_filesystem_call").contains { $0["operation"]?.stringValue == "write_file" }
        )
        #expect(peer.frames.count <= before + 2)
        #expect(try vm.exists("/next"))
    }

    @Test("300,000 bytes to a program's stdin are refused here (case 9)")
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
        // Of 16 paths half are answered later than others, and a third says no.
        let later = (0..<16).filter { $0 % 2 == 0 }.map { number in
            ScriptedPeer.onPath(
                "/p\(number)",
                #"{"delay":[0,2]},\#(number % 3 == 0 ? "{\"answer\":\(Self.no)}" : "{\"default\":true}")"#
            )
        }
        let now = (0..<16).filter { $0 % 6 == 3 }.map {
            ScriptedPeer.onPath("/p\($0)", "{\"answer\":\(Self.no)}")
        }
        let peer = ScriptedPeer("[\((later + now).joined(separator: ","))]")
        let sidecar = try HostSidecar(options: withoutLog(peer.plainOptions()))
        let vm = try sidecar.createVM()
        let faults = Collected<String>()
        let count = 5_000
        onThreads(8) { thread in
            do {
                var waiting: [(aos_id, Int)] = []
                func take() throws {
                    let (op, number) = waiting.removeFirst()
                    let events = try sidecar.events(of: op)
                    let expected: Int64 = number % 3 == 0 ? 0 : 1
                    if events.count != 1 || events[0].status != AOS_OK || events[0].value != expected {
                        faults.append("\(number): \(events)")
                    }
                }
                for index in 0..<count {
                    let number = (index &* 7 &+ thread) % 16
                    waiting.append((try vm.existsAsync("/p\(number)"), number))
                    if waiting.count == 16 { try take() }
                }
                while !waiting.isEmpty { try take() }
            } catch { faults.append("\(error)") }
        }
        #expect(faults.all.isEmpty, "\(faults.all.count): \(faults.all.prefix(3))")
        #expect(sidecar.diagnostic("unknownAnswers") == 0 && sidecar.diagnostic("lateAnswers") == 0)
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
