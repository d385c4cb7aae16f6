// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS
import Testing

/// Outputs that must be untouched unless a call succeeds.
struct HostOutputs: Equatable {
    static var untouched: HostOutputs { HostOutputs() }
    var pointer: OpaquePointer? = OpaquePointer(bitPattern: 0x5555)
    var pointer2: OpaquePointer? = OpaquePointer(bitPattern: 0x5555)
    var id: aos_id = 0x5555
    var id2: aos_id = 0x5555
    var number: Int32 = 0x5555
    var flags: UInt32 = 0x5555
}

/// The handle and ids of one call.
struct HostTarget {
    var sidecar: OpaquePointer?
    var vm: aos_id
    var process: aos_id
}

/// A function on a sidecar, called with arguments that are all right but for its target.
struct HandleCall: Sendable, CustomTestStringConvertible {
    enum Subject: Sendable { case sidecar, vm, process, shell, layer }

    typealias Body = @Sendable (
        HostTarget, inout HostOutputs, UnsafeMutablePointer<OpaquePointer?>?
    ) -> aos_status

    let name: String
    let subject: Subject
    let body: Body
    var testDescription: String { name }

    init(_ name: String, _ subject: Subject, _ body: @escaping Body) {
        (self.name, self.subject, self.body) = (name, subject, body)
    }
}

private let limit: UInt64 = 5 * second
private let text: Int = -1

extension HandleCall {
    static let all: [HandleCall] =
        onSidecars + onFiles + onProcesses + onTrees + onProcessTables + onShells + onNetwork + onRoots
    static let withID: [HandleCall] = all.filter { $0.subject != .sidecar }
    static let withVM: [HandleCall] = all.filter { $0.subject == .vm }
    static let withProcess: [HandleCall] = all.filter { $0.subject == .process }

