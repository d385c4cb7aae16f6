// SPDX-License-Identifier: Apache-2.0
import AgentOSFacade
import AgentOSTestSupport
import CAgentOS
import Testing

/// Compiles only where both functions have the same type.
private func agree<each Parameter, Result>(
    _ declared: (repeat each Parameter) -> Result,
    _ exported: (repeat each Parameter) -> Result
) {}

@Suite("The functions of the header and the Swift functions behind them")
struct AgreementTests {
    /// `@_cdecl` checks nothing: a Swift function that differs from the header in one type does not compile
    /// here.
    @Test("every function has the type that the header declares")
    func types() {
        agree(aos_abi_version, abiVersion)
        agree(aos_abi_check, abiCheck)
        agree(aos_version_string, versionString)
        agree(aos_status_name, statusName)
        agree(aos_has_feature, hasFeature)
        agree(aos_error_status, errorStatus)
        agree(aos_error_flags, errorFlags)
        agree(aos_error_message, errorMessage)
        agree(aos_error_detail_json, errorDetailJSON)
        agree(aos_error_release, errorRelease)
        agree(aos_bytes_copy, bytesCopy)
        agree(aos_bytes_adopt, bytesAdopt)
        agree(aos_bytes_retain, bytesRetain)
        agree(aos_bytes_data, bytesData)
        agree(aos_bytes_release, bytesRelease)
        agree(aos_event_release, eventRelease)
        agree(aos_queue_create, queueCreate)
        agree(aos_queue_fd, queueFD)
        agree(aos_queue_drain, queueDrain)
        agree(aos_queue_dispatch, queueDispatch)
        agree(aos_queue_wake, queueWake)
        agree(aos_queue_release, queueRelease)
        agree(aos_sidecar_create, sidecarCreate)
        agree(aos_sidecar_get_shared, sidecarGetShared)
        agree(aos_sidecar_connect, sidecarConnect)
        agree(aos_sidecar_connect_async, sidecarConnectAsync)
        agree(aos_sidecar_describe_json, sidecarDescribeJSON)
        agree(aos_sidecar_diagnostics_json, sidecarDiagnosticsJSON)
        agree(aos_sidecar_dispose, sidecarDispose)
        agree(aos_sidecar_dispose_async, sidecarDisposeAsync)
        agree(aos_sidecar_dispose_all_shared, sidecarDisposeAllShared)
        agree(aos_sidecar_subscribe, sidecarSubscribe)
        agree(aos_sidecar_retain, sidecarRetain)
        agree(aos_sidecar_release, sidecarRelease)
        agree(aos_op_wait, opWait)
        agree(aos_op_take, opTake)
        agree(aos_op_cancel, opCancel)
        agree(aos_vm_create, vmCreate)
        agree(aos_vm_create_async, vmCreateAsync)
        agree(aos_vm_configure, vmConfigure)
        agree(aos_vm_configure_async, vmConfigureAsync)
        agree(aos_vm_shutdown, vmShutdown)
        agree(aos_vm_shutdown_async, vmShutdownAsync)
        agree(aos_fs_read, fsRead)
        agree(aos_fs_read_async, fsReadAsync)
        agree(aos_fs_write, fsWrite)
        agree(aos_fs_write_async, fsWriteAsync)
        agree(aos_fs_stat, fsStat)
        agree(aos_fs_stat_async, fsStatAsync)
        agree(aos_fs_read_dir, fsReadDir)
        agree(aos_fs_read_dir_async, fsReadDirAsync)
        agree(aos_fs_exists, fsExists)
        agree(aos_fs_exists_async, fsExistsAsync)
        agree(aos_fs_mkdir, fsMkdir)
        agree(aos_fs_mkdir_async, fsMkdirAsync)
        agree(aos_fs_remove, fsRemove)
        agree(aos_fs_remove_async, fsRemoveAsync)
        agree(aos_fs_lstat, fsLstat)
        agree(aos_fs_lstat_async, fsLstatAsync)
        agree(aos_fs_realpath, fsRealpath)
        agree(aos_fs_realpath_async, fsRealpathAsync)
        agree(aos_fs_read_link, fsReadLink)
        agree(aos_fs_read_link_async, fsReadLinkAsync)
        agree(aos_fs_symlink, fsSymlink)
        agree(aos_fs_symlink_async, fsSymlinkAsync)
        agree(aos_fs_link, fsLink)
        agree(aos_fs_link_async, fsLinkAsync)
        agree(aos_fs_rename, fsRename)
        agree(aos_fs_rename_async, fsRenameAsync)
        agree(aos_fs_move, fsMove)
        agree(aos_fs_move_async, fsMoveAsync)
        agree(aos_fs_unlink, fsUnlink)
        agree(aos_fs_unlink_async, fsUnlinkAsync)
        agree(aos_fs_rmdir, fsRmdir)
        agree(aos_fs_rmdir_async, fsRmdirAsync)
        agree(aos_fs_chmod, fsChmod)
        agree(aos_fs_chmod_async, fsChmodAsync)
        agree(aos_fs_chown, fsChown)
        agree(aos_fs_chown_async, fsChownAsync)
        agree(aos_fs_utimes, fsUtimes)
        agree(aos_fs_utimes_async, fsUtimesAsync)
        agree(aos_fs_truncate, fsTruncate)
        agree(aos_fs_truncate_async, fsTruncateAsync)
        agree(aos_fs_walk, fsWalk)
        agree(aos_fs_walk_async, fsWalkAsync)
        agree(aos_fs_write_files, fsWriteFiles)
        agree(aos_fs_write_files_async, fsWriteFilesAsync)
        agree(aos_fs_read_files, fsReadFiles)
        agree(aos_fs_read_files_async, fsReadFilesAsync)
        agree(aos_process_exec, processExec)
        agree(aos_process_exec_async, processExecAsync)
        agree(aos_process_exec_argv, processExecArgv)
        agree(aos_process_exec_argv_async, processExecArgvAsync)
        agree(aos_process_spawn, processSpawn)
        agree(aos_process_write_stdin, processWriteStdin)
        agree(aos_process_write_stdin_async, processWriteStdinAsync)
        agree(aos_process_close_stdin, processCloseStdin)
        agree(aos_process_close_stdin_async, processCloseStdinAsync)
        agree(aos_process_kill, processKill)
        agree(aos_process_kill_async, processKillAsync)
        agree(aos_request_json, requestJSON)
        agree(aos_request_json_async, requestJSONAsync)
    }

    @Test("no function of the header is missing above, and there is none twice")
    func complete() throws {
        let listed = try Repository.lines("Tests/HeaderTests/AgreementTests.swift").compactMap { line in
            // Indented as in the body above, so that this line is none.
            line.hasPrefix("        agree(aos_") ? line.split(whereSeparator: { "(,".contains($0) })[1] : nil
        }.map(String.init)
        let declared = HeaderText.functions.map(\.name)
        #expect(declared.count > 60)
        #expect(listed.sorted() == declared.sorted())
        #expect(Set(listed).count == listed.count)
    }

    @Test("every exported function of the façade is one of the header, in the file of its section")
    func exported() throws {
        var found: [String] = []
        for file in try Repository.files(under: "Sources/AgentOSFacade", suffix: ".swift") {
            for line in try Repository.lines(file) where line.hasPrefix("@_cdecl(") {
                #expect(file.hasPrefix("Sources/AgentOSFacade/Exports/"), "\(file) exports a function")
                found.append(String(line.split(separator: "\"")[1]))
            }
        }
        #expect(found.sorted() == HeaderText.functions.map(\.name).sorted())
    }
}
