// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSTestSupport
import AgentOSWire
import CAgentOS
import Glibc
import Synchronization
import Testing

@Suite("Bytes and errors", .timeLimit(.minutes(10)))
struct BytesTests {
    /// Counts the calls of a `free_fn`.
    private final class Owner: Sendable {
        let frees: Atomic<Int> = Atomic(0)
        let memory: UInt

        init(_ count: Int) { memory = UInt(bitPattern: malloc(max(count, 1))) }
        deinit { free(UnsafeMutableRawPointer(bitPattern: memory)) }

        func adopt(_ count: Int) -> OpaquePointer? {
            aos_bytes_adopt(
                UnsafeMutableRawPointer(bitPattern: memory),
                count,
                { pointer in
                    guard let pointer else { return }
                    Unmanaged<Owner>.fromOpaque(pointer).takeUnretainedValue().frees.add(
                        1,
                        ordering: .relaxed
                    )
                },
                Unmanaged.passUnretained(self).toOpaque()
            )
        }
    }

    @Test("a copy has its own bytes with a NUL behind them", arguments: [0, 1, 7, 4096, 1_000_000])
    func copy(count: Int) throws {
        var given = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let block = aos_bytes_copy(given, count)
        for index in given.indices { given[index] = 0xEE }
        var length = -1
        let start = try #require(aos_bytes_data(block, &length))
        #expect(length == count)
        let found = UnsafeRawBufferPointer(start: start, count: count + 1)
        #expect(found.dropLast().elementsEqual((0..<count).map { UInt8(truncatingIfNeeded: $0) }))
        #expect(found.last == 0)
        #expect(aos_bytes_data(block, nil) == start)
        aos_bytes_release(block)
        #expect(aos_bytes_data(block, &length) == nil && length == 0)
    }

    @Test("a key is one that pointers may have: at least 65,536 and below 2^47, and none comes twice")
    func keys() {
        var seen: Set<UInt> = []
        for _ in 0..<3000 {
            let block = aos_bytes_copy("x", 1)
            let key = UInt(bitPattern: block)
            #expect(key >= 65_536 && key < 1 << 47)
            #expect(seen.insert(key).inserted)
            aos_bytes_release(block)
        }
    }

    @Test("lengths that are no lengths give NULL")
    func faulty() {
        for length in [-1, -2, Int.min] {
            #expect(aos_bytes_copy("x", length) == nil)
            let owner = Owner(1)
            #expect(owner.adopt(length) == nil)
            #expect(owner.frees.load(ordering: .relaxed) == 0)
        }
        #expect(aos_bytes_copy(nil, 1) == nil)
        #expect(aos_bytes_adopt(nil, 1, nil, nil) == nil)
        let empty = aos_bytes_copy(nil, 0)
        #expect(empty != nil)
        aos_bytes_release(empty)
        // No memory for it: NULL, and no crash.
        #expect(aos_bytes_copy("x", Int.max) == nil)
    }

