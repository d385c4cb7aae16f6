// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS

private let limit: UInt64 = 5 * second
private let text: Int = -1

/// The functions on processes, shells, sockets and roots.
extension HandleCall {
    static let onProcessTables: [HandleCall] = [
        HandleCall("aos_process_wait", .process) { t, o, e in
            aos_process_wait(t.sidecar, t.process, limit, &o.number, e)
        },
        HandleCall("aos_process_wait_async", .process) { t, o, e in
            aos_process_wait_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_process_get", .process) { t, o, e in
            aos_process_get(t.sidecar, t.process, &o.pointer, e)
        },
        HandleCall("aos_process_list", .vm) { t, o, e in
            aos_process_list(t.sidecar, t.vm, &o.pointer, e)
        },
        HandleCall("aos_process_all", .vm) { t, o, e in
            aos_process_all(t.sidecar, t.vm, limit, &o.pointer, e)
        },
        HandleCall("aos_process_all_async", .vm) { t, o, e in
            aos_process_all_async(t.sidecar, t.vm, nil, &o.id, e)
        },
        HandleCall("aos_process_tree", .vm) { t, o, e in
            aos_process_tree(t.sidecar, t.vm, limit, &o.pointer, e)
        },
        HandleCall("aos_process_tree_async", .vm) { t, o, e in
            aos_process_tree_async(t.sidecar, t.vm, nil, &o.id, e)
        },
        HandleCall("aos_process_signal_state", .process) { t, o, e in
            aos_process_signal_state(t.sidecar, t.process, limit, &o.pointer, e)
        },
        HandleCall("aos_process_signal_state_async", .process) { t, o, e in
            aos_process_signal_state_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_process_release", .process) { t, _, e in
            aos_process_release(t.sidecar, t.process, e)
        },
        HandleCall("aos_process_subscribe", .process) { t, o, e in
            aos_process_subscribe(t.sidecar, t.process, nil, 0, nil, &o.id, e)
        },
    ]

