// SPDX-License-Identifier: Apache-2.0
import AgentOSClient
import AgentOSHostTesting
import AgentOSSystem
import AgentOSTestSupport
import CAgentOS
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AgentOSFacade

@Suite("Shapes: functions that the host has already, called as they are", .timeLimit(.minutes(10)))
struct ShapeTests {
    /// Numbers at the edges of their types.
    private func event(_ round: Int, _ generator: inout SeededGenerator) -> aos_event {
        let values: [Int64] = [
            0, 1, -1, 5, Int64(Int32.max), Int64(Int32.max) + 1, Int64(Int32.min), Int64(Int32.min) - 1,
            Int64(UInt32.max),
            Int64(UInt32.max) + 1, .min, .max,
        ]
        let lengths: [UInt64] = [
            0, 1, 4096, UInt64(Int32.max), UInt64(Int32.max) + 1, UInt64(UInt32.max), UInt64(UInt32.max) + 1,
            .max,
        ]
        var event = aos_event()
        event.struct_size = 96
        event.kind = UInt32.random(in: 0 ... .max, using: &generator)
        event.flags = UInt32.random(in: 0 ... .max, using: &generator)
        event.op = UInt64.random(in: 0 ... .max, using: &generator)
        event.object = UInt64.random(in: 0 ... .max, using: &generator)
        event.tag = UInt64.random(in: 0 ... .max, using: &generator)
        event.seq = UInt64.random(in: 0 ... .max, using: &generator)
        event.value = values[round % values.count]
        event.data_len = lengths[round / 3 % lengths.count]
        event.status = [0, 0, 0, -8, .min][round % 5]
        event.data = UnsafeRawPointer(bitPattern: UInt.random(in: 0 ... .max, using: &generator))
        event.error = OpaquePointer(bitPattern: UInt.random(in: 0 ... .max, using: &generator))
        return event
    }

    @Test(
        "every word alone, by reference and narrowed, and 600 random lists of up to 12 words, against compiled C"
    )
    func compiled() throws {
        var generator = SeededGenerator(seed: 12)
        var shapes: [RandomShape] = []
        for name in RandomShape.names {
            shapes.append(RandomShape(words: [.init(name: name)]))
            if !RandomShape.pointers.contains(name) {
                shapes.append(RandomShape(words: [.init(name: name, isByReference: true)]))
            }
            for narrowing in ["i32", "u32"] where ["value", "len"].contains(name) {
                for isByReference in [false, true] {
                    let word = RandomShape.Word(
                        name: name,
                        isByReference: isByReference,
                        narrowing: narrowing
                    )
                    shapes.append(RandomShape(words: [word, .init(name: "status")]))
                    shapes.append(RandomShape(words: [.init(name: "status", isByReference: true), word]))
                }
            }
        }
        for name in RandomShape.names {
            shapes.append(RandomShape(words: [RandomShape.Word](repeating: .init(name: name), count: 12)))
        }
        for index in 0..<600 { shapes.append(RandomShape(1 + index % 12, using: &generator)) }
        let compiled = try CompiledShapes(shapes)
        for (index, shape) in shapes.enumerated() {
            let interface = try CallInterface.of(try Shape(shape.text))
            let function = try #require(compiled.function(index))
            for round in 0..<24 {
                var given = event(round, &generator)
                let userData = UInt.random(in: 0 ... .max, using: &generator)
                let expected = withUnsafeMutablePointer(to: &given) { pointer in
                    interface.call(function, UnsafeMutableRawPointer(bitPattern: userData), &pointer.pointee)
                    return shape.expected(userData, pointer)
                }
                let seen = compiled.seen(shape.words.count)
                #expect(compiled.last == index)
                // The event may be passed at another address as long as it is the event.
                let isSame = zip(zip(expected, seen), shape.words).allSatisfy {
                    $0.0.0 == $0.0.1 || $0.1.name == "event"
                }
                #expect(isSame, "\(shape.text), round \(round): \(seen), expected \(expected)")
            }
        }
    }

    @Test("an interface is prepared once for each shape")
    func cached() throws {
        for text in ["ud", "status,value:i32", "&value,&status,ud"] {
            #expect(try CallInterface.of(try Shape(text)) === CallInterface.of(try Shape(text)))
        }
        #expect(try CallInterface.of(try Shape("ud")) !== CallInterface.of(try Shape("data")))
        let found: Lock<Set<ObjectIdentifier>> = Lock([])
        onThreads(8) { _ in
            guard let interface = try? CallInterface.of(try Shape("len,seq,tag,op")) else { return }
            found.withLock { _ = $0.insert(ObjectIdentifier(interface)) }
        }
        #expect(found.withLock { $0.count } == 1)
    }

