// SPDX-License-Identifier: Apache-2.0
package import AgentOSSystem

/// The last of what the child wrote to its standard error: for error texts, never for the host's own stderr.
package final class StandardErrorTail: ReactorSource {
    package static let keptBytes: Int = 64 * 1024
    package static let shownBytes: Int = 4 * 1024
    /// A text cut at a line's start within this many bytes reads better.
    private static let lineSearchBytes = 512
    private static let readsPerTurn = 4

    private struct State: Sendable {
        var kept: [UInt8] = []
        var watch: UInt64?
        var hasEnded = false
    }

    private let descriptor: OwnedDescriptor
    private let state: Lock<State> = Lock(State())

    package init(_ descriptor: OwnedDescriptor) {
        self.descriptor = descriptor
        SystemCall.setNonBlocking(descriptor.number)
    }

    package func start() {
        guard let watch = try? Reactor.current.add(descriptor.number, .readable, self) else { return }
        state.withLock { $0.watch = watch }
    }

    package func descriptorReady(readable: Bool, writable: Bool) { drain(reads: Self.readsPerTurn) }

    /// Takes what lies in the pipe now, without waiting.
    package func collect() { drain(reads: Self.keptBytes / 4096) }

    package func stop() {
        let watch = state.withLock { state in
            state.hasEnded = true
            defer { state.watch = nil }
            return state.watch
        }
        if let watch { Reactor.current.remove(watch) }
    }

    private func drain(reads: Int) {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        for _ in 0..<reads where !state.withLock({ $0.hasEnded }) {
            let count = buffer.withUnsafeMutableBytes { bytes in
                (try? SystemCall.read(descriptor.number, into: bytes)) ?? -1
            }
            if count == 0 { return stop() }
            if count < 0 { return }
            state.withLock { state in
                state.kept += buffer[..<count]
                let surplus = state.kept.count - Self.keptBytes
                if surplus > 0 { state.kept.removeFirst(surplus) }
            }
        }
    }

    /// The last 4 KiB as text, trimmed, bad UTF-8 replaced; empty when there is nothing to say.
    package var text: String {
        let kept = state.withLock { $0.kept }
        var tail = kept.suffix(Self.shownBytes)
        if tail.count < kept.count, let newline = tail.prefix(Self.lineSearchBytes).firstIndex(of: 0x0A) {
            tail = tail[(newline + 1)...]
        }
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        tail = tail.drop(while: isSpace)
        while let last = tail.last, isSpace(last) { tail.removeLast() }
        return String(decoding: tail, as: UTF8.self)
    }
}
