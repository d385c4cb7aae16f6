// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import CAgentOS
import Testing

@Suite("Lengths and texts that are none", .timeLimit(.minutes(10)))
struct ArgumentTests {
    /// A text argument of a function, with all other arguments right.
    struct TextArgument: Sendable, CustomTestStringConvertible {
        let name: String
        /// One that may be NULL: a document.
        let isOptional: Bool
        let body:
            @Sendable (HostTarget, UnsafePointer<CChar>?, Int, UnsafeMutablePointer<OpaquePointer?>?) ->
                aos_status
        var testDescription: String { name }

        init(
            _ name: String,
            optional: Bool = false,
            _ body: @escaping @Sendable (
                HostTarget, UnsafePointer<CChar>?, Int, UnsafeMutablePointer<OpaquePointer?>?
            ) -> aos_status
        ) { (self.name, isOptional, self.body) = (name, optional, body) }
    }

    private static let limit: UInt64 = 5 * second

    static let texts: [TextArgument] = paths + others

    private static let paths: [TextArgument] = [
        TextArgument("aos_fs_read path") { t, p, n, e in
            var out: OpaquePointer?
            return aos_fs_read(t.sidecar, t.vm, p, n, limit, &out, e)
        },
        TextArgument("aos_fs_read_async path") { t, p, n, e in
            aos_fs_read_async(t.sidecar, t.vm, p, n, nil, nil, e)
        },
        TextArgument("aos_fs_write path") { t, p, n, e in
            aos_fs_write(t.sidecar, t.vm, p, n, "x", 1, limit, e)
        },
        TextArgument("aos_fs_write_async path") { t, p, n, e in
            aos_fs_write_async(t.sidecar, t.vm, p, n, "x", 1, nil, nil, e)
        },
        TextArgument("aos_fs_stat path") { t, p, n, e in
            var out: OpaquePointer?
            return aos_fs_stat(t.sidecar, t.vm, p, n, limit, &out, e)
        },
        TextArgument("aos_fs_stat_async path") { t, p, n, e in
            aos_fs_stat_async(t.sidecar, t.vm, p, n, nil, nil, e)
        },
        TextArgument("aos_fs_read_dir path") { t, p, n, e in
            var out: OpaquePointer?
            return aos_fs_read_dir(t.sidecar, t.vm, p, n, limit, &out, e)
        },
        TextArgument("aos_fs_read_dir_async path") { t, p, n, e in
            aos_fs_read_dir_async(t.sidecar, t.vm, p, n, nil, nil, e)
        },
        TextArgument("aos_fs_exists path") { t, p, n, e in
            var exists: Int32 = 0
            return aos_fs_exists(t.sidecar, t.vm, p, n, limit, &exists, e)
        },
        TextArgument("aos_fs_exists_async path") { t, p, n, e in
            aos_fs_exists_async(t.sidecar, t.vm, p, n, nil, nil, e)
        },
        TextArgument("aos_fs_mkdir path") { t, p, n, e in aos_fs_mkdir(t.sidecar, t.vm, p, n, 0, limit, e) },
        TextArgument("aos_fs_mkdir_async path") { t, p, n, e in
            aos_fs_mkdir_async(t.sidecar, t.vm, p, n, 0, nil, nil, e)
        },
        TextArgument("aos_fs_remove path") { t, p, n, e in aos_fs_remove(t.sidecar, t.vm, p, n, 0, limit, e)
        },
        TextArgument("aos_fs_remove_async path") { t, p, n, e in
            aos_fs_remove_async(t.sidecar, t.vm, p, n, 0, nil, nil, e)
        },
    ]

