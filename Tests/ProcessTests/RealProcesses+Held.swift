// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Glibc
import Testing

extension RealProcesses {
    @Suite("Output that is held, dropped, or taken slowly (decision 15)")
    struct Held {
        private static let count = 160
        /// 160 writes of 64 KiB, each of one letter.
        private static let tenMegabytes = """
            const fs = require('fs');
            for (let i = 0; i < \(count); i++) fs.writeSync(1, Buffer.alloc(65536, 97 + i % 26));
            """
        private static let expected: [UInt8] = (0..<count).flatMap {
            [UInt8](repeating: UInt8(97 + $0 % 26), count: 65_536)
        }

        /// How long events are held; AGENTOS_TEST_HOLD_SECONDS=60 for a soak.
        private static var holdTime: Duration {
            .seconds(getenv("AGENTOS_TEST_HOLD_SECONDS").flatMap { Int(String(cString: $0)) } ?? 5)
        }

        @Test("events of one program are held, and another program and another VM work all that time")
        func heldFor() throws {
            let sidecar = try RealSidecar.sidecar()
            let flooded = try sidecar.createVM(RealSidecar.config())
            let other = try sidecar.createVM(RealSidecar.config())
            let process = try flooded.spawnNode(Self.tenMegabytes)
            var held = HeldEvents(process)
            // Nothing is released: what may be outstanding comes, and no more.
            let end = ContinuousClock.now + Self.holdTime
            var rounds = 0
            while ContinuousClock.now < end {
                held.take(silence: 100 * millisecond)
                for vm in [flooded, other] {
                    #expect(try vm.run("echo \(rounds)").outputText == "\(rounds)\n")
                    try vm.write("/tmp/x", "\(rounds)")
                    #expect(try vm.readText("/tmp/x") == "\(rounds)")
                }
                rounds += 1
            }
            #expect(rounds > 0 && !held.hasEnded)
            #expect((1 << 20..<2 << 20).contains(held.output.count), "\(held.output.count)")
            while !held.hasEnded {
                held.releaseAll()
                guard held.takeOne(limit: 10 * second) else { break }
            }
            held.releaseAll()
            #expect(held.output == Self.expected && held.lostBytes == 0 && held.isInSequence)
            #expect(held.lastStatus == AOS_OK && held.lastValue == 0)
            #expect(flooded.isAlive && other.isAlive)
        }

        @Test("`ring`: what came and what is said to be lost are together all that 10 MB are")
        func ring() throws {
            try withVM { vm throws in
                let size = 512 << 10
                let process = try vm.spawnNode(
                    Self.tenMegabytes,
                    .members(["overflow": .string("ring"), "overflowBytes": .integer(Int64(size))])
                )
                #expect(
                    eventually(limit: .seconds(60)) {
                        failure { try process.write([]) }?.status == AOS_E_NOT_FOUND
                    }
                )
                var held = HeldEvents(process)
                held.take()
                while !held.hasEnded {
                    held.releaseAll()
                    guard held.takeOne(limit: 10 * second) else { break }
                }
                held.releaseAll()
                #expect(held.lastStatus == AOS_OK && held.lastValue == 0 && held.isInSequence)
                #expect(held.output.count + Int(held.lostBytes) == Self.expected.count)
                // The loss has a place: the beginning is whole before it, and the end behind it.
                let before = try #require(held.bytesBeforeLoss)
                let after = held.output.count - before
                #expect(before >= 1 << 20 && after > 0 && after <= size)
                #expect(held.output[..<before].elementsEqual(Self.expected[..<before]))
                #expect(held.output[before...].elementsEqual(Self.expected.suffix(after)))
            }
        }

        @Test(
            "a function that sleeps half a millisecond with each of many lines loses none (case 12, R10)",
            arguments: [5_000, 20_000]
        )
        func slowLines(_ count: Int) throws {
            try withVM { vm throws in
                let collector = Collector(pause: 500)
                let code = "for (let i = 0; i < \(count); i++) console.log(String(i).padStart(99, '.'))"
                _ = try vm.spawn(["node", "-e", code], completion: collector.completion(AOS_DELIVER_THREAD))
                #expect(eventually(limit: .seconds(180)) { collector.isDropped })
                let result = collector.result
                #expect(result.text.count == count * 100)
                let expected = (0..<count).flatMap { line in
                    let number = Array("\(line)\n".utf8)
                    return [UInt8](repeating: 0x2E, count: 100 - number.count) + number
                }
                #expect(result.text == expected)
                #expect(result.ends == 1 && result.drops == 1 && result.overlaps == 0 && result.isInSequence)
                #expect(result.status == AOS_OK && result.value == 0)
                // The captured form has no consumer that could be slow: it is the same.
                #expect(try vm.node(code).output == expected)
            }
        }
    }
}
