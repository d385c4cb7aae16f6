// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// A piece of output that is kept.
struct OutputChunk: Sendable {
    let channel: OutputChannel
    let block: ByteBlock
}

extension Fifo<OutputChunk> {
    /// Drops bytes from the front of the first chunk, of one channel or of any, and not more than `excess`: a part of it
    /// stays where that is enough. How many it dropped; nil where there is no such chunk.
    mutating func dropFront(_ excess: Int, of channel: OutputChannel? = nil) -> Int? {
        var dropped = 0
        let isThere = replaceFirst(
            where: { channel == nil || $0.channel == channel },
            by: { oldest in
                dropped = min(oldest.block.count, excess)
                let rest = oldest.block.count - dropped
                return rest > 0 ? OutputChunk(channel: oldest.channel, block: oldest.block.suffix(rest)) : nil
            }
        )
        return isThere ? dropped : nil
    }
}
