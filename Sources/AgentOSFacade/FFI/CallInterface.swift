// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import CAgentOS
internal import CFFI

/// A prepared call of functions of one shape, through libffi. Made once for each shape and kept: there are
/// few.
final class CallInterface: Sendable {
    private static let prepared: ForkLocal<Cache> = ForkLocal { Cache() }

    private final class Cache: Sendable {
        let entries: Lock<[Shape: CallInterface]> = Lock([:])
    }

    private let shape: Shape
    /// Addresses of the prepared interface and of its argument types, which live as long as the process.
    private let interface: UInt
    private let types: UInt

    static func of(_ shape: Shape) throws(ClientError) -> CallInterface {
        if let known = prepared.current.entries.withLock({ $0[shape] }) { return known }
        let made = try CallInterface(shape)
        return prepared.current.entries.withLock { entries in
            if let known = entries[shape] { return known }
            entries[shape] = made
            return made
        }
    }

    private init(_ shape: Shape) throws(ClientError) {
        self.shape = shape
        let types = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(
            capacity: Shape.maximumWords
        )
        for (index, word) in shape.words.enumerated() { types[index] = Self.type(of: word) }
        let interface = UnsafeMutablePointer<ffi_cif>.allocate(capacity: 1)
        interface.initialize(to: ffi_cif())
        guard aos_ffi_prepare(interface, UInt32(shape.words.count), aos_ffi_void(), types) != 0 else {
            interface.deallocate()
            types.deallocate()
            throw .invalid("completion.shape: libffi cannot call a function of this shape")
        }
        self.interface = UInt(bitPattern: interface)
        self.types = UInt(bitPattern: types)
    }

    private static func type(of word: Shape.Word) -> UnsafeMutablePointer<ffi_type>? {
        if word.isByReference { return aos_ffi_pointer() }
        switch (word.field, word.narrowing) {
        case (_, .i32): return aos_ffi_sint32()
        case (_, .u32): return aos_ffi_uint32()
        case (.userData, _), (.event, _), (.data, _), (.error, _): return aos_ffi_pointer()
        case (.status, _): return aos_ffi_sint32()
        case (.kind, _), (.flags, _): return aos_ffi_uint32()
        case (.value, _): return aos_ffi_sint64()
        case (.op, _), (.object, _), (.tag, _), (.seq, _), (.len, _): return aos_ffi_uint64()
        }
    }

    /// Calls `function` with the words of the shape. What it returns is ignored.
    func call(_ function: aos_any_fn, _ userData: UnsafeMutableRawPointer?, _ event: inout aos_event) {
        let count = shape.words.count
        withUnsafeMutablePointer(to: &event) { event in
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Shape.maximumWords) { values in
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutableRawPointer?.self,
                    capacity: 2 * Shape.maximumWords
                ) { slots in
                    guard let base = values.baseAddress, let slotBase = slots.baseAddress else { return }
                    let status = narrowedStatus(event.pointee)
                    for (index, word) in shape.words.enumerated() {
                        store(word, event, userData, status, at: base + index)
                        // By reference: the argument is the address of the value, and libffi wants the
                        // address of that.
                        let value = UnsafeMutableRawPointer(base + index)
                        slotBase[Shape.maximumWords + index] = value
                        slotBase[index] =
                            word.isByReference
                            ? UnsafeMutableRawPointer(slotBase + Shape.maximumWords + index) : value
                    }
                    var result: UInt64 = 0
                    aos_ffi_call(
                        UnsafeMutablePointer(bitPattern: interface),
                        function,
                        &result,
                        count == 0 ? nil : slotBase
                    )
                }
            }
        }
    }

    /// AOS_E_TOO_LARGE if a narrowed number does not fit, else the event's own status.
    private func narrowedStatus(_ event: aos_event) -> Int32 {
        for word in shape.words {
            guard let narrowing = word.narrowing, event.status >= 0 else { continue }
            if Self.narrowed(word, narrowing, event) == nil { return Status.tooLarge }
        }
        return event.status
    }

    private static func narrowed(_ word: Shape.Word, _ narrowing: Shape.Narrowing, _ event: aos_event)
        -> UInt64?
    {
        switch (word.field, narrowing) {
        case (.value, .i32): Int32(exactly: event.value).map { UInt64(UInt32(bitPattern: $0)) }
        case (.value, .u32): UInt32(exactly: event.value).map { UInt64($0) }
        case (_, .i32): Int32(exactly: event.data_len).map { UInt64(UInt32(bitPattern: $0)) }
        case (_, .u32): UInt32(exactly: event.data_len).map { UInt64($0) }
        }
    }

    private func store(
        _ word: Shape.Word,
        _ event: UnsafeMutablePointer<aos_event>,
        _ userData: UnsafeMutableRawPointer?,
        _ status: Int32,
        at slot: UnsafeMutablePointer<UInt64>
    ) {
        let raw = UnsafeMutableRawPointer(slot)
        if let narrowing = word.narrowing {
            let number = Self.narrowed(word, narrowing, event.pointee) ?? 0
            return raw.storeBytes(of: UInt32(truncatingIfNeeded: number), as: UInt32.self)
        }
        switch word.field {
        case .userData: raw.storeBytes(of: UInt(bitPattern: userData), as: UInt.self)
        case .event: raw.storeBytes(of: UInt(bitPattern: event), as: UInt.self)
        case .data: raw.storeBytes(of: UInt(bitPattern: event.pointee.data), as: UInt.self)
        case .error: raw.storeBytes(of: UInt(bitPattern: event.pointee.error), as: UInt.self)
        case .kind: raw.storeBytes(of: event.pointee.kind, as: UInt32.self)
        case .flags: raw.storeBytes(of: event.pointee.flags, as: UInt32.self)
        case .status: raw.storeBytes(of: status, as: Int32.self)
        case .value: raw.storeBytes(of: event.pointee.value, as: Int64.self)
        case .op: raw.storeBytes(of: event.pointee.op, as: UInt64.self)
        case .object: raw.storeBytes(of: event.pointee.object, as: UInt64.self)
        case .tag: raw.storeBytes(of: event.pointee.tag, as: UInt64.self)
        case .seq: raw.storeBytes(of: event.pointee.seq, as: UInt64.self)
        case .len: raw.storeBytes(of: event.pointee.data_len, as: UInt64.self)
        }
    }
}
