// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Testing

@Suite("Bad input at the C interface: the status, a text that names it, and nothing on the wire")
struct BadInputTests {
    private let peer: ScriptedPeer = ScriptedPeer()

    /// Every function that takes a path, with bytes and a length of the caller's choice.
    private func calls(
        _ vm: HostVM,
        _ path: UnsafePointer<CChar>?,
        _ len: Int
    ) -> [(name: String, error: HostError?)] {
        let (handle, id, limit) = (vm.handle, vm.id, HostSidecar.limit)
        var out: OpaquePointer?
        var flag: Int32 = -7
        let results: [(String, HostError?)] = [
            ("read", failure { try check { aos_fs_read(handle, id, path, len, limit, &out, $0) } }),
            ("write", failure { try check { aos_fs_write(handle, id, path, len, "x", 1, limit, $0) } }),
            ("stat", failure { try check { aos_fs_stat(handle, id, path, len, limit, &out, $0) } }),
            ("read_dir", failure { try check { aos_fs_read_dir(handle, id, path, len, limit, &out, $0) } }),
            ("exists", failure { try check { aos_fs_exists(handle, id, path, len, limit, &flag, $0) } }),
            ("mkdir", failure { try check { aos_fs_mkdir(handle, id, path, len, 0, limit, $0) } }),
            ("remove", failure { try check { aos_fs_remove(handle, id, path, len, 0, limit, $0) } }),
        ]
        #expect(out == nil, "outputs are untouched on failure")
        #expect(flag == -7, "outputs are untouched on failure")
        return results
    }

    @Test("a path that is NULL, not UTF-8, or of a length that cannot be")
    func paths() throws {
        let vm = try peer.sidecar().createVM()
        func all(_ results: [(name: String, error: HostError?)], _ text: String) {
            for result in results {
                expect(result.error, AOS_E_INVALID, says: text)
                #expect(result.error?.kind == "invalid_argument", "\(result.name)")
            }
        }
        all(calls(vm, nil, 3), "path: must not be NULL")
        all(calls(vm, nil, -1), "path: must not be NULL")
        for (bytes, place) in [([0x2F, 0xFF], 1), ([0x2F, 0x61, 0xC3], 2), ([0x2F, 0xED, 0xA0, 0x80], 1)] {
            let path = bytes.map { CChar(truncatingIfNeeded: $0) }
            path.withUnsafeBufferPointer { buffer in
                all(calls(vm, buffer.baseAddress, buffer.count), "path: not valid UTF-8 at byte \(place)")
            }
        }
        "/x".withCString { path in
            all(calls(vm, path, -2), "path: length \(UInt.max - 1) is out of range")
            all(calls(vm, path, Int.min), "path: length")
        }
        #expect(peer.fileCalls == [])
        #expect(vm.isAlive)
    }

    @Test("a VM id that is unknown, of another sidecar, or of a VM that is gone")
    func ids() throws {
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let other = try ScriptedPeer().sidecar()
        let foreign = try other.createVM()
        let gone = try sidecar.createVM()
        try gone.shutdown()
        let before = peer.requestTypes.count
        for id in [0, vm.id + 1_000_000, UInt64.max, foreign.id] {
            let wrong = HostVM(sidecar, id)
            for call in FileCall.allCases {
                let error = failure { try call.run(wrong, "/x") }
                expect(error, AOS_E_STALE, says: "no such VM in this sidecar: \(id)")
                #expect(error?.kind == "stale")
            }
            expect(
                failure { _ = try wrong.request(.members(["type": .string("get_zombie_timer_count")])) },
                AOS_E_STALE
            )
            expect(failure { try wrong.configure(.object([])) }, AOS_E_STALE)
            expect(failure { try wrong.shutdown() }, AOS_E_STALE)
            expect(failure { _ = try wrong.run("true") }, AOS_E_STALE)
        }
        for call in FileCall.allCases {
            let error = failure { try call.run(gone, "/x") }
            expect(error, AOS_E_DISPOSED, says: "AgentOs has been disposed")
            #expect(error?.kind == "disposed")
        }
        expect(failure { try gone.configure(.object([])) }, AOS_E_DISPOSED)
        expect(
            failure { _ = try gone.request(.members(["type": .string("get_process_snapshot")])) },
            AOS_E_DISPOSED
        )
        try gone.shutdown()
        #expect(peer.requestTypes.count == before)
        #expect(vm.isAlive)
        #expect(foreign.isAlive)
    }