    private static let onSidecars: [HandleCall] = [
        HandleCall("aos_sidecar_connect", .sidecar) { t, _, e in aos_sidecar_connect(t.sidecar, limit, e) },
        HandleCall("aos_sidecar_connect_async", .sidecar) { t, o, e in
            aos_sidecar_connect_async(t.sidecar, nil, &o.id, e)
        },
        HandleCall("aos_sidecar_describe_json", .sidecar) { t, o, e in
            aos_sidecar_describe_json(t.sidecar, &o.pointer, e)
        },
        HandleCall("aos_sidecar_diagnostics_json", .sidecar) { t, o, e in
            aos_sidecar_diagnostics_json(t.sidecar, &o.pointer, e)
        },
        HandleCall("aos_sidecar_subscribe", .sidecar) { t, o, e in
            aos_sidecar_subscribe(t.sidecar, 0, nil, &o.id, e)
        },
        HandleCall("aos_sidecar_dispose", .sidecar) { t, _, e in aos_sidecar_dispose(t.sidecar, limit, e) },
        HandleCall("aos_sidecar_dispose_async", .sidecar) { t, o, e in
            aos_sidecar_dispose_async(t.sidecar, nil, &o.id, e)
        },
        HandleCall("aos_vm_create", .sidecar) { t, o, e in aos_vm_create(t.sidecar, nil, 0, limit, &o.id, e)
        },
        HandleCall("aos_vm_create_async", .sidecar) { t, o, e in
            aos_vm_create_async(t.sidecar, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_vm_configure", .vm) { t, _, e in aos_vm_configure(t.sidecar, t.vm, nil, 0, limit, e)
        },
        HandleCall("aos_vm_configure_async", .vm) { t, o, e in
            aos_vm_configure_async(t.sidecar, t.vm, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_vm_shutdown", .vm) { t, _, e in aos_vm_shutdown(t.sidecar, t.vm, limit, e) },
        HandleCall("aos_vm_shutdown_async", .vm) { t, o, e in
            aos_vm_shutdown_async(t.sidecar, t.vm, nil, &o.id, e)
        },
        HandleCall("aos_request_json", .vm) { t, o, e in
            aos_request_json(
                t.sidecar,
                t.vm,
                "{\"type\":\"get_zombie_timer_count\"}",
                text,
                limit,
                &o.pointer,
                e
            )
        },
        HandleCall("aos_request_json_async", .vm) { t, o, e in
            aos_request_json_async(
                t.sidecar,
                t.vm,
                "{\"type\":\"get_zombie_timer_count\"}",
                text,
                nil,
                &o.id,
                e
            )
        },
    ]

    private static let onFiles: [HandleCall] = [
        HandleCall("aos_fs_read", .vm) { t, o, e in
            aos_fs_read(t.sidecar, t.vm, "/a", text, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_read_async", .vm) { t, o, e in
            aos_fs_read_async(t.sidecar, t.vm, "/a", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_write", .vm) { t, _, e in
            aos_fs_write(t.sidecar, t.vm, "/a", text, "x", 1, limit, e)
        },
        HandleCall("aos_fs_write_async", .vm) { t, o, e in
            aos_fs_write_async(t.sidecar, t.vm, "/a", text, "x", 1, nil, &o.id, e)
        },
        HandleCall("aos_fs_stat", .vm) { t, o, e in
            aos_fs_stat(t.sidecar, t.vm, "/a", text, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_stat_async", .vm) { t, o, e in
            aos_fs_stat_async(t.sidecar, t.vm, "/a", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_read_dir", .vm) { t, o, e in
            aos_fs_read_dir(t.sidecar, t.vm, "/a", text, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_read_dir_async", .vm) { t, o, e in
            aos_fs_read_dir_async(t.sidecar, t.vm, "/a", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_exists", .vm) { t, o, e in
            aos_fs_exists(t.sidecar, t.vm, "/a", text, limit, &o.number, e)
        },
        HandleCall("aos_fs_exists_async", .vm) { t, o, e in
            aos_fs_exists_async(t.sidecar, t.vm, "/a", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_mkdir", .vm) { t, _, e in aos_fs_mkdir(t.sidecar, t.vm, "/a", text, 0, limit, e) },
        HandleCall("aos_fs_mkdir_async", .vm) { t, o, e in
            aos_fs_mkdir_async(t.sidecar, t.vm, "/a", text, 0, nil, &o.id, e)
        },
        HandleCall("aos_fs_remove", .vm) { t, _, e in aos_fs_remove(t.sidecar, t.vm, "/a", text, 0, limit, e)
        },
        HandleCall("aos_fs_remove_async", .vm) { t, o, e in
            aos_fs_remove_async(t.sidecar, t.vm, "/a", text, 0, nil, &o.id, e)
        },
    ]

    private static let onProcesses: [HandleCall] = [
        HandleCall("aos_process_exec", .vm) { t, o, e in
            aos_process_exec(
                t.sidecar,
                t.vm,
                "many",
                text,
                nil,
                0,
                nil,
                0,
                limit,
                &o.number,
                &o.pointer,
                &o.pointer2,
                &o.flags,
                e
            )
        },
        HandleCall("aos_process_exec_async", .vm) { t, o, e in
            aos_process_exec_async(t.sidecar, t.vm, "many", text, nil, 0, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_process_exec_argv", .vm) { t, o, e in
            aos_process_exec_argv(
                t.sidecar,
                t.vm,
                "[\"many\"]",
                text,
                nil,
                0,
                nil,
                0,
                limit,
                &o.number,
                &o.pointer,
                &o.pointer2,
                &o.flags,
                e
            )
        },
        HandleCall("aos_process_exec_argv_async", .vm) { t, o, e in
            aos_process_exec_argv_async(t.sidecar, t.vm, "[\"many\"]", text, nil, 0, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_process_spawn", .vm) { t, o, e in
            aos_process_spawn(t.sidecar, t.vm, "[\"many\"]", text, nil, 0, nil, &o.id2, &o.id, e)
        },
        HandleCall("aos_process_write_stdin", .process) { t, _, e in
            aos_process_write_stdin(t.sidecar, t.process, "x", 1, limit, e)
        },
        HandleCall("aos_process_write_stdin_async", .process) { t, o, e in
            aos_process_write_stdin_async(t.sidecar, t.process, "x", 1, nil, &o.id, e)
        },
        HandleCall("aos_process_close_stdin", .process) { t, _, e in
            aos_process_close_stdin(t.sidecar, t.process, limit, e)
        },
        HandleCall("aos_process_close_stdin_async", .process) { t, o, e in
            aos_process_close_stdin_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_process_kill", .process) { t, _, e in
            aos_process_kill(t.sidecar, t.process, nil, limit, e)
        },
        HandleCall("aos_process_kill_async", .process) { t, o, e in
            aos_process_kill_async(t.sidecar, t.process, nil, nil, &o.id, e)
        },
    ]
}