    private static let others: [TextArgument] = [
        TextArgument("aos_sidecar_create options_json", optional: true) { _, p, n, e in
            var out: OpaquePointer?
            defer { aos_sidecar_release(out) }
            return aos_sidecar_create(p, n, &out, e)
        },
        TextArgument("aos_sidecar_get_shared options_json", optional: true) { _, p, n, e in
            var out: OpaquePointer?
            defer { aos_sidecar_release(out) }
            return aos_sidecar_get_shared("arguments", p, n, &out, e)
        },
        TextArgument("aos_vm_create config_json", optional: true) { t, p, n, e in
            var id: aos_id = 0
            return aos_vm_create(t.sidecar, p, n, limit, &id, e)
        },
        TextArgument("aos_vm_create_async config_json", optional: true) { t, p, n, e in
            aos_vm_create_async(t.sidecar, p, n, nil, nil, e)
        },
        TextArgument("aos_vm_configure config_json", optional: true) { t, p, n, e in
            aos_vm_configure(t.sidecar, t.vm, p, n, limit, e)
        },
        TextArgument("aos_process_exec command") { t, p, n, e in
            aos_process_exec(t.sidecar, t.vm, p, n, nil, 0, nil, 0, limit, nil, nil, nil, nil, e)
        },
        TextArgument("aos_process_exec_async command") { t, p, n, e in
            aos_process_exec_async(t.sidecar, t.vm, p, n, nil, 0, nil, 0, nil, nil, e)
        },
        TextArgument("aos_process_exec options_json", optional: true) { t, p, n, e in
            aos_process_exec(t.sidecar, t.vm, "many", -1, p, n, nil, 0, limit, nil, nil, nil, nil, e)
        },
        TextArgument("aos_process_exec_argv argv_json") { t, p, n, e in
            aos_process_exec_argv(t.sidecar, t.vm, p, n, nil, 0, nil, 0, limit, nil, nil, nil, nil, e)
        },
        TextArgument("aos_process_exec_argv_async options_json", optional: true) { t, p, n, e in
            aos_process_exec_argv_async(t.sidecar, t.vm, "[\"many\"]", -1, p, n, nil, 0, nil, nil, e)
        },
        TextArgument("aos_process_spawn argv_json") { t, p, n, e in
            aos_process_spawn(t.sidecar, t.vm, p, n, nil, 0, nil, nil, nil, e)
        },
        TextArgument("aos_process_spawn options_json", optional: true) { t, p, n, e in
            aos_process_spawn(t.sidecar, t.vm, "[\"many\"]", -1, p, n, nil, nil, nil, e)
        },
        TextArgument("aos_request_json request_json") { t, p, n, e in
            var out: OpaquePointer?
            return aos_request_json(t.sidecar, t.vm, p, n, limit, &out, e)
        },
        TextArgument("aos_request_json_async request_json") { t, p, n, e in
            aos_request_json_async(t.sidecar, t.vm, p, n, nil, nil, e)
        },
    ]

    /// Bytes that are no UTF-8: cut short, too long, a surrogate, above the last scalar, a lone continuation.
    static let notUTF8: [[UInt8]] = [
        [0x2F, 0xFF], [0x2F, 0xC3], [0x2F, 0xC0, 0xAF], [0x2F, 0xED, 0xA0, 0x80],
        [0x2F, 0xF4, 0x90, 0x80, 0x80],
        [0x2F, 0x80], [0x2F, 0xE2, 0x82], [0x2F, 0xF8, 0x88, 0x80, 0x80, 0x80],
    ]

    private func expectInvalid(_ note: String, _ body: (UnsafeMutablePointer<OpaquePointer?>?) -> aos_status)
    {
        var error: OpaquePointer?
        let status = body(&error)
        #expect(status == AOS_E_INVALID, "\(note): \(HostError(status, nil).statusName)")
        #expect(aos_error_status(error) == AOS_E_INVALID, "\(note)")
        aos_error_release(error)
        #expect(body(nil) == AOS_E_INVALID, "\(note)")
    }