    @Test("adopted memory is not copied, and freed once, with the last reference")
    func adopt() {
        let owner = Owner(16)
        let block = owner.adopt(16)
        var length = 0
        #expect(UInt(bitPattern: aos_bytes_data(block, &length)) == owner.memory && length == 16)
        for _ in 0..<3 { #expect(aos_bytes_retain(block) == block) }
        for _ in 0..<3 { aos_bytes_release(block) }
        #expect(owner.frees.load(ordering: .relaxed) == 0)
        aos_bytes_release(block)
        #expect(owner.frees.load(ordering: .relaxed) == 1)
        for _ in 0..<3 { aos_bytes_release(block) }
        #expect(aos_bytes_retain(block) == nil)
        #expect(owner.frees.load(ordering: .relaxed) == 1)
        let plain = aos_bytes_adopt(UnsafeMutableRawPointer(bitPattern: owner.memory), 4, nil, nil)
        #expect(plain != nil)
        aos_bytes_release(plain)
    }

    @Test("free_fn may call back into the library")
    func freeCallsBack() {
        let owner = Owner(4)
        let block = aos_bytes_adopt(
            UnsafeMutableRawPointer(bitPattern: owner.memory),
            4,
            { pointer in
                let inner = aos_bytes_copy("inner", 5)
                aos_bytes_release(inner)
                if let pointer { pointer.storeBytes(of: 42, as: UInt8.self) }
            },
            UnsafeMutableRawPointer(bitPattern: owner.memory)
        )
        aos_bytes_release(block)
        #expect(UnsafeRawPointer(bitPattern: owner.memory)?.load(as: UInt8.self) == 42)
    }

    @Test("references are counted from many threads")
    func threads() {
        let owner = Owner(8)
        let bits = UInt(bitPattern: owner.adopt(8))
        onThreads(8) { _ in
            let block = OpaquePointer(bitPattern: bits)
            for _ in 0..<3000 {
                guard aos_bytes_retain(block) == block else { return }
                var length = 0
                if aos_bytes_data(block, &length) == nil || length != 8 { return }
                aos_bytes_release(block)
            }
        }
        #expect(owner.frees.load(ordering: .relaxed) == 0)
        onThreads(8) { _ in aos_bytes_release(OpaquePointer(bitPattern: bits)) }
        #expect(owner.frees.load(ordering: .relaxed) == 1)
    }

    @Test("a host keeps what an event brought by a reference of its own")
    func retained() throws {
        let sidecar = try HostPeer.sidecar()
        let op = try sidecar.createVM().spawn("many", completion(AOS_DELIVER_WAIT)).op
        var event = aos_event()
        event.struct_size = 96
        #expect(aos_op_take(sidecar.handle, op, 10 * second, &event) == AOS_OK)
        let (data, block) = (event.data, event.bytes)
        #expect(aos_bytes_retain(block) == block)
        aos_event_release(&event, 1, 0)
        #expect(event.bytes == nil && event.data == nil && event.data_len == 0)
        try sidecar.dispose()
        #expect(aos_bytes_data(block, nil) == data)
        #expect(takeText(block) == "line 1")
        #expect(aos_bytes_data(block, nil) == nil)
    }

    @Test("errors are immutable objects that outlive their handle, readable from every thread")
    func errors() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        var error: OpaquePointer?
        var out: OpaquePointer?
        #expect(aos_fs_stat(sidecar.handle, vm.id, "/refuse", 7, 10 * second, &out, &error) == AOS_E_REMOTE)
        #expect(out == nil)
        try sidecar.dispose()
        let bits = UInt(bitPattern: error)
        onThreads(4) { _ in
            let error = OpaquePointer(bitPattern: bits)
            var length = 0
            let message = aos_error_message(error, &length).map { String(cString: $0) } ?? ""
            #expect(message.contains("ENOENT") && message.utf8.count == length)
            let detail = aos_error_detail_json(error, &length).map { String(cString: $0) } ?? ""
            let json = (try? JSONReader.parse(detail)) ?? .null
            #expect(json["errno"]?.stringValue == "ENOENT" && json["kind"]?.stringValue == "kernel")
            #expect(detail.utf8.count == length)
            #expect(aos_error_status(error) == AOS_E_REMOTE && aos_error_flags(error) & ~7 == 0)
        }
        aos_error_release(error)
        var length = 99
        #expect(aos_error_message(error, &length).map { String(cString: $0) } == "" && length == 0)
        #expect(aos_error_status(error) == AOS_E_STALE && aos_error_flags(error) == 0)
        aos_error_release(error)
        #expect(aos_error_status(nil) == AOS_OK && aos_error_flags(nil) == 0)
        length = 99
        #expect(aos_error_detail_json(nil, &length).map { String(cString: $0) } == "" && length == 0)
    }

    @Test("success sets the error to NULL")
    func success() throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        var error = OpaquePointer(bitPattern: 0x1234)
        var exists: Int32 = 0
        #expect(aos_fs_exists(sidecar.handle, vm.id, "/a", 2, 10 * second, &exists, &error) == AOS_OK)
        #expect(error == nil && exists == 1)
    }
}
