// SPDX-License-Identifier: Apache-2.0
import AgentOSTestSupport
import CAgentOSShims
import Testing

@Suite("Base64 of the C shims, against a plain one")
struct Base64ShimTests {
    /// Encodes into exactly the room that the contract names, between guard bytes.
    private func encode(_ bytes: [UInt8]) -> [UInt8] {
        let size = (bytes.count + 2) / 3 * 4
        var room = [UInt8](repeating: 0xA5, count: size + 64)
        let count = room.withUnsafeMutableBufferPointer { buffer in
            aos_shim_base64_encode(bytes, bytes.count, buffer.baseAddress.map { $0 + 32 })
        }
        #expect(
            room.prefix(32).allSatisfy { $0 == 0xA5 } && room.suffix(32).allSatisfy { $0 == 0xA5 },
            "\(bytes.count)"
        )
        return Array(room[32..<32 + Int(count)])
    }

    /// Decodes with the 8 bytes of slack that the only caller gives.
    private func decode(_ text: [UInt8]) -> [UInt8]? {
        let size = text.count / 4 * 3 + 8
        var room = [UInt8](repeating: 0xA5, count: size + 64)
        let count = room.withUnsafeMutableBufferPointer { buffer in
            aos_shim_base64_decode(text, text.count, buffer.baseAddress.map { $0 + 32 })
        }
        #expect(
            room.prefix(32).allSatisfy { $0 == 0xA5 } && room.suffix(32).allSatisfy { $0 == 0xA5 },
            "\(text.count)"
        )
        return count < 0 ? nil : Array(room[32..<32 + Int(count)])
    }

    @Test("all lengths from 0 to 300, three times random, come out as the plain encoder has them, and back")
    func lengths() {
        var generator = SeededGenerator(seed: 4)
        for count in Array(0...300) + [1_023, 4_096, 65_537] {
            for _ in 0..<3 {
                let bytes = generator.bytes(count)
                let text = Base64Reference.encode(bytes)
                #expect(encode(bytes) == text, "\(count)")
                #expect(decode(text) == bytes, "\(count)")
            }
        }
    }

    @Test("every byte value at every place of a block is encoded right")
    func values() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<48 {
                var bytes = [UInt8](repeating: 0x55, count: 64)
                bytes[place] = byte
                #expect(encode(bytes) == Base64Reference.encode(bytes))
            }
        }
    }

    @Test(
        "every byte that is no letter is refused at every place, in the vector part and behind it",
        arguments: [4, 8, 48, 64, 100, 132]
    )
    func badLetters(count: Int) {
        let text = [UInt8](repeating: UInt8(ascii: "Q"), count: count)
        for place in 0..<count {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                let expected = Base64Reference.decode(changed)
                if decode(changed) != expected { Issue.record("byte \(byte) at \(place) of \(count)") }
            }
        }
    }

    @Test(
        "padding stands at the end, once, and the length is a multiple of four",
        arguments: [
            "A", "AA", "AAA", "AAAAA", "=", "==", "====", "A===", "=AAA", "A=AA", "AA=A", "AA==AAAA",
            "AAA=AAAA",
            "AAAA=", "AAAA====", "AA AA", "AAA\n", "AA-_", "QQ=\n",
        ]
    )
    func padding(text: String) { #expect(decode(Array(text.utf8)) == nil) }

    @Test("bits that belong to no byte must be zero")
    func trailingBits() {
        for first in Base64Reference.alphabet.indices {
            let one = [
                UInt8(ascii: "A"), Base64Reference.alphabet[first], UInt8(ascii: "="), UInt8(ascii: "="),
            ]
            #expect((decode(one) != nil) == (first & 15 == 0))
            let two = [
                UInt8(ascii: "A"), UInt8(ascii: "A"), Base64Reference.alphabet[first], UInt8(ascii: "="),
            ]
            #expect((decode(two) != nil) == (first & 3 == 0))
        }
    }

    @Test("random letters, now and then something else, are judged as the plain decoder judges them")
    func random() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<3_000 {
            var text = (0..<Int.random(in: 0...40, using: &generator) * 4).map { _ in
                Base64Reference.alphabet.randomElement(using: &generator) ?? 0
            }
            if !text.isEmpty, Bool.random(using: &generator) {
                text[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            if text.count > 1, Bool.random(using: &generator) { text[text.count - 1] = UInt8(ascii: "=") }
            #expect(decode(text) == Base64Reference.decode(text), "\(text)")
        }
    }
}