    @Test("a text with a length that is none, or bytes that are no UTF-8, is AOS_E_INVALID", arguments: texts)
    func texts(argument: TextArgument) throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let target = HostTarget(sidecar: sidecar.handle, vm: vm.id, process: 0)
        for length in [-2, -3, Int.min, Int.min + 1] {
            expectInvalid("length \(length)") { argument.body(target, "/a", length, $0) }
        }
        for bytes in Self.notUTF8 {
            (bytes + [0]).withUnsafeBytes { buffer in
                let text = buffer.assumingMemoryBound(to: CChar.self).baseAddress
                expectInvalid("\(bytes)") { argument.body(target, text, bytes.count, $0) }
                expectInvalid("\(bytes), NUL-terminated") { argument.body(target, text, -1, $0) }
            }
        }
        if argument.isOptional {
            // The length of a document that is NULL is ignored.
            for length in [0, 12_345, -1, -2, Int.min] {
                #expect(argument.body(target, nil, length, nil) == AOS_OK)
            }
        } else {
            for length in [0, 5, -1, -2] {
                expectInvalid("NULL, \(length)") { argument.body(target, nil, length, $0) }
            }
        }
        if argument.isOptional || argument.name.contains("json") {
            for document in [
                "", "{", "nul", "{\"a\":1,}", "{} {}", "{\"nonsense\":1}", "[1]", "\u{FEFF}{}", "{\"a\":NaN}",
            ] {
                expectInvalid(document) { argument.body(target, document, -1, $0) }
            }
        }
        #expect(try vm.exists("/a"))
    }

    @Test("texts that end with NUL and have no length")
    func plainTexts() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn("endless", completion(AOS_DELIVER_NONE)).process
        for bytes in Self.notUTF8 {
            (bytes + [0]).withUnsafeBytes { buffer in
                let text = buffer.assumingMemoryBound(to: CChar.self).baseAddress
                expectInvalid("signal") { aos_process_kill(sidecar.handle, process, text, Self.limit, $0) }
                expectInvalid("signal") {
                    aos_process_kill_async(sidecar.handle, process, text, nil, nil, $0)
                }
                expectInvalid("pool") {
                    var out: OpaquePointer?
                    return aos_sidecar_get_shared(text, nil, 0, &out, $0)
                }
                #expect(aos_has_feature(text) == 0)
            }
        }
        for name in ["", "SIG", "KILLER", "-1", "32", "9x", "SIGSIGTERM"] {
            expectInvalid(name) { aos_process_kill(sidecar.handle, process, name, Self.limit, $0) }
        }
    }

    @Test("bytes: a negative length, or NULL with one, is AOS_E_INVALID; NULL with 0 is nothing")
    func bytes() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let process = try vm.spawn("endless", completion(AOS_DELIVER_NONE)).process
        let (handle, id, limit) = (sidecar.handle, vm.id, Self.limit)
        let calls: [(UnsafeRawPointer?, Int, UnsafeMutablePointer<OpaquePointer?>?) -> aos_status] = [
            { aos_fs_write(handle, id, "/a", 2, $0, $1, limit, $2) },
            { aos_fs_write_async(handle, id, "/a", 2, $0, $1, nil, nil, $2) },
            { aos_process_exec(handle, id, "many", -1, nil, 0, $0, $1, limit, nil, nil, nil, nil, $2) },
            { aos_process_exec_async(handle, id, "many", -1, nil, 0, $0, $1, nil, nil, $2) },
            {
                aos_process_exec_argv(
                    handle,
                    id,
                    "[\"many\"]",
                    -1,
                    nil,
                    0,
                    $0,
                    $1,
                    limit,
                    nil,
                    nil,
                    nil,
                    nil,
                    $2
                )
            },
            { aos_process_exec_argv_async(handle, id, "[\"many\"]", -1, nil, 0, $0, $1, nil, nil, $2) },
            { aos_process_write_stdin(handle, process, $0, $1, limit, $2) },
            { aos_process_write_stdin_async(handle, process, $0, $1, nil, nil, $2) },
        ]
        for (index, call) in calls.enumerated() {
            // AOS_NUL_TERMINATED is for texts: here it is a negative length like others.
            for length in [-1, -2, Int.min] {
                expectInvalid("call \(index), \(length)") { call("x", length, $0) }
            }
            for length in [1, 9, Int.max, -1] {
                expectInvalid("call \(index), NULL, \(length)") { call(nil, length, $0) }
            }
            #expect(call(nil, 0, nil) == AOS_OK, "call \(index)")
        }
    }

    @Test("unknown flags are refused")
    func flags() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        for flags in [2, 4, 1 << 31, .max] as [UInt32] {
            expectInvalid("mkdir") { aos_fs_mkdir(sidecar.handle, vm.id, "/a", 2, flags, Self.limit, $0) }
            expectInvalid("mkdir") { aos_fs_mkdir_async(sidecar.handle, vm.id, "/a", 2, flags, nil, nil, $0) }
            expectInvalid("remove") { aos_fs_remove(sidecar.handle, vm.id, "/a", 2, flags, Self.limit, $0) }
            expectInvalid("remove") {
                aos_fs_remove_async(sidecar.handle, vm.id, "/a", 2, flags, nil, nil, $0)
            }
        }
    }
}
