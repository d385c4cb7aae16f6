// SPDX-License-Identifier: Apache-2.0
internal import AgentOSSystem
internal import AgentOSWire

/// Writing to processes, and the end of their input.
enum StandardInput {
    /// Bytes of one write that always fit: the sidecar counts 2 to 4 for each (process.md 6.2).
    static let maximumWrite: Int = 245_760

    /// Pieces of at most that size, not cut inside a character where the bytes are text.
    static func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        guard bytes.count > maximumWrite else { return [bytes[...]] }
        let isText = String(validating: bytes, as: UTF8.self) != nil
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            var end = min(start + maximumWrite, bytes.count)
            if isText {
                while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end -= 1 }
            }
            pieces.append(bytes[start..<end])
            start = end
        }
        return pieces
    }
}

extension VM {
    func writeRequest(_ process: ProcessRecord, _ chunk: [UInt8]) -> Steps<Void> {
        requestUnchecked(.writeStdin(WriteStdinRequest(processId: process.processID, chunk: chunk))) { body in
            if case .payload(.stdinWritten) = body { return () }
            return nil
        }.recover { error throws(ClientError) in
            throw Self.isGone(error) ? ProcessRecord.exitedAlready : error
        }
    }

    func closeRequest(_ process: ProcessRecord) -> Steps<Void> {
        requestUnchecked(.closeStdin(CloseStdinRequest(processId: process.processID))) { body in
            if case .payload(.stdinClosed) = body { return () }
            return nil
        }.recover { error throws(ClientError) in
            guard Self.isGone(error) else { throw error }
            return .done(())
        }
    }

    /// A rejection that means that the process has ended (process.md 9.2).
    static func isGone(_ error: ClientError) -> Bool {
        guard error.kind == .kernel else { return false }
        let text = error.message.lowercased()
        return text.containsBytes(of: "has no active process") || text.containsBytes(of: "no such process")
            || text.containsBytes(of: "esrch")
    }

    /// Bytes to stdin, in the order of the calls. Ends when the sidecar has taken them.
    ///
    /// Throws at once what cannot succeed. What it counts and closes is counted when the steps are begun, and
    /// taken back if nothing was sent.
    package func write(_ bytes: [UInt8], to process: ProcessRecord) throws(ClientError) -> Steps<Void> {
        try check()
        let isGuarded = configuration.stdinGuard
        let pieces = StandardInput.pieces(bytes)
        try process.checkWrite(bytes.count, isInOnePiece: pieces.count == 1, guarded: isGuarded)
        return Steps<Void>.operation("writeStdin") { [self] () throws(ClientError) in
            try process.accountWrite(bytes.count, isInOnePiece: pieces.count == 1, guarded: isGuarded)
            let isSent = Lock(false)
            let write = afterStart(process).then { [self] in
                isSent.withLock { $0 = true }
                return Steps<Void>.forEach(pieces) { [self] piece in writeRequest(process, Array(piece)) }
            }
            return process.inputQueue.enqueue(write).recover { error throws(ClientError) in
                if !isSent.withLock({ $0 }) { process.takeBackWrite(bytes.count) }
                throw error
            }
        }
    }

    /// End of file on stdin, behind all writes. A second time, or after the end: success.
    package func closeInput(of process: ProcessRecord) throws(ClientError) -> Steps<Void> {
        try check()
        return Steps<Void>.operation("closeStdin") { [self] in
            guard process.closeInput() else { return .done(()) }
            let close = afterStart(process).then { [self] in closeRequest(process) }
            return process.inputQueue.enqueue(close).recover { error throws(ClientError) in
                if error.kind == .processNotFound { return .done(()) }
                // Not closed for all that is known: a second call tries again.
                process.reopenInput()
                throw error
            }
        }
    }

    /// What is asked before the start is done right after it.
    func afterStart(_ process: ProcessRecord) -> Steps<Void> {
        Steps<Result<Void, ClientError>>.wait(for: process.started).map { result throws(ClientError) in
            try result.get()
        }
    }
}
