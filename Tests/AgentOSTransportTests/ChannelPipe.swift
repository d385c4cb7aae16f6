// SPDX-License-Identifier: Apache-2.0
import AgentOSSystem

@testable import AgentOSTransport

/// A channel, and the peer's two ends of it.
struct ChannelPipe {
    let channel: FrameChannel
    let receiver: ChannelReceiver
    let input: OwnedDescriptor
    let output: OwnedDescriptor

    init() throws {
        let toPeer = try SystemCall.socketPair()
        let fromPeer = try SystemCall.socketPair()
        let channel = try FrameChannel(output: toPeer.ours, input: fromPeer.ours, limit: 1 << 20)
        receiver = ChannelReceiver { [weak channel] word in channel?.finish(word) }
        try channel.start(receiver)
        self.channel = channel
        (input, output) = (toPeer.theirs, fromPeer.theirs)
    }
}
