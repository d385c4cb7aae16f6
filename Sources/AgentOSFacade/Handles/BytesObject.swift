// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
internal import Synchronization

/// A block that a host holds, and what it owes for it.
package final class BytesObject: Sendable {
    let block: ByteBlock
    let credit: Credit?

    init(_ block: ByteBlock, _ credit: Credit?) {
        self.block = block
        self.credit = credit
    }
}

/// Bytes of a process's output that are with the host: given back once, when the event is released or
/// forgotten.
final class Credit: Sendable {
    private let stream: ProcessOutput
    private let bytes: Int
    private let isGivenBack: Atomic<Bool> = Atomic(false)

    init(_ stream: ProcessOutput, _ bytes: Int) {
        self.stream = stream
        self.bytes = bytes
    }

    func giveBack() {
        if !isGivenBack.exchange(true, ordering: .relaxed) { stream.giveBack(bytes) }
    }

    deinit { giveBack() }
}
