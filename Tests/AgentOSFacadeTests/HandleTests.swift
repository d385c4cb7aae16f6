// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import CAgentOS
import Glibc
import Testing

@Suite("Handles and ids that are stale, NULL, foreign or made up", .timeLimit(.minutes(10)))
struct HandleTests {
    /// Keys that were never given out; the last ones have the form of given ones.
    static let madeUp: [UInt] = [
        1, 2, 3, 4, 8, 0xFFFF, 0x10000, 0x7FFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        0x3F_FFFF,
        (1 << 40 | 5) << 2, ((1 << 24) - 1) << 22, (7 << 20 | 0xF_FFFF) << 2,
    ]

    /// One call with an error and one without: the status, and that nothing was put out.
    private func expect(_ status: Int32, _ call: HandleCall, _ target: HostTarget, _ note: String) {
        var outputs = HostOutputs()
        var error = OpaquePointer(bitPattern: 0x1234)
        let found = call.body(target, &outputs, &error)
        #expect(found == status, "\(note): \(HostError(found, nil).statusName)")
        #expect(outputs == .untouched, "\(note)")
        #expect(error != nil && aos_error_status(error) == status, "\(note)")
        #expect(aos_error_message(error, nil).map { String(cString: $0) }?.isEmpty == false, "\(note)")
        aos_error_release(error)
        #expect(call.body(target, &outputs, nil) == status && outputs == .untouched, "\(note)")
    }

