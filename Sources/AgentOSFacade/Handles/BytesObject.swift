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

/// Bytes that are with the host, of a process's output for instance: given back once, when the event is released or
/// forgotten.
final class Credit: Sendable {
    private let source: any ByteCredit
    private let bytes: Int
    private let isGivenBack: Atomic<Bool> = Atomic(false)

    init(_ source: any ByteCredit, _ bytes: Int) {
        self.source = source
        self.bytes = bytes
    }

    func giveBack() {
        if !isGivenBack.exchange(true, ordering: .relaxed) { source.giveBack(bytes) }
    }

    deinit { giveBack() }
}