    /// The text, and the place of its fault in bytes.
    static let faults: [(String, Int)] = [
        ("", 0), (",", 0), ("ud,", 3), (",ud", 0), ("ud,,status", 3), ("ud, status", 3), (" ud", 0),
        ("UD", 0),
        ("user_data", 0), ("ud;status", 0), ("status,value:i64", 13), ("status,value:", 13),
        ("status,value:i32:u32", 13),
        ("status:i32", 6), ("status,kind:u32", 11), ("&ud", 0), ("status,&event", 7), ("&data", 0),
        ("&error", 0),
        ("&&value", 1), ("&", 1), ("value&", 0), ("status,len:u8", 11), ("&:i32,status", 1),
        ("status,len: i32", 11),
        ("ud,stätus", 3), ("value:i32", 0), ("ud,len:u32", 3), ("ud,ud,ud,ud,ud,ud,ud,ud,ud,ud,ud,ud,ud", 36),
    ]

    @Test("a faulty shape is refused with the position of the fault, and drop runs", arguments: faults)
    func faulty(text: String, position: Int) throws {
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let recorder = HostRecorder()
        for deliver in [AOS_DELIVER_THREAD, AOS_DELIVER_CALL] {
            let queue = try HostQueue()
            var given = recorder.completion(deliver, queue.handle)
            given.fn = nil
            given.shaped_fn = {}
            let error = text.withCString { shape in
                given.shape = shape
                return failure { _ = try vm.exists("/a", given) }
            }
            #expect(error?.status == AOS_E_INVALID)
            #expect(
                error?.message.hasSuffix("at byte \(position)") == true,
                "\(error?.message ?? "no error")"
            )
        }
        #expect(recorder.drops == 2)
    }

    @Test("bytes that are no UTF-8 are a fault like another")
    func notText() throws {
        let vm = try HostPeer.sidecar().createVM()
        for bytes in ArgumentTests.notUTF8 {
            var given = completion(AOS_DELIVER_THREAD)
            given.shaped_fn = {}
            (bytes + [0]).withUnsafeBytes { buffer in
                given.shape = buffer.assumingMemoryBound(to: CChar.self).baseAddress
                #expect(failure { _ = try vm.exists("/a", given) }?.status == AOS_E_INVALID)
            }
        }
    }

    private final class Ends: Sendable {
        let codes: Lock<[Int64]> = Lock([])
        let texts: Lock<[String]> = Lock([])
    }

    @Test(
        "a function of a host gets the end of a program as its own arguments, by CALL and by THREAD",
        arguments: [
            AOS_DELIVER_CALL, AOS_DELIVER_THREAD,
        ]
    )
    func ends(deliver: UInt32) throws {
        let queue = try HostQueue()
        let sidecar = try HostPeer.sidecar()
        let vm = try sidecar.createVM()
        let ends = Ends()
        typealias Function = @convention(c) (
            UnsafeRawPointer?, UInt64, UInt32, UnsafePointer<Int64>?, UnsafeMutableRawPointer?
        ) -> Void
        let function: Function = { data, length, kind, value, userData in
            guard let userData, let value else { return }
            let ends = Unmanaged<Ends>.fromOpaque(userData).takeUnretainedValue()
            let text = String(
                decoding: UnsafeRawBufferPointer(start: data, count: Int(length)),
                as: UTF8.self
            )
            if kind == AOS_EV_COMPLETE { ends.codes.withLock { $0.append(value.pointee) } }
            if kind == AOS_EV_STDOUT { ends.texts.withLock { $0.append(text) } }
        }
        for program in ["many", "minus"] {
            var given = completion(deliver, queue.handle)
            given.shaped_fn = unsafeBitCast(function, to: aos_any_fn.self)
            given.user_data = Unmanaged.passUnretained(ends).toOpaque()
            // Copied before return: the text may go at once.
            var shape = Array("data,len,kind,&value,ud".utf8CString)
            try shape.withUnsafeMutableBufferPointer { buffer in
                given.shape = UnsafePointer(buffer.baseAddress)
                _ = try vm.spawn(program, given)
                buffer.update(repeating: 0x58)
            }
            let count = program == "many" ? 1 : 2
            let isDone = { ends.codes.withLock { $0.count } == count }
            #expect(deliver == AOS_DELIVER_CALL ? queue.dispatch(until: isDone) : eventually(isDone))
        }
        #expect(ends.codes.withLock { $0 } == [3, -5])
        #expect(ends.texts.withLock { $0 } == (1...20).map { "line \($0)" })
    }
}