    @Test("every function takes a bad sidecar handle as what it is", arguments: HandleCall.all)
    func sidecars(call: HandleCall) throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn("endless", completion(AOS_DELIVER_NONE)).process
        let queue = try HostQueue()
        let bytes = aos_bytes_copy("x", 1)
        defer { aos_bytes_release(bytes) }
        var error: OpaquePointer?
        #expect(aos_queue_create(.max, nil, &error) == AOS_E_INVALID)
        defer { aos_error_release(error) }
        var released: OpaquePointer?
        try check { aos_sidecar_create(nil, 0, &released, $0) }
        aos_sidecar_release(released)
        func target(_ handle: OpaquePointer?) -> HostTarget {
            HostTarget(sidecar: handle, vm: vm.id, process: process)
        }
        expect(AOS_E_INVALID, call, target(nil), "NULL")
        expect(AOS_E_STALE, call, target(released), "released")
        for (name, handle) in [("queue", queue.handle), ("bytes", bytes), ("error", error)] {
            expect(AOS_E_STALE, call, target(handle), name)
        }
        for key in Self.madeUp { expect(AOS_E_STALE, call, target(OpaquePointer(bitPattern: key)), "\(key)") }
        for difference in [1, 2, 3, -1, 1 << 22, -(1 << 22), 1 << 30] {
            let key = Int(bitPattern: sidecar.handle) + difference
            // The first handle of all is 1 << 22: below that by one generation is NULL.
            if key != 0, difference == 1 << 22 || difference < 4 {
                expect(AOS_E_STALE, call, target(OpaquePointer(bitPattern: key)), "own and \(difference)")
            }
        }
    }

    @Test("every function takes a bad id as what it is", arguments: HandleCall.withID)
    func ids(call: HandleCall) throws {
        let (sidecar, other) = (try HostPeer.sidecar(), try HostPeer.sidecar())
        let vm = try sidecar.createVM()
        let (process, op) = try vm.spawn("endless", completion(AOS_DELIVER_WAIT))
        let foreignVM = try other.createVM()
        let foreign = try foreignVM.spawn("endless", completion(AOS_DELIVER_NONE)).process
        let isVM = call.subject == .vm
        func target(_ id: aos_id) -> HostTarget {
            HostTarget(sidecar: sidecar.handle, vm: isVM ? id : vm.id, process: isVM ? process : id)
        }
        let own = isVM ? vm.id : process
        let faulty: [aos_id] = [
            0, 1, 2, 3, 7, op, isVM ? process : vm.id, isVM ? foreignVM.id : foreign, own + 1, own - 1,
            own + 1 << 23,
            own | 1 << 53, own | 1 << 63, 1 << 53, .max, .max - 6, .max - 5,
        ]
        for id in faulty { expect(AOS_E_STALE, call, target(id), "\(id)") }
    }

    @Test(
        "a VM that was shut down is AOS_E_DISPOSED, but a second shutdown succeeds (R4)",
        arguments: HandleCall.withVM
    )
    func shutDown(call: HandleCall) throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        try vm.shutdown()
        let target = HostTarget(sidecar: sidecar.handle, vm: vm.id, process: 0)
        if call.name.hasPrefix("aos_vm_shutdown") {
            var outputs = HostOutputs()
            #expect(call.body(target, &outputs, nil) == AOS_OK)
        } else {
            expect(AOS_E_DISPOSED, call, target, "shut down")
        }
    }

    @Test(
        "a process that has ended is AOS_E_NOT_FOUND for a write, and done with for the rest",
        arguments: HandleCall.withProcess
    )
    func ended(call: HandleCall) throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let (process, op) = try vm.spawn("many", completion(AOS_DELIVER_WAIT))
        #expect(try sidecar.events(of: op).last?.value == 3)
        let target = HostTarget(sidecar: sidecar.handle, vm: vm.id, process: process)
        if call.name.hasPrefix("aos_process_write_stdin") {
            expect(AOS_E_NOT_FOUND, call, target, "ended")
        } else {
            var outputs = HostOutputs()
            #expect(call.body(target, &outputs, nil) == AOS_OK)
        }
    }

    @Test(
        "a disposed sidecar: its VMs are gone, and describing and disposing it still succeed",
        arguments: HandleCall.all
    )
    func disposed(call: HandleCall) throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn("endless", completion(AOS_DELIVER_NONE)).process
        try sidecar.dispose()
        let target = HostTarget(sidecar: sidecar.handle, vm: vm.id, process: process)
        var outputs = HostOutputs()
        let succeeds = [
            "aos_sidecar_describe", "aos_sidecar_diagnostics", "aos_sidecar_subscribe", "aos_sidecar_dispose",
            "aos_vm_shutdown",
        ]
        if succeeds.contains(where: call.name.hasPrefix) {
            #expect(call.body(target, &outputs, nil) == AOS_OK)
            if outputs.pointer != HostOutputs.untouched.pointer { aos_bytes_release(outputs.pointer) }
            return
        }
        let status = call.body(target, &outputs, nil)
        switch (call.subject, status) {
        case (.vm, AOS_E_DISPOSED), (.sidecar, AOS_E_DISPOSED): #expect(outputs == .untouched)
        case (.sidecar, AOS_OK):
            // Accepted: the refusal is the operation's.
            #expect(try sidecar.events(of: outputs.id).last?.status == AOS_E_DISPOSED)
        case (.shell, AOS_E_STALE), (.layer, AOS_E_STALE): #expect(outputs == .untouched)
        case (.process, _): #expect([AOS_E_NOT_FOUND, AOS_OK, AOS_E_DISPOSED].contains(status))
        default: Issue.record("\(HostError(status, nil).statusName)")
        }
    }

    @Test("queues, blocks and errors: bad handles give what the header says, and nothing crashes")
    func others() throws {
        let sidecar = try HostPeer.sidecar()
        let queue = try HostQueue()
        let released = try HostQueue()
        released.release()
        var event = aos_event()
        event.struct_size = 96
        let bad = Self.madeUp.map { OpaquePointer(bitPattern: $0) } + [released.handle, sidecar.handle]
        for handle in [nil] + bad {
            let status = handle == nil ? AOS_E_INVALID : AOS_E_STALE
            #expect(aos_queue_drain(handle, &event, 1, 0, 0) == status)
            #expect(aos_queue_dispatch(handle, 0, 0) == status)
            #expect(aos_queue_fd(handle) == -1)
            aos_queue_wake(handle)
            aos_queue_release(handle == sidecar.handle ? nil : handle)
            #expect(aos_bytes_retain(handle) == nil)
            var length = 9
            #expect(aos_bytes_data(handle, &length) == nil && length == 0)
            aos_bytes_release(handle)
            #expect(aos_error_status(handle) == (handle == nil ? AOS_OK : AOS_E_STALE))
            #expect(aos_error_flags(handle) == 0)
            #expect(aos_error_message(handle, nil).map { String(cString: $0) } == "")
            #expect(aos_error_detail_json(handle, nil).map { String(cString: $0) } == "")
            aos_error_release(handle)
            if handle != sidecar.handle {
                #expect(aos_sidecar_retain(handle) == nil)
                aos_sidecar_release(handle)
                let expected = handle == nil ? AOS_E_INVALID : AOS_E_STALE
                #expect(aos_op_cancel(handle, 1) == expected)
                #expect(aos_op_take(handle, 1, 0, &event) == expected)
                #expect(aos_op_wait(handle, [1], 1, 0, nil) == expected)
            }
        }
        // A release under another type's function ends nothing.
        aos_queue_release(sidecar.handle)
        aos_sidecar_release(queue.handle)
        #expect(try sidecar.describe().contains("ready") && queue.descriptor >= 0)
        // An event with references that are none.
        event.bytes = sidecar.handle
        event.error = OpaquePointer(bitPattern: 77)
        aos_event_release(&event, 1, 0)
        aos_event_release(&event, 1, 5)
        #expect(event.bytes == nil && event.error == nil)
        for id in [0, 1, .max] as [aos_id] {
            #expect(aos_op_cancel(sidecar.handle, id) == AOS_E_STALE)
            #expect(aos_op_take(sidecar.handle, id, 0, &event) == AOS_E_STALE)
        }
    }

    @Test("outputs that must be given are AOS_E_INVALID where they are NULL")
    func outputs() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let handle = sidecar.handle
        let statuses = [
            aos_queue_create(0, nil, nil), aos_sidecar_create(nil, 0, nil, nil),
            aos_sidecar_get_shared(nil, nil, 0, nil, nil), aos_sidecar_describe_json(handle, nil, nil),
            aos_sidecar_diagnostics_json(handle, nil, nil), aos_vm_create(handle, nil, 0, 1, nil, nil),
            aos_fs_read(handle, vm.id, "/a", 2, 1, nil, nil),
            aos_fs_stat(handle, vm.id, "/a", 2, 1, nil, nil),
            aos_fs_read_dir(handle, vm.id, "/a", 2, 1, nil, nil),
            aos_fs_exists(handle, vm.id, "/a", 2, 1, nil, nil),
            aos_request_json(handle, vm.id, "{}", 2, 1, nil, nil),
        ]
        #expect(statuses.allSatisfy { $0 == AOS_E_INVALID })
        // Those of exec may all be NULL.
        let limit = 10 * second
        #expect(
            aos_process_exec(handle, vm.id, "many", 4, nil, 0, nil, 0, limit, nil, nil, nil, nil, nil)
                == AOS_OK
        )
        #expect(aos_process_spawn(handle, vm.id, "[\"many\"]", -1, nil, 0, nil, nil, nil, nil) == AOS_OK)
    }

    /// So that a function that is added to the header is tried here too.
    @Test("every function of the header that takes a handle is in one of these tests")
    func complete() throws {
        let elsewhere: Set<String> = [
            "aos_abi_version", "aos_abi_check", "aos_version_string", "aos_status_name", "aos_has_feature",
            "aos_bytes_copy", "aos_bytes_adopt", "aos_sidecar_create", "aos_sidecar_get_shared",
            "aos_queue_create",
            "aos_sidecar_dispose_all_shared",
        ]
        let here = try Repository.text("Tests/AgentOSFacadeTests/HandleTests.swift")
        let declared = try Repository.lines("include/agentos.h").filter { $0.hasPrefix("AOS_API ") }
            .compactMap { line in
                line.split(separator: "(").first?.split(whereSeparator: { " *".contains($0) }).last.map(
                    String.init
                )
            }
        #expect(declared.count > 60)
        let calls = Set(HandleCall.all.map(\.name))
        for name in declared where !elsewhere.contains(name) && !calls.contains(name) {
            #expect(here.contains("\(name)("), "\(name)")
        }
        #expect(calls.isSubset(of: declared))
    }
}
