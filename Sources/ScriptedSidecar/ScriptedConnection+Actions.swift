// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import Glibc

extension ScriptedConnection {
    /// Runs the actions up to the end, or to a delay.
    func perform(_ run: ActionRun) throws(ScriptError) {
        output.flush()
        while let action = run.next() {
            if case .delay(let time) = action {
                delayed.add(run, after: time.nanoseconds(using: &random))
                return
            }
            try perform(action, run)
            checkOutput()
        }
        release(run)
    }

    private func perform(_ action: ScriptAction, _ run: ActionRun) throws(ScriptError) {
        switch action {
        case .answer(let answer): try give(answer, to: run.context, run)
        case .remember(let name): remembered[name, default: []].append(run.context)
        case .answerRemembered(let name, let answer):
            guard var kept = remembered[name], !kept.isEmpty else {
                throw ScriptError("no request is remembered as \"\(name)\"")
            }
            let context = kept.removeFirst()
            remembered[name] = kept
            try give(answer, to: context, run)
        case .event, .callback, .frame: try emitUnasked(action, run)
        case .raw(let bytes): emit(bytes, run)
        case .text(let text): emit(Array(run.names.filled(text).utf8), run)
        case .standardError(let text): RawFile.writeError(run.names.filled(text))
        case .floodStandardError(let count): flood(count)
        case .sleep(let time): DelayQueue.sleep(time.nanoseconds(using: &random))
        case .repeated(let rounds, let actions): run.enter(actions, rounds: rounds)
        case .hold: run.held = run.held ?? []
        case .flush: release(run)
        case .drip(let size): output.drip = size
        case .closeStandardOutput: output.shut()
        case .closeStandardInput: closeInput()
        case .exit(let code):
            release(run)
            end(code)
        case .signal(let number):
            release(run)
            kill(getpid(), number)
        case .delay, .nothing: break
        }
    }

    private func emit(_ bytes: [UInt8], _ run: ActionRun) {
        if run.held == nil { output.writeNow(bytes) } else { run.held?.append(contentsOf: bytes) }
    }

    private func release(_ run: ActionRun) {
        guard let held = run.held else { return }
        run.held = nil
        output.writeNow(held)
    }

    private func give(_ answer: ScriptedAnswer, to context: RequestContext, _ run: ActionRun)
        throws(ScriptError)
    {
        var names = run.names
        names.context = context
        let payload: ResponsePayload
        switch answer.content {
        case .byDefault:
            let frames = DefaultAnswers.frames(to: context, identifiers)
            guard !frames.isEmpty else { throw ScriptError("\"default\" needs a request to answer") }
            for frame in frames { emit(try FrameBytes.encode(frame), run) }
            return
        case .payload(let template): payload = try template.value(names)
        case .rejection(let code, let message):
            payload = .rejected(RejectedResponse(code: names.filled(code), message: names.filled(message)))
        }
        var owner = try answer.ownership?.value(names) ?? context.ownership
        if answer.ownership == nil, case .authenticated(let response) = payload {
            owner = .connection(response.connectionId)
        }
        guard let id = try ScriptedAnswer.number(answer.id, names) ?? context.request?.requestId else {
            throw ScriptError("\"answer\" needs an \"id\" where no request is answered")
        }
        let frame = ResponseFrame(
            schema: Dialect.schema,
            requestId: id,
            ownership: try required(owner),
            payload: payload
        )
        emit(try FrameBytes.encode(.response(frame)), run)
    }

    private func emitUnasked(_ action: ScriptAction, _ run: ActionRun) throws(ScriptError) {
        let names = run.names
        let frame: ProtocolFrame
        switch action {
        case .event(let payload, let ownership):
            let owner = try required(ownership?.value(names) ?? run.context.eventOwnership)
            frame = .event(
                EventFrame(schema: Dialect.schema, ownership: owner, payload: try payload.value(names))
            )
        case .callback(let payload, let id, let ownership):
            let owner = try required(ownership?.value(names) ?? run.context.eventOwnership)
            let id = try ScriptedAnswer.number(id, names) ?? identifiers.nextCallback()
            frame = .sidecarRequest(
                SidecarRequestFrame(
                    schema: Dialect.schema,
                    requestId: id,
                    ownership: owner,
                    payload: try payload.value(names)
                )
            )
        case .frame(let template): frame = try template.value(names)
        default: return
        }
        emit(try FrameBytes.encode(frame), run)
    }

    private func required(_ owner: OwnershipScope?) throws(ScriptError) -> OwnershipScope {
        guard let owner else { throw ScriptError("\"ownership\" must be given where there is no request") }
        return owner
    }

    private func flood(_ count: Int) {
        let line = String(repeating: "e", count: 79) + "\n"
        let block = Array(String(repeating: line, count: 800).utf8)
        var rest = count
        while rest > 0 {
            let size = min(rest, block.count)
            let written = block.withUnsafeBytes {
                RawFile.write(UnsafeRawBufferPointer(rebasing: $0[..<size]), to: 2)
            }
            if !written { return }
            rest -= size
        }
    }
}
