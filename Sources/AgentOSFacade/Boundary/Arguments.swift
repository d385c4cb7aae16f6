// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import CAgentOSShims

/// What a host passes, checked: nothing of it may trap, whatever it is.
enum Arguments {
    private static let nulTerminated = -1

    static func required<Pointee>(
        _ pointer: UnsafeMutablePointer<Pointee>?,
        _ name: StaticString
    ) throws(ClientError) -> UnsafeMutablePointer<Pointee> {
        guard let pointer else { throw .invalid("\(name): must not be NULL") }
        return pointer
    }

    /// The bytes of a text. `SIZE_MAX`, which arrives as -1, stands for its NUL-terminated length.
    private static func textBytes(
        _ pointer: UnsafePointer<CChar>,
        _ length: Int,
        _ name: StaticString
    ) throws(ClientError) -> UnsafeRawBufferPointer {
        if length == nulTerminated {
            return UnsafeRawBufferPointer(start: pointer, count: aos_shim_strlen(pointer))
        }
        guard length >= 0 else {
            throw .invalid("\(name): length \(UInt(bitPattern: length)) is out of range")
        }
        return UnsafeRawBufferPointer(start: pointer, count: length)
    }

    static func text(
        _ pointer: UnsafePointer<CChar>?,
        _ length: Int,
        _ name: StaticString
    ) throws(ClientError) -> String {
        guard let pointer else { throw .invalid("\(name): must not be NULL") }
        let bytes = try textBytes(pointer, length, name)
        let octets = bytes.assumingMemoryBound(to: UInt8.self)
        guard octets.isEmpty || aos_shim_is_utf8(octets.baseAddress, octets.count) != 0 else {
            throw .invalid("\(name): not valid UTF-8 at byte \(firstInvalidByte(bytes))")
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// NULL: absent.
    static func optionalText(
        _ pointer: UnsafePointer<CChar>?,
        _ length: Int,
        _ name: StaticString
    ) throws(ClientError) -> String? {
        pointer == nil ? nil : try text(pointer, length, name)
    }

    /// Bytes, borrowed for the call.
    static func bytes(
        _ pointer: UnsafeRawPointer?,
        _ length: Int,
        _ name: StaticString
    ) throws(ClientError) -> UnsafeRawBufferPointer {
        guard length >= 0 else {
            throw .invalid("\(name): length \(UInt(bitPattern: length)) is out of range")
        }
        guard length == 0 || pointer != nil else { throw .invalid("\(name): NULL with length \(length)") }
        return UnsafeRawBufferPointer(start: pointer, count: length)
    }

    /// Columns or rows of a window.
    static func size(_ given: UInt32, _ name: StaticString) throws(ClientError) -> UInt16 {
        guard let size = UInt16(exactly: given), size > 0 else {
            throw .invalid("\(name): expected 1 to 65535, found \(given)")
        }
        return size
    }

    /// How many elements an array of the host's has.
    static func count(_ given: Int, upTo limit: Int, _ name: StaticString) throws(ClientError) -> Int {
        guard (0...limit).contains(given) else {
            throw .invalid("\(name): expected 0 to \(limit), found \(UInt(bitPattern: given))")
        }
        return given
    }

    /// An array of texts; without `lengths` all are NUL-terminated.
    static func texts(
        _ pointers: UnsafePointer<UnsafePointer<CChar>?>?,
        _ lengths: UnsafePointer<Int>?,
        _ count: Int,
        _ name: StaticString
    ) throws(ClientError) -> [String] {
        guard count > 0 else { return [] }
        guard let pointers else { throw .invalid("\(name): must not be NULL") }
        var texts: [String] = []
        texts.reserveCapacity(count)
        for index in 0..<count {
            do {
                texts.append(try text(pointers[index], lengths?[index] ?? nulTerminated, name))
            } catch {
                throw .invalid("\(error.message) (element \(index))")
            }
        }
        return texts
    }

    static func flags(_ given: UInt32, known: UInt32) throws(ClientError) -> UInt32 {
        guard given & ~known == 0 else {
            throw .invalid("flags: unknown bits 0x\(String(given & ~known, radix: 16))")
        }
        return given
    }

    private static func firstInvalidByte(_ bytes: UnsafeRawBufferPointer) -> Int {
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        var offset = 0
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): offset += UTF8.width(scalar)
            case .emptyInput, .error: return offset
            }
        }
    }
}
