// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import AgentOSWire
import CAgentOS
import Testing

extension RealProcesses {
    @Suite("Output (section 3)")
    struct Output {
        /// 160 writes of 64 KiB, each of one letter, without a listener that could lag.
        private static let tenMegabytes = """
            const fs = require('fs');
            for (let i = 0; i < 160; i++) fs.writeSync(1, Buffer.alloc(65536, 97 + i % 26));
            """
        private static let expected: [UInt8] = (0..<160).flatMap {
            [UInt8](repeating: UInt8(97 + $0 % 26), count: 65_536)
        }

        @Test("bytes are exact by fs.writeSync (case 9)")
        func binary() throws {
            try withVM { vm throws in
                #expect(
                    try vm.node("require('fs').writeSync(1, Buffer.from([0, 255, 128, 65]))").output == [
                        0, 255, 128, 65,
                    ]
                )
                let all = try vm.node("require('fs').writeSync(1, Buffer.from([...Array(256).keys()]))")
                #expect(all.output == [UInt8](0...255))
                try vm.write("/tmp/b", [UInt8](0...255))
                #expect(try vm.run("cat /tmp/b").output == [UInt8](0...255))
            }
        }

        @Test("20,000 lines, and 10 MB in writes of 64 KiB in 5 s, byte for byte (case 8)")
        func much() throws {
            try withVM { vm throws in
                let lines = try vm.node("for (let i = 0; i < 20000; i++) console.log('line ' + i)")
                #expect(lines.output.elementsEqual((0..<20_000).map { "line \($0)\n" }.joined().utf8))
                #expect(lines.code == 0 && lines.error == [])
                // Under 5 s: the best of three, for others use the machine too.
                var best = Duration.seconds(60)
                for _ in 0..<3 where best >= .seconds(5) {
                    let start = ContinuousClock.now
                    let output = try vm.node(Self.tenMegabytes).output
                    best = min(best, ContinuousClock.now - start)
                    #expect(output == Self.expected)
                }
                #expect(best < .seconds(5), "\(best)")
            }
        }

        @Test("20,000 lines as a stream: in order, and the exit after the last of them")
        func stream() throws {
            try withVM { vm throws in
                let code = "for (let i = 0; i < 20000; i++) console.log('line ' + i); process.exitCode = 5"
                let process = try vm.spawnNode(code)
                let events = try vm.sidecar.events(of: process.op)
                let output = events.filter { $0.kind == AOS_EV_STDOUT }.flatMap(\.data)
                #expect(output.elementsEqual((0..<20_000).map { "line \($0)\n" }.joined().utf8))
                #expect(events.map(\.sequence).elementsEqual(1...UInt64(events.count)))
                #expect(events.last?.kind == AOS_EV_COMPLETE && events.last?.value == 5)
                #expect(events.dropLast().allSatisfy { $0.kind == AOS_EV_STDOUT })
            }
        }

        @Test("stdout and stderr each in order, with the program's last word before its end")
        func channels() throws {
            try withVM { vm throws in
                let code = """
                    for (let i = 0; i < 500; i++) { console.log('o' + i); console.error('e' + i) }
                    console.log('last')
                    """
                let (output, error, last) = try vm.spawnNode(code).finish()
                let lines: (String) -> String = { name in (0..<500).map { "\(name)\($0)\n" }.joined() }
                #expect(String(decoding: output, as: UTF8.self) == lines("o") + "last\n")
                #expect(String(decoding: error, as: UTF8.self) == lines("e"))
                #expect(last.value == 0)
            }
        }

