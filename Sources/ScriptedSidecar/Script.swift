// SPDX-License-Identifier: Apache-2.0
internal import AgentOSWire
internal import Glibc

/// What the scripted peer does instead of a sidecar's work.
///
/// The peer reads frames from stdin (4 bytes of big-endian length, then BARE), writes frames to stdout, and
/// gives canned answers. It emulates nothing.
///
/// ## Environment
/// - `AGENTOS_SCRIPT`: the script, as JSON if it begins with `{`, else the path of a file. Unset or empty:
///   no rules.
/// - `AGENTOS_SCRIPT_LOG`: a file to which one line of JSON is appended for each of these:
///   - `{"event":"start","pid":..,"fds":[..],"blockedSignals":"<SigBlk, hex>","ignoredSignals":"<SigIgn,
///     hex>", "pgid":..,"sid":..,"argv":[..],"cwd":"..","tmpdir":<TMPDIR or null>}`: all as found at the
///     start;
///   - `{"event":"frame","ms":<since the start>,"frame":{..}}`: a received frame in JSON form. A `chunk` of
///     more than 4096 bytes stands there as `{"bytes":<count>,"head":[<first 16 bytes>]}`;
///   - `{"event":"eof","ms":..,"partial":<bytes of an unfinished frame, prefix included>}`;
///   - `{"event":"exit","code":..}`: a status of its own choice, not a signal.
///
/// ## Script
/// `{"rules":[rule, ..], "ignoreEOF":false, "exitCode":0}`, every member optional. `exitCode` is the status
/// after end of file. With `ignoreEOF` the peer stays after it until it is killed or its parent has gone;
/// the same holds after `closeStdin`.
///
/// ## Rule
/// `{"on":.., "nth":.., "where":{..}, "do":[action, ..]}`
/// - `on`: the JSON type of a request (`create_vm`), `*` (any request), `sidecar_response`, `start` (before
///   anything is read) or `eof`.
/// - `where`: members of the payload with the JSON values that they must equal.
/// - `nth`: from 1, among what matched `on` and `where` of this rule, also where an earlier rule acted;
///   absent: every.
///
/// For a frame the first rule that matches acts. Without one a request gets its default answer and a
/// `sidecar_response` nothing. All `start` and all `eof` rules act, in their order.
///
/// ## Actions
/// They run in order. Each output is a write(2) of its own, but see `hold`.
/// - `{"default":true}`: the default answer, with its events.
/// - `{"answer":{payload},"ownership":{..},"id":n}`: a response. Id and ownership are those of the request
///   unless given; `authenticated` is owned by the connection that it names.
/// - `{"reject":["code","message"]}`, with `ownership` and `id` as above.
/// - `{"event":{payload},"ownership":{..}}`: the request's VM unless given, for `create_vm` the one just
///   made.
/// - `{"callback":{payload},"id":-1,"ownership":{..}}`: a sidecar request. Ids count -1, -2, .. unless
///   given.
/// - `{"frame":{whole frame}}`: as it is; ids, schema and ownership may be wrong. (So they may be in all of
///   the above.)
/// - `{"hex":"00 ff"}`, `{"text":"HTTP/1.1"}`: raw bytes to stdout.
/// - `{"stderr":"text"}` (no newline is added), `{"stderrFlood":bytes}` (lines of 80 bytes).
/// - `{"delay":ms}`: the rest of this rule comes later, other frames are served meanwhile; 0 lets those go
///   first that wait. `[from,to]`: a random time between, from a fixed seed. End of file drops what is
///   delayed, but for `eof` rules and under `ignoreEOF`.
/// - `{"sleep":ms}`: everything stands still.
/// - `{"remember":"a"}` keeps the request; `{"answerRemembered":"a"}` answers the oldest kept by this name:
///   by default, or with `"answer":{..}`, `"reject":[..]`, `"ownership"`, `"id"` beside it. It is forgotten
///   then; placeholders in the answer speak of it.
/// - `{"repeat":n,"do":[..]}`: `$i` counts from 1; a `delay` inside delays the further rounds too.
/// - `{"hold":true}` .. `{"flush":true}`: what this rule writes between leaves in one write(2), also across
///   a `delay`. The end of the rule, `exit` and `signal` flush.
/// - `{"drip":n}`: from now on n bytes per write(2), all output; 0 ends it.
/// - `{"exit":n}`, `{"signal":n}` (sent to itself), `{"closeStdout":true}` (later output is dropped),
///   `{"closeStdin":true}` (frames already read are dropped), `{"nothing":true}`.
///
/// ## Values
/// In strings of payloads, ownerships, frames, `id`, `reject`, `text` and `stderr` these stand for what
/// they name, also inside a longer string: `$vmId` `$sessionId` `$connectionId` `$processId` `$path` (of
/// the current request; a VM or session that it creates counts) and `$i` (of the innermost `repeat`). What
/// has no value stays as it is.
/// - A `chunk` is an array of numbers, `{"bytes":n,"fill":"x"}` (n bytes of the repeated text),
///   `{"hex":".."}` or `{"text":".."}`.
/// - Elsewhere `{"bytes":n,"fill":"x"}` is a string of n bytes.
///
/// ## End
/// A frame that cannot be read: `agent-os-sidecar: <error>` on stderr and status 1, like the real one; a
/// failed write the same. A faulty script: `agentos-scripted-sidecar: <error>` and status 2.
struct Script {
    var rules: [ScriptRule] = []
    var ignoresEndOfFile: Bool = false
    var exitCode: Int32 = 0

    init() {}

    /// Reads the value of `AGENTOS_SCRIPT`.
    init(_ source: String?) throws(ScriptError) {
        self.init()
        guard let source, !source.isEmpty else { return }
        let text: [UInt8]
        if source.hasPrefix("{") {
            text = Array(source.utf8)
        } else {
            guard let content = try? RawFile.read(source) else {
                throw ScriptError("cannot read script \(source): \(ScriptError.text(of: errno))")
            }
            text = content
        }
        let json: JSONValue
        do { json = try JSONReader.parse(text) } catch { throw ScriptError("script: \(error.text)") }
        do { try read(json) } catch { throw error.below("script") }
    }

    private mutating func read(_ json: JSONValue) throws(ScriptError) {
        let object = try ScriptObject(json, allowed: ["rules", "ignoreEOF", "exitCode"])
        rules = try object.list("rules", ScriptRule.init) ?? []
        ignoresEndOfFile = try object.flag("ignoreEOF") ?? false
        exitCode = try object.integer("exitCode") ?? 0
    }
}
