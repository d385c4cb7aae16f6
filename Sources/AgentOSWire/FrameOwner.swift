// SPDX-License-Identifier: Apache-2.0
internal import AgentOSBare

/// An ownership and its bytes as they stand in frames. One object for many frames: copying three names with every
/// request and every answer costs more than reading them does.
package final class FrameOwner: Sendable, Equatable {
    package let scope: OwnershipScope
    let bytes: [UInt8]
    let hasEmptyID: Bool

    private init(_ scope: OwnershipScope, _ bytes: [UInt8]) {
        self.scope = scope
        self.bytes = bytes
        hasEmptyID = scope.hasEmptyID
    }

    package convenience init(_ scope: OwnershipScope) {
        var writer = BareWriter()
        scope.write(to: &writer)
        self.init(scope, writer.finish())
    }

    package static func == (left: FrameOwner, right: FrameOwner) -> Bool {
        left === right || left.bytes == right.bytes
    }

    /// Reads the owner of a frame. Most frames of a stream have the owner of the one before, `last`, and an owner says
    /// by itself where it ends: what begins with its bytes is that one again.
    static func read(_ reader: inout BareReader, _ last: inout FrameOwner?) throws(BareError) -> FrameOwner {
        if let last, reader.skip(last.bytes) { return last }
        let start = reader.offset
        let scope = try OwnershipScope(from: &reader)
        // Its shortest form: lengths may come padded.
        let read = FrameOwner(scope)
        if reader.offset - start == read.bytes.count { last = read }
        return read
    }
}
