// SPDX-License-Identifier: Apache-2.0
internal import AgentOSClient
internal import AgentOSSystem
package import CAgentOS

// MARK: walk

private func walk(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ meter: ProgressMeter
) throws(ClientError) -> Prepared<String> {
    let document = try Arguments.optionalText(options, optionsLen, "options_json")
    let options = try WalkOptions(document: document)
    return try PathCalls.one(object, vm, path, len) { $0.walkJSON($1, options, meter) }
}

@_cdecl("aos_fs_walk")
package func fsWalk(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ timeout: UInt64,
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(out, err, timeout, sidecar) { object throws(ClientError) in
        try walk(object, vm, path, len, options, optionsLen, ProgressMeter())
    }
}

@_cdecl("aos_fs_walk_async")
package func fsWalkAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ path: UnsafePointer<CChar>?,
    _ len: Int,
    _ options: UnsafePointer<CChar>?,
    _ optionsLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try walk(object, vm, path, len, options, optionsLen, events.meter)
    } _: {
        .complete(block: ByteBlock.text($0), isJSON: true)
    }
}

// MARK: move

private func move(
    _ object: SidecarObject,
    _ vm: aos_id,
    _ from: (text: UnsafePointer<CChar>?, len: Int),
    _ to: (text: UnsafePointer<CChar>?, len: Int),
    _ meter: ProgressMeter
) throws(ClientError) -> Prepared<Void> {
    try PathCalls.two(object, vm, (from.text, from.len, "from"), (to.text, to.len, "to")) {
        $0.move($1, to: $2, meter)
    }
}

@_cdecl("aos_fs_move")
package func fsMove(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ from: UnsafePointer<CChar>?,
    _ fromLen: Int,
    _ to: UnsafePointer<CChar>?,
    _ toLen: Int,
    _ timeout: UInt64,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    PathCalls.wait(err, timeout, sidecar) { object throws(ClientError) in
        try move(object, vm, (from, fromLen), (to, toLen), ProgressMeter())
    }
}

@_cdecl("aos_fs_move_async")
package func fsMoveAsync(
    _ sidecar: OpaquePointer?,
    _ vm: aos_id,
    _ from: UnsafePointer<CChar>?,
    _ fromLen: Int,
    _ to: UnsafePointer<CChar>?,
    _ toLen: Int,
    _ completion: UnsafePointer<aos_completion>?,
    _ op: UnsafeMutablePointer<aos_id>?,
    _ err: UnsafeMutablePointer<OpaquePointer?>?
) -> aos_status {
    Submit.run(sidecar, completion, op, err) { object, events throws(ClientError) in
        try move(object, vm, (from, fromLen), (to, toLen), events.meter)
    } _: { _ in
        .complete()
    }
}