    @Test("outputs and data that are NULL, flags that are unknown")
    func pointers() throws {
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        let (handle, id, limit) = (vm.handle, vm.id, HostSidecar.limit)
        expect(
            failure { try check { aos_fs_read(handle, id, "/x", 2, limit, nil, $0) } },
            AOS_E_INVALID,
            says: "out"
        )
        expect(
            failure { try check { aos_fs_stat(handle, id, "/x", 2, limit, nil, $0) } },
            AOS_E_INVALID,
            says: "out"
        )
        expect(
            failure { try check { aos_fs_read_dir(handle, id, "/x", 2, limit, nil, $0) } },
            AOS_E_INVALID,
            says: "out"
        )
        expect(
            failure { try check { aos_fs_exists(handle, id, "/x", 2, limit, nil, $0) } },
            AOS_E_INVALID,
            says: "exists"
        )
        expect(
            failure { try check { aos_vm_create(handle, nil, 0, limit, nil, $0) } },
            AOS_E_INVALID,
            says: "vm"
        )
        expect(
            failure { try check { aos_fs_write(handle, id, "/x", 2, nil, 5, limit, $0) } },
            AOS_E_INVALID,
            says: "data: NULL with length 5"
        )
        expect(
            failure { try check { aos_fs_write(handle, id, "/x", 2, "y", -1, limit, $0) } },
            AOS_E_INVALID,
            says: "data"
        )
        expect(
            failure { try check { aos_fs_mkdir(handle, id, "/x", 2, 2, limit, $0) } },
            AOS_E_INVALID,
            says: "flags: unknown bits 0x2"
        )
        expect(
            failure { try check { aos_fs_remove(handle, id, "/x", 2, 0x8000_0001, limit, $0) } },
            AOS_E_INVALID,
            says: "flags: unknown bits 0x80000000"
        )
        expect(
            failure { try check { aos_request_json(handle, id, "{}", 2, limit, nil, $0) } },
            AOS_E_INVALID,
            says: "out"
        )
        #expect(aos_fs_mkdir(handle, id, "rel", 3, 0, limit, nil) == AOS_E_INVALID, "err may be NULL")
        #expect(peer.fileCalls == [])
        try check { aos_fs_write(handle, id, "/empty", 6, nil, 0, limit, $0) }
        #expect(peer.requests("guest_filesystem_call").last?["content"]?.stringValue == "")
    }

    @Test("a handle that is NULL, foreign or released")
    func handles() throws {
        let sidecar = try peer.sidecar()
        let vm = try sidecar.createVM()
        var id: aos_id = 0
        for (handle, status) in [(nil, AOS_E_INVALID), (OpaquePointer(bitPattern: 0x1234), AOS_E_STALE)] {
            #expect(aos_vm_create(handle, nil, 0, 0, &id, nil) == status)
            #expect(aos_fs_mkdir(handle, vm.id, "/x", 2, 0, 0, nil) == status)
            #expect(aos_vm_shutdown(handle, vm.id, 0, nil) == status)
            #expect(aos_vm_configure(handle, vm.id, "{}", 2, 0, nil) == status)
        }
        #expect(id == 0)
    }

    @Test("the length SIZE_MAX stands for strlen")
    func nulTerminated() throws {
        let vm = try peer.sidecar().createVM()
        try check { aos_fs_mkdir(vm.handle, vm.id, "/a", -1, 0, HostSidecar.limit, $0) }
        try check { aos_vm_configure(vm.handle, vm.id, "{\"mounts\":[]}", -1, HostSidecar.limit, $0) }
        #expect(peer.sentCalls == ["create_dir /a"])
        #expect(peer.requests("configure_vm").count == 2)
    }

    @Test("a file over the limit names size and limit, and is not sent")
    func tooLarge() throws {
        let vm = try peer.sidecar().createVM()
        for count in [900_000, 1_048_577, 5_000_000] {
            let bytes = [UInt8](repeating: 0xFF, count: count)
            let error = failure { try vm.write("/big", bytes) }
            expect(
                error,
                AOS_E_TOO_LARGE,
                errno: "EFBIG",
                says: "EFBIG: \(count) bytes do not fit one frame (limit 10"
            )
            #expect(error?.message.hasSuffix(", write '/big'") == true)
            #expect(error?.kind == "too_large")
            #expect(error?.detail["size"] == .integer(Int64(count)))
            #expect(error?.detail["path"]?.stringValue == "/big")
            #expect((785_000..<Int64(count)).contains(error?.detail["limit"]?.integerValue ?? 0))
        }
        #expect(peer.fileCalls == [])
    }

    @Test("an error that is refused before the operation starts names the operation too")
    func tooLargeOperation() throws {
        let vm = try peer.sidecar().createVM()
        let error = failure { try vm.write("/big", [UInt8](repeating: 0xFF, count: 1_048_577)) }
        #expect(error?.detail["operation"]?.stringValue == "writeFile")
    }

    @Test("after all of it the real sidecar lives", .enabled(if: RealSidecar.isThere))
    func real() throws {
        let vm = try realVM()
        defer { finish(vm) }
        for path in [
            "", "x", "/a//b", "/a\u{0}", "/a\n", "/" + String(repeating: "n", count: 256), "/proc/x", "/a\\b",
            "/" + String(repeating: "p/", count: 2000) + "x", "/etc/agentos/x",
        ] {
            for call in FileCall.changing {
                #expect(failure { try call.run(vm, path) } != nil, "\(call) \(path)")
                #expect(vm.isAlive)
            }
        }
        expect(failure { try vm.write("/big", [UInt8](repeating: 0xFF, count: 900_000)) }, AOS_E_TOO_LARGE)
        expect(
            failure { try vm.configure(json(#"{"mounts":[{"path":"x","plugin":{"id":"memory"}}]}"#)) },
            AOS_E_INVALID
        )
    }
}