    static let onShells: [HandleCall] = [
        HandleCall("aos_shell_open", .vm) { t, o, e in
            aos_shell_open(t.sidecar, t.vm, nil, 0, nil, &o.id2, &o.id, e)
        },
        HandleCall("aos_shell_write", .shell) { t, _, e in
            aos_shell_write(t.sidecar, t.process, nil, 0, limit, e)
        },
        HandleCall("aos_shell_write_async", .shell) { t, o, e in
            aos_shell_write_async(t.sidecar, t.process, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_shell_close_stdin", .shell) { t, _, e in
            aos_shell_close_stdin(t.sidecar, t.process, limit, e)
        },
        HandleCall("aos_shell_close_stdin_async", .shell) { t, o, e in
            aos_shell_close_stdin_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_shell_signal", .shell) { t, _, e in
            aos_shell_signal(t.sidecar, t.process, nil, limit, e)
        },
        HandleCall("aos_shell_signal_async", .shell) { t, o, e in
            aos_shell_signal_async(t.sidecar, t.process, nil, nil, &o.id, e)
        },
        HandleCall("aos_shell_close", .shell) { t, _, e in
            aos_shell_close(t.sidecar, t.process, limit, e)
        },
        HandleCall("aos_shell_close_async", .shell) { t, o, e in
            aos_shell_close_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_shell_wait", .shell) { t, o, e in
            aos_shell_wait(t.sidecar, t.process, limit, &o.number, e)
        },
        HandleCall("aos_shell_wait_async", .shell) { t, o, e in
            aos_shell_wait_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_shell_resize", .shell) { t, _, e in
            aos_shell_resize(t.sidecar, t.process, 80, 24, e)
        },
        HandleCall("aos_shell_get", .shell) { t, o, e in
            aos_shell_get(t.sidecar, t.process, &o.pointer, e)
        },
        HandleCall("aos_shell_list", .vm) { t, o, e in
            aos_shell_list(t.sidecar, t.vm, &o.pointer, e)
        },
        HandleCall("aos_shell_subscribe", .shell) { t, o, e in
            aos_shell_subscribe(t.sidecar, t.process, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_shell_attach", .shell) { t, o, e in
            aos_shell_attach(t.sidecar, t.process, -1, -1, -1, limit, &o.number, e)
        },
        HandleCall("aos_shell_attach_async", .shell) { t, o, e in
            aos_shell_attach_async(t.sidecar, t.process, -1, -1, -1, nil, &o.id, e)
        },
    ]

    static let onNetwork: [HandleCall] = [
        HandleCall("aos_net_fetch", .vm) { t, o, e in
            aos_net_fetch(t.sidecar, t.vm, 80, nil, 0, nil, 0, limit, &o.number, &o.pointer, &o.pointer2, e)
        },
        HandleCall("aos_net_fetch_async", .vm) { t, o, e in
            aos_net_fetch_async(t.sidecar, t.vm, 80, nil, 0, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_net_find_listener", .vm) { t, o, e in
            aos_net_find_listener(t.sidecar, t.vm, nil, text, limit, &o.pointer, e)
        },
        HandleCall("aos_net_find_listener_async", .vm) { t, o, e in
            aos_net_find_listener_async(t.sidecar, t.vm, nil, text, nil, &o.id, e)
        },
        HandleCall("aos_net_find_udp", .vm) { t, o, e in
            aos_net_find_udp(t.sidecar, t.vm, nil, text, limit, &o.pointer, e)
        },
        HandleCall("aos_net_find_udp_async", .vm) { t, o, e in
            aos_net_find_udp_async(t.sidecar, t.vm, nil, text, nil, &o.id, e)
        },
        HandleCall("aos_net_wait_listener", .vm) { t, o, e in
            aos_net_wait_listener(t.sidecar, t.vm, nil, text, 0, limit, &o.pointer, e)
        },
        HandleCall("aos_net_wait_listener_async", .vm) { t, o, e in
            aos_net_wait_listener_async(t.sidecar, t.vm, nil, text, 0, nil, &o.id, e)
        },
    ]

    static let onRoots: [HandleCall] = [
        HandleCall("aos_vm_snapshot", .vm) { t, o, e in
            aos_vm_snapshot(t.sidecar, t.vm, limit, &o.pointer, e)
        },
        HandleCall("aos_vm_snapshot_async", .vm) { t, o, e in
            aos_vm_snapshot_async(t.sidecar, t.vm, nil, &o.id, e)
        },
        HandleCall("aos_vm_bootstrap", .vm) { t, o, e in
            aos_vm_bootstrap(t.sidecar, t.vm, "{}", text, limit, &o.number, e)
        },
        HandleCall("aos_vm_bootstrap_async", .vm) { t, o, e in
            aos_vm_bootstrap_async(t.sidecar, t.vm, "{}", text, nil, &o.id, e)
        },
        HandleCall("aos_layer_create", .vm) { t, o, e in
            aos_layer_create(t.sidecar, t.vm, limit, &o.id, e)
        },
        HandleCall("aos_layer_create_async", .vm) { t, o, e in
            aos_layer_create_async(t.sidecar, t.vm, nil, &o.id, e)
        },
        HandleCall("aos_layer_import", .vm) { t, o, e in
            aos_layer_import(t.sidecar, t.vm, "{}", text, limit, &o.id, e)
        },
        HandleCall("aos_layer_import_async", .vm) { t, o, e in
            aos_layer_import_async(t.sidecar, t.vm, "{}", text, nil, &o.id, e)
        },
        HandleCall("aos_layer_seal", .layer) { t, o, e in
            aos_layer_seal(t.sidecar, t.process, limit, &o.id, e)
        },
        HandleCall("aos_layer_seal_async", .layer) { t, o, e in
            aos_layer_seal_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_layer_export", .layer) { t, o, e in
            aos_layer_export(t.sidecar, t.process, limit, &o.pointer, e)
        },
        HandleCall("aos_layer_export_async", .layer) { t, o, e in
            aos_layer_export_async(t.sidecar, t.process, nil, &o.id, e)
        },
        HandleCall("aos_layer_overlay", .vm) { t, o, e in
            aos_layer_overlay(t.sidecar, t.vm, 0, 0, nil, 0, limit, &o.id, e)
        },
        HandleCall("aos_layer_overlay_async", .vm) { t, o, e in
            aos_layer_overlay_async(t.sidecar, t.vm, 0, 0, nil, 0, nil, &o.id, e)
        },
    ]
}