        @Test("a consumer that takes nothing until the end gets all of it, from the first byte")
        func nothingUntilTheEnd() throws {
            try withVM { vm throws in
                let process = try vm.spawnNode(Self.tenMegabytes)
                #expect(
                    eventually(limit: .seconds(30)) {
                        failure { try process.write([]) }?.status == AOS_E_NOT_FOUND
                    }
                )
                var held = HeldEvents(process)
                held.take()
                #expect(held.output.count < 2 << 20 && !held.hasEnded)
                while !held.hasEnded {
                    held.releaseAll()
                    guard held.takeOne(limit: 5 * second) else { break }
                }
                held.releaseAll()
                #expect(held.output == Self.expected && held.lastValue == 0 && held.lastStatus == AOS_OK)
            }
        }

        @Test("a function that sleeps 5 ms with each of 1,000 chunks loses none (case 11)")
        func slowFunction() throws {
            try withVM { vm throws in
                let collector = Collector(pause: 5000)
                let code = "for (let i = 0; i < 1000; i++) console.log('line ' + i)"
                _ = try vm.spawn(["node", "-e", code], completion: collector.completion(AOS_DELIVER_THREAD))
                #expect(eventually(limit: .seconds(60)) { collector.isDropped })
                let result = collector.result
                #expect(result.text.elementsEqual((0..<1000).map { "line \($0)\n" }.joined().utf8))
                #expect(result.ends == 1 && result.drops == 1 && result.overlaps == 0 && result.value == 0)
            }
        }

        @Test("a flood that nobody takes holds up no program and no call of another VM (X10)")
        func others() throws {
            let sidecar = try RealSidecar.sidecar()
            let flooded = try sidecar.createVM(RealSidecar.config())
            let other = try sidecar.createVM(RealSidecar.config())
            let process = try flooded.spawnNode(Self.tenMegabytes + "console.log('done'); " + idle)
            var held = HeldEvents(process)
            held.take(silence: 1500 * millisecond)
            #expect(held.output.count >= 1 << 20 && held.output.count < 2 << 20, "\(held.output.count)")
            for vm in [flooded, other] {
                #expect(try vm.run("echo quick", limit: 20 * second).outputText == "quick\n")
                try vm.write("/tmp/x", "y")
                #expect(try vm.readText("/tmp/x") == "y")
            }
            while !held.output.suffix(5).elementsEqual("done\n".utf8) {
                held.releaseAll()
                guard held.takeOne(limit: 5 * second) else { break }
            }
            // The second program says `up` behind what the first half printed.
            #expect(held.output.starts(with: Self.expected))
            try process.kill("KILL")
            while !held.hasEnded, held.takeOne(limit: 10 * second) { held.releaseAll() }
            #expect(held.lastStatus == AOS_OK)
            #expect(flooded.isAlive && other.isAlive)
        }

        @Test(
            "one write above 1 MiB ends the sidecar: a loss that names it, and the handle goes on (X2, case 10)"
        )
        func hugeWrite() throws {
            let sidecar = try RealSidecar.sidecar()
            let vm = try sidecar.createVM(RealSidecar.config())
            let other = try vm.spawnNode(idle)
            _ = try other.waitForOutput("up")
            let error = failure { _ = try vm.node("console.log('x'.repeat(2000000))") }
            for error in [error, try other.finish(limit: 10 * second).last.error] {
                #expect(error?.status == AOS_E_SIDECAR && error?.kind == "sidecar")
                #expect(error?.detail["exitCode"]?.integerValue == 1)
                #expect(error?.detail["stderr"]?.stringValue?.contains("sending on a closed channel") == true)
                #expect(error?.message.contains("sending on a closed channel") == true)
            }
            #expect(failure { _ = try vm.run("true") }?.status == AOS_E_SIDECAR)
            let next = try sidecar.createVM(RealSidecar.config())
            #expect(try next.node("console.log('again')").outputText == "again\n")
            #expect(next.isAlive)
        }

        @Test("a write of 1,000,000 bytes still passes")
        func largeWrite() throws {
            try withVM { vm throws in
                let result = try vm.node("require('fs').writeSync(1, Buffer.alloc(1000000, 122))")
                #expect(result.output == [UInt8](repeating: 122, count: 1_000_000))
            }
        }
    }
}
