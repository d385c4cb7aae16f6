// SPDX-License-Identifier: Apache-2.0
import AgentOSHostTesting
import CAgentOS
import Testing

extension RealProcesses {
    @Suite("Stdin (section 4)")
    struct Input {
        @Test("a command gets exact bytes, and much in one write (cases 12, 13)")
        func exact() throws {
            try withVM { vm throws in
                #expect(try vm.run("cat", stdin: [0x00, 0xFF, 0x62]).output == [0x00, 0xFF, 0x62])
                #expect(
                    try vm.run("wc -c", stdin: [UInt8](repeating: 0x7A, count: 200_000)).outputText
                        == "200000\n"
                )
                #expect(
                    try vm.run("wc -c", stdin: [UInt8](repeating: 0xFF, count: 245_760)).outputText
                        == "245760\n"
                )
                #expect(try vm.run("cat").output == [])
            }
        }

        @Test("more than fits is refused here, and the sidecar lives (case 14)")
        func tooMuch() throws {
            try withVM { vm throws in
                let error = failure { _ = try vm.run("cat", stdin: [UInt8](repeating: 0x7A, count: 300_000)) }
                #expect(error?.status == AOS_E_TOO_LARGE)
                #expect(vm.isAlive)
                let process = try vm.spawn(["cat"])
                #expect(
                    failure { try process.write([UInt8](repeating: 0x7A, count: 300_000)) }?.status
                        == AOS_E_TOO_LARGE
                )
                try process.write(Array("still".utf8))
                try process.closeInput()
                let (output, _, last) = try process.finish()
                #expect(output == Array("still".utf8) && last.value == 0)
            }
        }

        @Test("the write that would freeze the sidecar is refused: the 17th of 4,096 bytes (X5, case 15)")
        func freeze() throws {
            try withVM { vm throws in
                let process = try vm.spawn(["cat"])
                let block = [UInt8](repeating: 0x61, count: 4096)
                for _ in 0..<16 { try process.write(block) }
                #expect(failure { try process.write(block) }?.status == AOS_E_TOO_LARGE)
                #expect(vm.isAlive)
                try process.closeInput()
                let (output, _, last) = try process.finish()
                #expect(output == [UInt8](repeating: 0x61, count: 65_536) && last.value == 0)
            }
        }

        @Test("writes arrive in their order, and the program ends by the end of its stdin")
        func order() throws {
            try withVM { vm throws in
                let process = try vm.spawn(["cat"])
                let ops =
                    try (0..<100).map { try process.submitWrite("\($0);") } + [try process.submitClose()]
                let (output, _, last) = try process.finish()
                #expect(String(decoding: output, as: UTF8.self) == (0..<100).map { "\($0);" }.joined())
                #expect(last.value == 0)
                for op in ops { #expect(try ProcessTests.end(of: op, vm.sidecar)?.status == AOS_OK) }
            }
        }

        @Test("a node program reads text line by line, and lives until its stdin is closed")
        func node() throws {
            try withVM { vm throws in
                let code =
                    "process.stdin.on('data', d => console.log('got ' + d)); process.stdin.on('end', () => console.log('end'))"
                let process = try vm.spawnNode(code)
                try process.write(Array("grün €".utf8))
                #expect(try process.waitForOutput("got") == "got grün €\n")
                try process.closeInput()
                let (output, _, last) = try process.finish()
                #expect(output == Array("end\n".utf8) && last.value == 0)
            }
        }

        @Test("a shell takes commands from its stdin, and `exit 7` is its code (case 26)")
        func shell() throws {
            try withVM { vm throws in
                let process = try vm.spawn(["sh"])
                for line in ["echo one\n", "X=5\n", "echo x$X\n"] { try process.write(Array(line.utf8)) }
                _ = try process.waitForOutput("x5")
                try process.write(Array("exit 7\n".utf8))
                #expect(try process.finish().last.value == 7)
            }
        }
    }
}
