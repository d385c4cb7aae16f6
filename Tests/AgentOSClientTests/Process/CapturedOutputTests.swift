// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem
import AgentOSTestSupport
import Testing

@testable import AgentOSClient

@Suite("CapturedOutput")
struct CapturedOutputTests {
    private func capture(_ bound: Int, _ pieces: [(OutputChannel, [UInt8])]) -> CapturedOutput {
        let captured = CapturedOutput(bound: bound)
        for (channel, bytes) in pieces {
            if let block = ByteBlock.copy(bytes) { captured.output(channel, block) }
        }
        captured.ended(.exited(code: 0))
        return captured
    }

    @Test("pieces are joined in their order, each channel for itself")
    func joined() {
        let result = capture(
            100,
            [
                (.standardOutput, [1, 2]), (.standardError, [9]), (.standardOutput, []),
                (.standardOutput, [3]),
            ]
        ).take()
        #expect(result.output.map { Array($0.bytes) } == [1, 2, 3])
        #expect(result.error.map { Array($0.bytes) } == [9])
        #expect(!result.outputTruncated && !result.errorTruncated)
    }

    @Test("nothing is an empty block, and a single piece is given on without a copy")
    func single() throws {
        #expect(capture(100, []).take().output?.count == 0)
        let captured = CapturedOutput(bound: 10)
        let block = try #require(ByteBlock.copy([1, 2]))
        captured.output(.standardOutput, block)
        #expect(captured.take().output === block)
    }

    @Test("up to the bound everything is kept, to the byte, and a cut is told", arguments: 0...12)
    func bound(bound: Int) {
        let all: [UInt8] = Array(0..<10)
        let pieces = stride(from: 0, to: 10, by: 3).map { Array(all[$0..<min($0 + 3, 10)]) }
        let result = capture(bound, pieces.map { (.standardError, $0) }).take()
        #expect(result.error.map { Array($0.bytes) } == Array(all.prefix(bound)))
        #expect(result.errorTruncated == (bound < 10))
        #expect(!result.outputTruncated)
    }
}
