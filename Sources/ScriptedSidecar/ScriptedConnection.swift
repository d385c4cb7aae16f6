// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import Glibc

/// The peer: reads frames, finds the rule for each, and acts. One thread.
final class ScriptedConnection {
    private var script: Script = Script()
    private let log: ScriptLog
    private let parent: pid_t = getppid()
    private var input: FrameInput = FrameInput()
    private var hasEnded: Bool = false
    let identifiers: IdentifierSource = IdentifierSource()
    var output: FrameOutput = FrameOutput()
    var delayed: DelayQueue = DelayQueue()
    var remembered: [String: [RequestContext]] = [:]
    var random: RepeatableRandom = RepeatableRandom()

    private init(_ log: ScriptLog) { self.log = log }

    /// Plays the script of the environment until the end of the process.
    static func run() -> Never {
        let surroundings = Surroundings()
        signal(SIGPIPE, SIG_IGN)
        do {
            let connection = ScriptedConnection(try ScriptLog(path: variable("AGENTOS_SCRIPT_LOG")))
            connection.log.start(surroundings)
            do {
                connection.script = try Script(variable("AGENTOS_SCRIPT"))
                try connection.serve()
            } catch {
                connection.end(2, saying: "agentos-scripted-sidecar: \(error.text)")
            }
        } catch {
            RawFile.writeError("agentos-scripted-sidecar: \(error.text)\n")
            exit(2)
        }
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Ends the process; what was put by leaves before.
    func end(_ code: Int32, saying text: String? = nil) -> Never {
        output.flush()
        if let text { RawFile.writeError(text + "\n") }
        log.exit(code)
        exit(code)
    }

    /// The end of the real sidecar when it cannot go on (wire-protocol.md 14).
    private func fail(_ text: String) -> Never { end(1, saying: "agent-os-sidecar: \(text)") }

    func checkOutput() {
        if let failure = output.failure { fail(ScriptError.text(of: failure)) }
    }

    func closeInput() { input.shut() }

    private func serve() throws(ScriptError) -> Never {
        try act(on: RequestContext(.start, identifiers), everyRule: true)
        while true {
            for run in delayed.takeDue() { try perform(run) }
            if input.isClosed || hasEnded { idle() } else { try receive() }
        }
    }

    private func receive() throws(ScriptError) {
        if !delayed.isEmpty {
            var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, delayed.pollTimeout) > 0 else { return }
        }
        switch input.fill() {
        case .bytes:
            while let frame = nextFrame() { try serve(frame) }
            output.flush()
            checkOutput()
        case .endOfFile: try endOfFile()
        case .failed(let number): fail(ScriptError.text(of: number))
        case .nothing:
            var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            poll(&wait, 1, delayed.pollTimeout)
        }
    }

    private func nextFrame() -> ProtocolFrame? {
        do { return try input.nextFrame() } catch { fail(error.text) }
    }

    private func serve(_ frame: ProtocolFrame) throws(ScriptError) {
        log.frame(frame)
        switch frame {
        case .request(let request):
            let context = RequestContext(.request(request), identifiers)
            if try act(on: context) { return }
            for answer in DefaultAnswers.frames(to: context, identifiers) {
                output.append(try FrameBytes.encode(answer))
            }
        case .sidecarResponse(let response):
            try act(on: RequestContext(.sidecarResponse(response), identifiers))
        case .response, .event, .sidecarRequest:
            fail("expected request or sidecar_response frame on stdin, received \(frame.typeName)")
        }
    }

    /// Lets the first rule that matches act, or every one; false if there is none.
    @discardableResult
    private func act(on context: RequestContext, everyRule: Bool = false) throws(ScriptError) -> Bool {
        var chosen: [Int] = []
        for index in script.rules.indices where script.rules[index].acts(on: context) { chosen.append(index) }
        guard !chosen.isEmpty else { return false }
        for index in everyRule ? chosen : [chosen[0]] {
            try perform(ActionRun(script.rules[index].actions, context))
        }
        return true
    }

    /// The orderly end, at the border of a frame or within a prefix; within a payload it is an error.
    private func endOfFile() throws(ScriptError) {
        log.endOfFile(partial: input.partial)
        hasEnded = true
        if !script.ignoresEndOfFile {
            if input.partial >= FrameCodec.prefixSize { fail("failed to fill whole buffer") }
            delayed.removeAll()
        }
        try act(on: RequestContext(.endOfFile, identifiers), everyRule: true)
    }

    /// Nothing more to read: what is delayed, then the end, or the wait for it.
    private func idle() {
        if hasEnded, !script.ignoresEndOfFile, delayed.isEmpty { end(script.exitCode) }
        // A host that was killed cannot kill us.
        if getppid() != parent { end(0) }
        let timeout = delayed.pollTimeout
        poll(nil, 0, timeout < 0 ? 1000 : min(timeout, 1000))
    }
}
