// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem

/// The output of a program of the library's own, taken by a worker that may be slow about it.
final class GuestStream: OutputConsumer {
    private static let errorLimit = 4096

    private struct State: Sendable {
        var chunks = Fifo<ByteBlock>()
        var error: [UInt8] = []
        var end: ProcessEnd?
        var waiting: WakeWord?
    }

    private let state: Lock<State> = Lock(State())
    private let stream: Lock<ProcessOutput?> = Lock(nil)
    private let run: StepRun = StepRun()
    private let process: Lock<ProcessRecord?> = Lock(nil)

    /// Starts a program. An interruption of the worker kills it.
    static func start(_ vm: VM, _ arguments: [String], _ worker: Worker) throws(ClientError) -> GuestStream {
        let consumer = GuestStream()
        let prepared = try vm.prepare(
            vm.processNumbers.nextExecuted(),
            .executed,
            CommandLine(command: "node", arguments: ["-e"] + arguments),
            .ofLibrary,
            in: nil,
            consumer: consumer,
            run: consumer.run
        )
        consumer.stream.withLock { $0 = prepared.output }
        consumer.process.withLock { $0 = prepared.process }
        worker.interrupts(consumer.run)
        prepared.begin()
        vm.closeWithoutWaiting(prepared.process)
        vm.connection.expectWithoutWaiting()
        return consumer
    }

    func consume(_ channel: OutputChannel, _ block: ByteBlock) {
        let waiting = state.withLock { state -> WakeWord? in
            switch channel {
            case .standardOutput: state.chunks.append(block)
            case .standardError:
                if state.error.count < Self.errorLimit { state.error += block.bytes.prefix(Self.errorLimit) }
            }
            defer { state.waiting = nil }
            return state.waiting
        }
        // Of stderr nothing waits to be taken.
        if channel == .standardError { stream.withLock { $0 }?.giveBack(block.count) }
        waiting?.wake(.done)
    }

    func lost(_ bytes: Int) {}

    func ended(_ end: ProcessEnd) {
        let waiting = state.withLock { state -> WakeWord? in
            state.end = end
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.wake(.done)
    }

    /// The next piece of its output; nil at its end.
    func next() -> ByteBlock? {
        while true {
            let (chunk, isOver, word) = state.withLock { state -> (ByteBlock?, Bool, WakeWord?) in
                if let chunk = state.chunks.popFirst() { return (chunk, false, nil) }
                if state.end != nil { return (nil, true, nil) }
                let word = WakeWord()
                state.waiting = word
                return (nil, false, word)
            }
            if let chunk {
                stream.withLock { $0 }?.giveBack(chunk.count)
                return chunk
            }
            if isOver { return nil }
            _ = word?.sleep(until: nil)
        }
    }

    /// Kills the program if it still runs, and waits for its end.
    func stop(_ error: ClientError) {
        run.interrupt(error)
        while next() != nil {}
    }

    /// Throws what went wrong with a program that has ended.
    func checkEnd(_ purpose: String) throws(ClientError) {
        let (end, error) = state.withLock { ($0.end, $0.error) }
        switch end {
        case .exited(0): return
        case .failed(let failure): throw failure
        case .endedWithVM: throw .vmDisposed
        case .exited(let code):
            let text = String(decoding: error, as: UTF8.self)
            throw ClientError(.kernel, "\(purpose) failed in the VM with exit code \(code): \(text)") {
                $0.errno = ErrorNumber.token(of: text)
                $0.exitCode = code
                $0.standardError = text
            }
        case nil: return
        }
    }
}

/// Bytes of a stream in the pieces in which somebody wants them.
struct GuestStreamReader {
    private let stream: GuestStream
    private var chunk: ByteBlock?
    private var offset = 0

    init(_ stream: GuestStream) { self.stream = stream }

    /// At most `count` bytes that are there; nil at the end. The bytes are borrowed for the call.
    mutating func some<Result>(
        upTo count: Int,
        _ body: (UnsafeRawBufferPointer) throws(ClientError) -> Result
    ) throws(ClientError) -> Result? {
        while chunk.map({ offset >= $0.count }) ?? true {
            guard let next = stream.next() else { return nil }
            (chunk, offset) = (next, 0)
        }
        guard let chunk else { return nil }
        let end = min(offset + count, chunk.count)
        let piece = UnsafeRawBufferPointer(rebasing: chunk.bytes[offset..<end])
        offset = end
        return try body(piece)
    }

    /// Exactly `count` bytes; nil when the stream ends before.
    mutating func exactly(_ count: Int) throws(ClientError) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let piece = try some(upTo: count - bytes.count) { (piece) throws(ClientError) in Array(piece) }
            guard let piece else { return nil }
            bytes += piece
        }
        return bytes
    }
}
