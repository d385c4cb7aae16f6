// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

@Suite("Kinds of errors, their statuses and their texts (vm.md 13 and 17, 36-37; decision 18)")
struct ErrorMappingTests {
    private static let rejects = ScriptedPeer(
        #"""
        [{"on":"guest_filesystem_call","where":{"operation":"stat","path":"/x"},"do":[{"reject":["kernel_error","ENOENT: no such file: /x"]}]},
        {"on":"guest_filesystem_call","where":{"operation":"read_dir"},"do":[{"reject":["invalid_state","boom"]}]},
        {"on":"guest_filesystem_call","where":{"operation":"create_dir"},"do":[{"reject":["EPERM","EPERM: no"]}]},
        {"on":"guest_filesystem_call","where":{"operation":"read_file","path":"/slow"},"do":[{"nothing":true}]},
        {"on":"guest_filesystem_call","where":{"operation":"read_file","path":"/wrong"},"do":[{"answer":{"type":"zombie_timer_count","count":1}}]},
        {"on":"guest_filesystem_call","where":{"operation":"read_file","path":"/die"},"do":[{"stderr":"last words\n"},{"exit":3}]}]
        """#
    )

    private func vm() throws -> HostVM { try Self.rejects.sidecar().createVM() }

    private func members(_ error: HostError) -> [String] {
        guard case .object(let members) = error.detail else { return [] }
        return members.map(\.name)
    }

    @Test("36: a rejection keeps the sidecar's own word and text, and the errno beside them (R13)")
    func rejections() throws {
        let vm = try vm()
        let first = try #require(failure(of: { _ = try vm.stat("/x") }))
        #expect(first.status == AOS_E_REMOTE)
        #expect(first.code == "kernel_error")
        #expect(first.errno == "ENOENT")
        #expect(first.message == "ENOENT: no such file: /x")
        #expect(
            first.detail["description"]?.stringValue
                == "kernel error [kernel_error]: ENOENT: no such file: /x"
        )
        #expect(members(first) == ["kind", "code", "errno", "operation", "path", "request", "description"])
        let second = try #require(failure(of: { _ = try vm.list("/x") }))
        #expect(second.code == "invalid_state")
        #expect(second.errno == nil)
        #expect(second.message == "boom")
        #expect(second.detail["description"]?.stringValue == "kernel error [invalid_state]: boom")
        let third = try #require(failure(of: { try vm.makeDirectory("/x") }))
        #expect(third.code == "EPERM")
        #expect(third.errno == "EPERM")
        #expect(third.message == "EPERM: no")
        #expect(third.detail["description"]?.stringValue == "kernel error [EPERM]: EPERM: no")
    }

    @Test("37: kinds that are printed as their message have no description")
    func plainKinds() throws {
        let vm = try vm()
        for (path, kind, message) in [
            ("x", "path_not_absolute", "Path must be absolute: x"),
            ("/x/..", "path_not_normalized", "Path must be normalized: /x/.."),
            ("/proc/x", "path_read_only", "Path is read-only: /proc/x"),
        ] {
            let error = try #require(failure(of: { try vm.write(path, "") }))
            #expect(error.status == AOS_E_INVALID)
            #expect(error.kind == kind)
            #expect(error.message == message)
            #expect(members(error) == ["kind", "operation", "path"])
        }
        let big = try #require(failure(of: { try vm.write("/x", [UInt8](repeating: 0xFF, count: 900_000)) }))
        #expect(big.status == AOS_E_TOO_LARGE)
        #expect(big.kind == "too_large")
        #expect(members(big) == ["kind", "errno", "operation", "path", "size", "limit"])
    }

    @Test("37: a deadline")
    func deadline() throws {
        let vm = try vm()
        let error = try #require(failure(of: { _ = try vm.read("/slow", limit: 100 * millisecond) }))
        #expect(error.status == AOS_E_DEADLINE)
        #expect(error.kind == "timeout")
        #expect(error.detail["description"] == nil)
    }

    @Test("37: an answer that does not fit is one of the sidecar, with what was found")
    func wrongAnswer() throws {
        let vm = try vm()
        let error = try #require(failure(of: { _ = try vm.read("/wrong") }))
        #expect(error.status == AOS_E_SIDECAR)
        #expect(error.kind == "sidecar")
        #expect(error.detail["found"]?.stringValue == "zombie_timer_count")
        #expect(error.detail["request"]?.stringValue == "guest_filesystem_call")
        #expect(error.detail["description"]?.stringValue == "sidecar error: \(error.message)")
        #expect(vm.isAlive)
    }

    @Test("37: a process that dies is named with exit and stderr, and so is every later call")
    func death() throws {
        let vm = try vm()
        let first = try #require(failure(of: { _ = try vm.read("/die") }))
        let later = try #require(failure(of: { try vm.write("/x", "") }))
        for error in [first, later] {
            #expect(error.status == AOS_E_SIDECAR)
            #expect(error.kind == "sidecar")
            #expect(error.detail["exitCode"] == .integer(3))
            #expect(error.detail["stderr"]?.stringValue?.contains("last words") == true)
            #expect(error.detail["description"]?.stringValue == "sidecar error: \(error.message)")
        }
        // `VM vm-1 is lost: ...` once the VM has learnt it, a moment after the requests that waited.
        #expect(later.message.contains("sidecar process exited with code 3"))
        #expect(
            eventually {
                failure(of: { try vm.write("/x", "") })?.message.hasPrefix("VM vm-1 is lost: ") == true
            }
        )
    }

    @Test("37: what was cancelled, and what is disposed")
    func cancelledAndDisposed() throws {
        let vm = try vm()
        let sidecar = vm.sidecar
        let op = try sidecar.submit { aos_fs_read_async(vm.handle, vm.id, "/slow", 5, nil, $0, $1) }
        #expect(aos_op_cancel(sidecar.handle, op) == AOS_OK)
        let event = try #require(try sidecar.events(of: op).last)
        #expect(event.status == AOS_E_CANCELED)
        #expect(event.error?.kind == "cancelled")
        #expect(event.error?.detail["description"] == nil)
        try vm.shutdown()
        let error = try #require(failure(of: { _ = try vm.read("/x") }))
        #expect(error.status == AOS_E_DISPOSED)
        #expect(error.kind == "disposed")
        #expect(error.message == "AgentOs has been disposed")
    }

    @Test("every error has a kind that the header lists, and its own status")
    func errorObject() throws {
        let vm = try vm()
        var error: OpaquePointer?
        let status = aos_fs_stat(vm.handle, vm.id, "/x", 2, HostSidecar.limit, nil, &error)
        #expect(status == AOS_E_INVALID)
        #expect(aos_error_status(error) == status)
        var length = 0
        let text = try #require(aos_error_message(error, &length))
        #expect(String(cString: text).utf8.count == length)
        let detail = try #require(aos_error_detail_json(error, &length))
        #expect(String(cString: detail).utf8.count == length)
        aos_error_release(error)
        #expect(aos_error_status(error) == AOS_E_STALE)
        #expect(aos_error_message(error, &length).map { String(cString: $0) } == "")
        #expect(length == 0)
    }

    @Test("an asynchronous call has the same error as the blocking one")
    func asynchronous() throws {
        let vm = try vm()
        let sidecar = vm.sidecar
        let op = try sidecar.submit { aos_fs_stat_async(vm.handle, vm.id, "/x", 2, nil, $0, $1) }
        let error = try #require(try sidecar.events(of: op).last?.error)
        let blocking = try #require(failure(of: { _ = try vm.stat("/x") }))
        #expect(error.status == blocking.status)
        #expect(error.message == blocking.message)
        #expect(error.detail == blocking.detail)
        let refused = try sidecar.submit { aos_fs_stat_async(vm.handle, vm.id, "x", 1, nil, $0, $1) }
        #expect(try sidecar.events(of: refused).map(\.status) == [aos_status(AOS_E_INVALID)])
    }

}
