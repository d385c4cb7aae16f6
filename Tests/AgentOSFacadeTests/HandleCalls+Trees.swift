// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS

private let limit: UInt64 = 5 * second
private let text: Int = -1

/// The functions on links, trees and batches of files.
extension HandleCall {
    static let onTrees: [HandleCall] = [
        HandleCall("aos_fs_lstat", .vm) { t, o, e in
            aos_fs_lstat(t.sidecar, t.vm, "/f", text, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_lstat_async", .vm) { t, o, e in
            aos_fs_lstat_async(t.sidecar, t.vm, "/f", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_realpath", .vm) { t, o, e in
            aos_fs_realpath(t.sidecar, t.vm, "/f", text, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_realpath_async", .vm) { t, o, e in
            aos_fs_realpath_async(t.sidecar, t.vm, "/f", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_read_link", .vm) { t, o, e in
            aos_fs_read_link(t.sidecar, t.vm, "/f", text, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_read_link_async", .vm) { t, o, e in
            aos_fs_read_link_async(t.sidecar, t.vm, "/f", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_walk", .vm) { t, o, e in
            aos_fs_walk(t.sidecar, t.vm, "/f", text, nil, 0, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_walk_async", .vm) { t, o, e in
            aos_fs_walk_async(t.sidecar, t.vm, "/f", text, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_fs_symlink", .vm) { t, _, e in
            aos_fs_symlink(t.sidecar, t.vm, "/f", text, "/g", text, limit, e)
        },
        HandleCall("aos_fs_symlink_async", .vm) { t, o, e in
            aos_fs_symlink_async(t.sidecar, t.vm, "/f", text, "/g", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_link", .vm) { t, _, e in
            aos_fs_link(t.sidecar, t.vm, "/f", text, "/g", text, limit, e)
        },
        HandleCall("aos_fs_link_async", .vm) { t, o, e in
            aos_fs_link_async(t.sidecar, t.vm, "/f", text, "/g", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_rename", .vm) { t, _, e in
            aos_fs_rename(t.sidecar, t.vm, "/f", text, "/g", text, limit, e)
        },
        HandleCall("aos_fs_rename_async", .vm) { t, o, e in
            aos_fs_rename_async(t.sidecar, t.vm, "/f", text, "/g", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_move", .vm) { t, _, e in
            aos_fs_move(t.sidecar, t.vm, "/f", text, "/g", text, limit, e)
        },
        HandleCall("aos_fs_move_async", .vm) { t, o, e in
            aos_fs_move_async(t.sidecar, t.vm, "/f", text, "/g", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_unlink", .vm) { t, _, e in
            aos_fs_unlink(t.sidecar, t.vm, "/f", text, limit, e)
        },
        HandleCall("aos_fs_unlink_async", .vm) { t, o, e in
            aos_fs_unlink_async(t.sidecar, t.vm, "/f", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_rmdir", .vm) { t, _, e in
            aos_fs_rmdir(t.sidecar, t.vm, "/f", text, limit, e)
        },
        HandleCall("aos_fs_rmdir_async", .vm) { t, o, e in
            aos_fs_rmdir_async(t.sidecar, t.vm, "/f", text, nil, &o.id, e)
        },
        HandleCall("aos_fs_chmod", .vm) { t, _, e in
            aos_fs_chmod(t.sidecar, t.vm, "/f", text, 0o644, limit, e)
        },
        HandleCall("aos_fs_chmod_async", .vm) { t, o, e in
            aos_fs_chmod_async(t.sidecar, t.vm, "/f", text, 0o644, nil, &o.id, e)
        },
        HandleCall("aos_fs_chown", .vm) { t, _, e in
            aos_fs_chown(t.sidecar, t.vm, "/f", text, 1, 1, limit, e)
        },
        HandleCall("aos_fs_chown_async", .vm) { t, o, e in
            aos_fs_chown_async(t.sidecar, t.vm, "/f", text, 1, 1, nil, &o.id, e)
        },
        HandleCall("aos_fs_utimes", .vm) { t, _, e in
            aos_fs_utimes(t.sidecar, t.vm, "/f", text, 1, 1, limit, e)
        },
        HandleCall("aos_fs_utimes_async", .vm) { t, o, e in
            aos_fs_utimes_async(t.sidecar, t.vm, "/f", text, 1, 1, nil, &o.id, e)
        },
        HandleCall("aos_fs_truncate", .vm) { t, _, e in
            aos_fs_truncate(t.sidecar, t.vm, "/f", text, 1, limit, e)
        },
        HandleCall("aos_fs_truncate_async", .vm) { t, o, e in
            aos_fs_truncate_async(t.sidecar, t.vm, "/f", text, 1, nil, &o.id, e)
        },
        HandleCall("aos_fs_write_files", .vm) { t, o, e in
            aos_fs_write_files(t.sidecar, t.vm, nil, nil, nil, nil, 0, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_write_files_async", .vm) { t, o, e in
            aos_fs_write_files_async(t.sidecar, t.vm, nil, nil, nil, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_fs_read_files", .vm) { t, o, e in
            aos_fs_read_files(t.sidecar, t.vm, nil, nil, 0, limit, nil, &o.pointer, e)
        },
        HandleCall("aos_fs_read_files_async", .vm) { t, o, e in
            aos_fs_read_files_async(t.sidecar, t.vm, nil, nil, 0, nil, &o.id, e)
        },
        HandleCall("aos_fs_upload", .vm) { t, o, e in
            aos_fs_upload(
                t.sidecar,
                t.vm,
                "/nowhere",
                text,
                "/nowhere",
                text,
                nil,
                text,
                limit,
                &o.pointer,
                e
            )
        },
        HandleCall("aos_fs_upload_async", .vm) { t, o, e in
            aos_fs_upload_async(t.sidecar, t.vm, "/nowhere", text, "/nowhere", text, nil, text, nil, &o.id, e)
        },
        HandleCall("aos_fs_download", .vm) { t, o, e in
            aos_fs_download(
                t.sidecar,
                t.vm,
                "/nowhere",
                text,
                "/nowhere",
                text,
                nil,
                text,
                limit,
                &o.pointer,
                e
            )
        },
        HandleCall("aos_fs_download_async", .vm) { t, o, e in
            aos_fs_download_async(
                t.sidecar,
                t.vm,
                "/nowhere",
                text,
                "/nowhere",
                text,
                nil,
                text,
                nil,
                &o.id,
                e
            )
        },
        HandleCall("aos_fs_read_large", .vm) { t, o, e in
            aos_fs_read_large(t.sidecar, t.vm, "/f", text, 1000, limit, &o.pointer, e)
        },
        HandleCall("aos_fs_read_large_async", .vm) { t, o, e in
            aos_fs_read_large_async(t.sidecar, t.vm, "/f", text, 1000, nil, &o.id, e)
        },
        HandleCall("aos_fs_write_large", .vm) { t, _, e in
            aos_fs_write_large(t.sidecar, t.vm, "/f", text, nil, 0, limit, e)
        },
        HandleCall("aos_fs_write_large_async", .vm) { t, o, e in
            aos_fs_write_large_async(t.sidecar, t.vm, "/f", text, nil, 0, nil, &o.id, e)
        },
    ]
}
